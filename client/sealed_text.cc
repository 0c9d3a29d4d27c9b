#include "client/sealed_text.h"

#include "client/say.h"

namespace client {
namespace {

constexpr std::string_view kCompare = "sudo adit-agent fingerprint";

std::string Because(std::string_view why) {
  return why.empty() ? std::string() : " (" + Printable(why) + ")";
}

}  // namespace

std::string MeetingText(const KnownNodes::Meeting& meeting, const KnownNodes::Node& node,
                        std::string_view fingerprint, const std::string& path) {
  using Kind = KnownNodes::Meeting::Kind;
  const std::string id = Printable(node.id);
  const std::string label = node.name.empty() ? id : Printable(node.name) + " (" + id + ")";
  const std::string now(fingerprint);
  switch (meeting.kind) {
    case Kind::kKnown:
      return {};
    case Kind::kFirst: {
      std::string text = "first contact with " + label + ", whose key is " + now +
                         "\nit is trusted from now on; to be sure, compare it with what this "
                         "prints there: " +
                         std::string(kCompare);
      if (!meeting.kept.ok()) {
        text += "\nit could not be noted, and will be new again: " + TextOf(meeting.kept);
      }
      return text;
    }
    case Kind::kOtherKey:
      return label + " shows another key than before; nothing was sent to it\n" + "  known  " +
             meeting.known.fingerprint + "\n  now    " + now +
             "\neither its agent was set up anew, or somebody sits in between, which the relay "
             "itself could do\ncompare on that machine: " +
             std::string(kCompare) + "\nif it prints the new one: adit forget " + id +
             "  (or "
             "remove the line from " +
             path + ")";
    case Kind::kOtherNode:
      break;
  }
  const std::string name = Printable(node.named_by_id ? node.id : node.name);
  const std::string by_id =
      node.named_by_id ? "" : "; if both are yours, name this one by its id: " + id;
  return "the name " + name + " belonged to another node so far; nothing was sent\n  known  " +
         meeting.known.node_id + " " + meeting.known.fingerprint + "\n  now    " + id + " " + now +
         "\neither the machine was enrolled anew, or the relay shows you another one under its "
         "name\nif it was: adit forget " +
         meeting.known.node_id + by_id;
}

std::string ProofErrorText(ProofError error, std::string_view node) {
  const std::string name = Printable(node);
  if (error == ProofError::kNotSigned) {
    return "what the relay says of " + name + " is not signed by " + name +
           "'s key for this session; nothing was sent\nsomebody altered it on the way, which "
           "the relay itself could do; ask whoever runs the relay, and until then do not use it";
  }
  return "the relay's answer about the sealed session on " + name +
         " cannot be read; nothing was sent\nadit, relay and agent may be of versions that do not "
         "fit: update the oldest";
}

std::string NodeTlsText(std::string_view node, const engine::HostPort& relay,
                        std::string_view detail) {
  const std::string name = Printable(node);
  return "no end-to-end encryption with " + name + " through the relay " +
         engine::FormatHostPort(relay) + (detail.empty() ? "" : ": " + Printable(detail)) +
         "\nnothing was sent; try again, and if it stays, the agent's log on " + name +
         " says more (with systemd: journalctl -u adit-agent)";
}

std::string WrappedText(const engine::HostPort& relay) {
  return "something between here and " + engine::FormatHostPort(relay) +
         " ends TLS; the sealed session goes on inside it, as secret as before and a little slower";
}

std::string UnsealedText(std::string_view node, std::string_view why) {
  return "the session on " + Printable(node) + " cannot be sealed" + Because(why) +
         ": the relay can read what passes; --sealed refuses that, --inspected says nothing";
}

std::string NotSealedText(std::string_view node, std::string_view why) {
  const std::string name = Printable(node);
  return "no sealed session on " + name + Because(why) + "\nupdate adit-relay, and the agent on " +
         name + "; or leave out --sealed, and let the relay be able to read what passes";
}

std::string NoLongerSealedText(std::string_view node, std::string_view why) {
  const std::string name = Printable(node);
  return "no sealed session on " + name + Because(why) +
         "\nearlier sessions on it were sealed, so a relay that wants to read this one would say "
         "the same\nif you know the reason, --inspected goes on, and the relay can read what "
         "passes";
}

std::string CutText(std::string_view node, std::string_view reason) {
  return "the session on " + Printable(node) + " was ended: " + Printable(reason);
}

}  // namespace client
