#include "relay/sts/sts_api.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "engine/http/amz_date.h"
#include "relay/access/mfa_check.h"
#include "relay/iam/iam_input.h"
#include "relay/store/identifiers.h"
#include "relay/store/store.h"

namespace relay::sts {
namespace {

using Json = nlohmann::json;

constexpr size_t kSerialNumberSizeMax = 256;
constexpr size_t kCodeSize = 6;

}  // namespace

ApiOutcome GetCallerIdentity(ApiContext&, ApiCall& call) {
  call.output = {
      {"UserId", call.caller.UserId()}, {"Account", kAccountId}, {"Arn", call.caller.principal}};
  return std::nullopt;
}

ApiOutcome GetAccessKeyInfo(ApiContext& context, ApiCall& call) {
  iam::IamInput input(call.input);
  const std::string id = input.Text("AccessKeyId", 16, 128);
  if (input.error().has_value()) return input.error();
  if (!id.starts_with("ASIA")) {
    const absl::StatusOr<AccessKeyFacts> facts = context.store.Iam().FindAccessKeyFacts(id);
    if (absl::IsNotFound(facts.status())) {
      return ApiError{"ValidationError", "There is no access key " + id + " at this relay.", 400};
    }
    if (!facts.ok()) return LogStoreFailure(facts.status());
  }
  call.output = {{"Account", kAccountId}};
  return std::nullopt;
}

ApiOutcome GetSessionToken(ApiContext& context, ApiCall& call) {
  if (call.caller.temporary.has_value()) {
    return ApiError{"AccessDeniedException",
                    "Cannot call GetSessionToken with session credentials. Call it with the access "
                    "key of a user.",
                    403};
  }
  iam::IamInput input(call.input);
  const int64_t seconds = input.Integer("DurationSeconds", kSessionMinSeconds,
                                        kUserSessionMaxSeconds, kUserSessionSeconds);
  const std::string serial_number = input.TextIfAny("SerialNumber", kSerialNumberSizeMax);
  const std::string code = input.TextIfAny("TokenCode", kCodeSize);
  if (input.error().has_value()) return input.error();
  TemporaryPrincipal principal{.entity_id = call.caller.entity_id,
                               .issuer_key_id = call.caller.access_key_id,
                               .session = {},
                               .expires_unix_ms = call.now_unix_ms + seconds * 1000};
  principal.session.issued_unix_ms = call.now_unix_ms;
  if (!serial_number.empty() || !code.empty()) {
    if (std::optional<ApiError> wrong = context.mfa.Check(context.store, call.caller.entity_id,
                                                          serial_number, code, call.now_unix_ms)) {
      return wrong;
    }
    principal.session.mfa_unix_ms = call.now_unix_ms;
  }
  TemporaryCredentials issued;
  return IssueCredentials(context, principal, NewIamId("ASIA"), call, issued);
}

std::optional<ApiError> IssueCredentials(ApiContext& context, const TemporaryPrincipal& principal,
                                         std::string access_key_id, ApiCall& call,
                                         TemporaryCredentials& issued) {
  absl::StatusOr<TemporaryCredentials> made =
      context.tokens.Issue(std::move(access_key_id), principal);
  if (!made.ok()) {
    return ApiError{"PackedPolicyTooLarge",
                    "The session policy, policy ARNs and tags are too large together: " +
                        std::string(made.status().message()) + ". Pass fewer or shorter ones.",
                    400};
  }
  issued = *std::move(made);
  const std::string expiration = engine::IsoDate(principal.expires_unix_ms / 1000);
  call.output["Credentials"] = {{"AccessKeyId", issued.access_key_id},
                                {"SecretAccessKey", issued.secret},
                                {"SessionToken", issued.token},
                                {"Expiration", expiration}};
  call.audit.response_elements = Json{
      {"credentials",
       {{"accessKeyId", issued.access_key_id},
        {"sessionToken", kHiddenValue},
        {"expiration", expiration}}}}.dump();
  return std::nullopt;
}

}  // namespace relay::sts
