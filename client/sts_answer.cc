#include "client/sts_answer.h"

#include "client/xml_text.h"
#include "engine/http/amz_date.h"

namespace client {
std::optional<Identity> ReadIdentity(std::string_view xml) {
  Identity identity{.arn = XmlText(xml, "Arn"),
                    .user_id = XmlText(xml, "UserId"),
                    .account = XmlText(xml, "Account")};
  if (identity.arn.empty()) return std::nullopt;
  return identity;
}

std::optional<SessionCredentials> ReadSessionCredentials(std::string_view xml) {
  const std::optional<int64_t> expires = engine::ParseIsoDate(XmlText(xml, "Expiration"));
  SessionCredentials credentials{.access_key_id = XmlText(xml, "AccessKeyId"),
                                 .secret_access_key = XmlText(xml, "SecretAccessKey"),
                                 .session_token = XmlText(xml, "SessionToken"),
                                 .expires = expires.value_or(0)};
  const bool is_whole = expires.has_value() && !credentials.access_key_id.empty() &&
                        !credentials.secret_access_key.empty() &&
                        !credentials.session_token.empty();
  if (!is_whole) return std::nullopt;
  return credentials;
}

}  // namespace client
