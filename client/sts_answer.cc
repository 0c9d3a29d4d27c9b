#include "client/sts_answer.h"

#include "engine/http/amz_date.h"

namespace client {
namespace {

struct Reference {
  std::string_view name;
  char character;
};

constexpr Reference kReferences[] = {{"&amp;", '&'},  {"&lt;", '<'},    {"&gt;", '>'},
                                     {"&quot;", '"'}, {"&apos;", '\''}, {"&#xD;", '\r'}};

// Unescape undoes the references that the relay writes; any other stays as it is.
std::string Unescape(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    size_t taken = 0;
    for (const auto& [name, character] : kReferences) {
      if (!text.starts_with(name)) continue;
      out.push_back(character);
      taken = name.size();
    }
    if (taken == 0) {
      out.push_back(text.front());
      taken = 1;
    }
    text.remove_prefix(taken);
  }
  return out;
}

std::string Text(std::string_view xml, std::string_view name) {
  return XmlElement(xml, name).value_or("");
}

}  // namespace

std::optional<std::string> XmlElement(std::string_view xml, std::string_view name) {
  const std::string open = "<" + std::string(name) + ">";
  const size_t begin = xml.find(open);
  if (begin == std::string_view::npos) return std::nullopt;
  xml.remove_prefix(begin + open.size());
  const size_t end = xml.find("</" + std::string(name) + ">");
  if (end == std::string_view::npos) return std::nullopt;
  return Unescape(xml.substr(0, end));
}

std::optional<Identity> ReadIdentity(std::string_view xml) {
  Identity identity{
      .arn = Text(xml, "Arn"), .user_id = Text(xml, "UserId"), .account = Text(xml, "Account")};
  if (identity.arn.empty()) return std::nullopt;
  return identity;
}

std::optional<SessionCredentials> ReadSessionCredentials(std::string_view xml) {
  const std::optional<int64_t> expires = engine::ParseIsoDate(Text(xml, "Expiration"));
  SessionCredentials credentials{.access_key_id = Text(xml, "AccessKeyId"),
                                 .secret_access_key = Text(xml, "SecretAccessKey"),
                                 .session_token = Text(xml, "SessionToken"),
                                 .expires = expires.value_or(0)};
  const bool is_whole = expires.has_value() && !credentials.access_key_id.empty() &&
                        !credentials.secret_access_key.empty() &&
                        !credentials.session_token.empty();
  if (!is_whole) return std::nullopt;
  return credentials;
}

}  // namespace client
