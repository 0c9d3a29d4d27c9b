#include "client/session_end.h"

#include "client/say.h"
#include "engine/wire/command_line.h"
#include "engine/wire/session_plan.h"

namespace client {
namespace {

using engine::CloseCode;

std::string WithDetail(std::string sentence, std::string_view text) {
  if (!text.empty()) sentence += ": " + Printable(text);
  return sentence;
}

// GoodbyeText is about a process that was told to end. Whether it comes again it does not know
// itself; relay and agent begin their words with who they are.
std::string GoodbyeText(std::string_view text, const std::string& node) {
  if (text.starts_with(engine::kAgentStoppedText)) {
    return "the agent on " + node +
           " was told to stop, and ended the session before it went; nothing waits for it here\n"
           "`adit nodes` shows when " +
           node + " is online again: then start again";
  }
  if (text.starts_with(engine::kRelayStoppingText)) {
    return std::string(engine::kRelayStoppingText) +
           "; if it starts again, that takes a moment: try then";
  }
  return WithDetail("the relay or the agent on " + node + " is stopping", text) +
         "\n`adit nodes` shows whether both are there again: then start again";
}

}  // namespace

std::string SessionEndText(CloseCode code, std::string_view text, std::string_view node) {
  const std::string name = Printable(node);
  switch (code) {
    case CloseCode::kNormal:
      return WithDetail("the session on " + name + " was closed", text);
    case CloseCode::kDenied:
      return WithDetail("access denied on " + name, text);
    case CloseCode::kSilent:
      return "nothing was heard for 11 s, so the connection is given up; look at the network "
             "between here and the relay, then start again";
    case CloseCode::kTooMany:
      return WithDetail("a maximum is reached for " + name, text) +
             "; close something and try again";
    case CloseCode::kSessionEnded:
      return WithDetail("the session on " + name + " was ended" +
                            (text.empty() ? " by an administrator or its owner" : ""),
                        text);
    case CloseCode::kShuttingDown:
      return GoodbyeText(text, name);
    case CloseCode::kReplaced:
      return WithDetail("the agent on " + name + " connected anew, which ended its sessions",
                        text) +
             "; start again";
    case CloseCode::kElsewhere:
      return "the relay sent us in a circle; try again, and if it stays, report it to whoever runs "
             "the relay";
    case CloseCode::kUnsupported:
      return WithDetail("the relay or the agent on " + name + " does not know this kind of session",
                        text) +
             "; it is probably older than this adit: update it";
    case CloseCode::kNodeGone:
      return name +
             " lost its connection to the relay, and what ran in the session was ended; "
             "`adit nodes` shows when it is back";
    case CloseCode::kBadToken:
      return "the relay did not accept the session's token, which works once and for a short time; "
             "start again";
    case CloseCode::kCannotStart:
      return WithDetail(name + " could not start the program", text);
    case CloseCode::kProtocolError:
    case CloseCode::kFlowControl:
      return WithDetail("the other side broke the protocol (" +
                            std::string(engine::CloseCodeName(code)) + ")",
                        text) +
             "; adit, relay and agent may be of versions that do not fit";
    default:
      break;
  }
  return WithDetail(
      "the session on " + name + " failed (" + std::string(engine::CloseCodeName(code)) + ")",
      text);
}

std::string NoProgramText(std::string_view text, std::string_view node, std::string_view document) {
  const std::string target = Printable(engine::AllowedPortIn(text));
  if (target.empty()) return {};
  const std::string remote =
      target.starts_with("localhost:") ? target.substr(target.rfind(':') + 1) : target;
  const std::string name = Printable(node);
  return "document " + Printable(document) + " opens a port, " + target +
         ", and no shell\nuse: adit forward " + name + " 0:" + remote + ", or adit proxy " + name +
         " " + remote;
}

std::string UnsplitText(std::string_view text, std::string_view node,
                        const std::vector<std::string>& arguments) {
  if (arguments.empty() || !text.starts_with(arguments.front() + ":")) return {};
  if (arguments.front().find_first_of(" \t\n|&;<>$`*?(){}'\"") == std::string::npos) return {};
  std::string line;
  for (const std::string& argument : arguments) line += (line.empty() ? "" : " ") + argument;
  return "\narguments are not split there; a line of the shell is run by: adit exec " +
         Printable(node) + " -- sh -c " + Printable(engine::QuoteArgument(line));
}

std::string RefusedText(CloseCode code, std::string_view text, std::string_view node,
                        std::string_view target) {
  const std::string name = Printable(node);
  const std::string aim = Printable(target);
  switch (code) {
    case CloseCode::kConnectionRefused:
      return aim + " refused the connection of " + name + ": nobody listens there";
    case CloseCode::kUnreachable:
      return aim + " cannot be reached from " + name + ": no route, or a firewall";
    case CloseCode::kTimedOut:
      return aim + " did not answer " + name + " in time";
    case CloseCode::kNameNotFound:
      return name + " cannot resolve the name in " + aim;
    case CloseCode::kDenied:
      return WithDetail("access denied to " + aim + " from " + name, text);
    case CloseCode::kTooMany:
      return WithDetail("too many connections to " + aim + " at once", text);
    default:
      return WithDetail("no connection to " + aim + " from " + name + " (" +
                            std::string(engine::CloseCodeName(code)) + ")",
                        text);
  }
}

}  // namespace client
