#include "engine/wire/invitation.h"

#include <algorithm>
#include <span>

#include "engine/base/bytes.h"

namespace engine {
namespace {

constexpr std::string_view kBlanks = " \t\r\n";
constexpr std::string_view kDigestPrefix = "sha256:";

// Kind is what differs between the two lines.
struct Kind {
  std::string_view word;
  std::string_view other_word;
  std::string_view other_command;  // What the other line is for.
  std::string_view id_member;
  std::string_view secret_member;
};
constexpr Kind kEnroll{"adit-enroll", "adit-login", "adit login", "id", "code"};
constexpr Kind kLogin{"adit-login", "adit-enroll", "adit-agent enroll", "key", "secret"};

struct Members {
  HostPort relay;
  CaDigest ca{};
  std::string id;
  std::string secret;
};

absl::Status Wrong(const Kind& kind, std::string_view what) {
  return absl::InvalidArgumentError("the " + std::string(kind.word) + " line is not usable: " +
                                    std::string(what) + "; copy the whole line that the relay " +
                                    "printed, from \"" + std::string(kind.word) + "\" on");
}

std::string_view TakeWord(std::string_view& rest) {
  rest.remove_prefix(std::min(rest.find_first_not_of(kBlanks), rest.size()));
  const std::string_view word = rest.substr(0, rest.find_first_of(kBlanks));
  rest.remove_prefix(word.size());
  return word;
}

// IsCredential is true for the alphabets that ids, codes and keys are made of.
bool IsCredential(std::string_view text) {
  constexpr std::string_view kPunctuation = "-_+/=.";
  return !text.empty() && std::all_of(text.begin(), text.end(), [kPunctuation](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           kPunctuation.find(c) != std::string_view::npos;
  });
}

// TakeMember reads one NAME=VALUE. The values of unknown members are not shown: a line that was cut
// at a wrong place may have part of the secret there.
absl::Status TakeMember(const Kind& kind, std::string_view name, std::string_view value,
                        Members& out) {
  if (name == "relay") {
    absl::StatusOr<HostPort> relay = ParseHostPort(value);
    if (!relay.ok()) return Wrong(kind, "relay= is not HOST:PORT");
    out.relay = *std::move(relay);
    return absl::OkStatus();
  }
  if (name == "ca") {
    if (!value.starts_with(kDigestPrefix) ||
        !FromHex(value.substr(kDigestPrefix.size()), std::span(out.ca)))
      return Wrong(kind, "ca= is not sha256: and 64 hexadecimal digits");
    return absl::OkStatus();
  }
  const bool is_id = name == kind.id_member;
  if (!IsCredential(value))
    return Wrong(kind, std::string(name) + "= is empty or has a character it cannot have");
  (is_id ? out.id : out.secret) = std::string(value);
  return absl::OkStatus();
}

absl::StatusOr<Members> Parse(const Kind& kind, std::string_view line) {
  if (line.size() > kInvitationSizeMax) return Wrong(kind, "it is longer than 1024 bytes");
  std::string_view rest = line;
  const std::string_view word = TakeWord(rest);
  if (word.empty()) return Wrong(kind, "it is empty");
  if (word == kind.other_word)
    return absl::InvalidArgumentError("this is an " + std::string(kind.other_word) +
                                      " line, which is for `" + std::string(kind.other_command) +
                                      "`; paste the " + std::string(kind.word) + " line here");
  if (word != kind.word)
    return Wrong(kind, "it does not begin with \"" + std::string(kind.word) + "\"");

  const std::array<std::string_view, 4> names{"relay", "ca", kind.id_member, kind.secret_member};
  std::array<bool, names.size()> seen{};
  Members out;
  for (std::string_view member = TakeWord(rest); !member.empty(); member = TakeWord(rest)) {
    const std::string_view name = member.substr(0, member.find('='));
    if (name.size() == member.size()) return Wrong(kind, "it has a word that is not NAME=VALUE");
    const auto found = std::find(names.begin(), names.end(), name);
    if (found == names.end())
      return Wrong(kind,
                   "it has a member that this version does not know (a newer relay? then "
                   "install a newer version here)");
    bool& is_seen = seen[static_cast<size_t>(found - names.begin())];
    if (is_seen) return Wrong(kind, std::string(name) + "= is there twice");
    is_seen = true;
    const absl::Status status = TakeMember(kind, name, member.substr(name.size() + 1), out);
    if (!status.ok()) return status;
  }
  for (size_t i = 0; i < names.size(); ++i) {
    if (!seen[i]) return Wrong(kind, std::string(names[i]) + "= is missing");
  }
  return out;
}

std::string Format(const Kind& kind, const HostPort& relay, const CaDigest& ca,
                   const std::string& id, const std::string& secret) {
  std::string line(kind.word);
  line += " relay=" + FormatHostPort(relay);
  line += " ca=" + std::string(kDigestPrefix) + ToHex(ca);
  line += " " + std::string(kind.id_member) + "=" + id;
  line += " " + std::string(kind.secret_member) + "=" + secret;
  return line;
}

}  // namespace

absl::StatusOr<EnrollInvitation> ParseEnrollInvitation(std::string_view line) {
  absl::StatusOr<Members> members = Parse(kEnroll, line);
  if (!members.ok()) return members.status();
  return EnrollInvitation{std::move(members->relay), members->ca, std::move(members->id),
                          std::move(members->secret)};
}

absl::StatusOr<LoginInvitation> ParseLoginInvitation(std::string_view line) {
  absl::StatusOr<Members> members = Parse(kLogin, line);
  if (!members.ok()) return members.status();
  return LoginInvitation{std::move(members->relay), members->ca, std::move(members->id),
                         std::move(members->secret)};
}

std::string FormatInvitation(const EnrollInvitation& invitation) {
  return Format(kEnroll, invitation.relay, invitation.ca, invitation.activation_id,
                invitation.code);
}

std::string FormatInvitation(const LoginInvitation& invitation) {
  return Format(kLogin, invitation.relay, invitation.ca, invitation.access_key_id,
                invitation.secret);
}

}  // namespace engine
