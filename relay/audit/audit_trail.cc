#include "relay/audit/audit_trail.h"

#include <nlohmann/json.hpp>
#include <span>
#include <utility>

#include "engine/crypto/uuid.h"
#include "engine/http/amz_date.h"
#include "relay/store/identifiers.h"
#include "relay/store/store.h"

namespace relay {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kAccount = "000000000000";

constexpr size_t kMembersMax = 24;  // Of a record.

// Object builds a JSON object of members that have different names, without the copies that an
// initializer list makes: each connection of a forward makes two records.
class Object {
 public:
  explicit Object(size_t members_max) { members().reserve(members_max); }

  void Add(std::string_view name, Json value) {
    members().emplace_back(std::string(name), std::move(value));
  }
  Json Take() && { return std::move(json_); }

 private:
  Json::object_t& members() { return json_.get_ref<Json::object_t&>(); }

  Json json_ = Json::object();
};

// Foreign text is cut, and bytes that are no UTF-8 are replaced when the record is written.
std::string Cut(const std::string& text, size_t size_max = 1024) {
  return text.substr(0, size_max);
}

Json Member(const std::string& json) {
  if (json.empty()) return nullptr;
  if (json.size() > kAuditMemberSizeMax) {
    return {{"omitted", std::to_string(json.size()) + " bytes: too large for a record"}};
  }
  Json parsed = Json::parse(json, nullptr, /*allow_exceptions=*/false);
  return parsed.is_discarded() ? Json(nullptr) : parsed;
}

// NameIn is what stands behind the last slash or colon.
std::string_view NameIn(std::string_view arn) { return arn.substr(arn.find_last_of("/:") + 1); }

// SessionContext is what temporary credentials add to an identity.
Json SessionContext(const AuditRecord& record) {
  Json context = Json::object();
  if (!record.role_arn.empty()) {
    const std::string& id = record.principal_id;
    context["sessionIssuer"] = {{"type", "Role"},
                                {"principalId", id.substr(0, id.find(':'))},
                                {"arn", record.role_arn},
                                {"accountId", kAccount},
                                {"userName", NameIn(record.role_arn)}};
  }
  context["attributes"] = {{"creationDate", engine::IsoDate(record.issued_unix_ms / 1000)},
                           {"mfaAuthenticated", record.has_mfa ? "true" : "false"}};
  return context;
}

Json Identity(const AuditRecord& record) {
  if (record.principal.empty()) {
    if (record.event_type == "AwsServiceEvent") {
      return {{"type", "AWSService"}, {"invokedBy", "adit"}};
    }
    Json unknown = {{"type", "Unknown"}};
    if (!record.access_key_id.empty()) unknown["accessKeyId"] = Cut(record.access_key_id, 128);
    return unknown;
  }
  if (!record.principal.starts_with("arn:")) {
    return {{"type", "Node"}, {"principalId", record.principal}, {"accountId", kAccount}};
  }
  const bool is_role = record.principal.find(":assumed-role/") != std::string::npos;
  Json user = {{"type", is_role ? "AssumedRole" : "IAMUser"}};
  if (!record.principal_id.empty()) user["principalId"] = record.principal_id;
  user["arn"] = record.principal;
  user["accountId"] = kAccount;
  if (!record.access_key_id.empty()) user["accessKeyId"] = record.access_key_id;
  if (!record.user_name.empty() && !is_role) user["userName"] = record.user_name;
  if (record.issued_unix_ms != 0) user["sessionContext"] = SessionContext(record);
  return user;
}

// TypeOf is CloudTrail's name of what such an ARN, or id of a node or session, stands for.
std::string_view TypeOf(std::string_view arn) {
  constexpr std::pair<std::string_view, std::string_view> kSsm[] = {
      {":managed-instance/", "AWS::SSM::ManagedInstance"},
      {":document/", "AWS::SSM::Document"},
      {":session/", "AWS::SSM::Session"},
      {":activation/", "AWS::SSM::Activation"}};
  constexpr std::pair<std::string_view, std::string_view> kIam[] = {
      {":user/", "AWS::IAM::User"},
      {":role/", "AWS::IAM::Role"},
      {":group/", "AWS::IAM::Group"},
      {":policy/", "AWS::IAM::Policy"},
      {":mfa/", "AWS::IAM::MfaDevice"}};
  if (arn.starts_with("mi-")) return "AWS::SSM::ManagedInstance";
  if (!arn.starts_with("arn:")) return "AWS::SSM::Session";
  const std::span<const std::pair<std::string_view, std::string_view>> known =
      arn.starts_with("arn:aws:iam:")
          ? std::span(kIam)
          : std::span<const std::pair<std::string_view, std::string_view>>(kSsm);
  for (const auto& [part, name] : known) {
    if (arn.find(part) != std::string_view::npos) return name;
  }
  return "Other";
}

Json Resources(const AuditRecord& record) {
  Json resources = Json::array();
  for (const std::string& arn : record.resources) {
    if (resources.size() == kAuditResourcesMax) break;
    Object resource(3);
    resource.Add("ARN", Cut(arn, 512));
    resource.Add("accountId", kAccount);
    resource.Add("type", TypeOf(arn));
    resources.push_back(std::move(resource).Take());
  }
  return resources;
}

}  // namespace

bool IsReadOnly(std::string_view operation) {
  for (const std::string_view verb : {"Describe", "Get", "List", "Lookup", "Simulate"}) {
    // Those two hand out credentials, and are written as changes by AWS, too.
    if (operation == "GetSessionToken" || operation == "GetFederationToken") return false;
    if (operation.starts_with(verb)) return true;
  }
  return false;
}

AuditEvent::Resource ResourceOf(std::string_view arn) {
  return {std::string(TypeOf(arn)), Cut(std::string(NameIn(arn)), 512)};
}

AuditRecord NewServiceEvent(std::string_view name, int64_t time_unix_ms) {
  AuditRecord record;
  record.time_unix_ms = time_unix_ms;
  record.event_name = name;
  record.event_type = "AwsServiceEvent";
  return record;
}

std::string ToJson(const AuditRecord& record, std::string_view event_id) {
  Object json(kMembersMax);
  json.Add("eventVersion", "1.09");
  json.Add("userIdentity", Identity(record));
  json.Add("eventTime", engine::IsoDate(record.time_unix_ms / 1000));
  json.Add("eventSource", record.event_source);
  json.Add("eventName", Cut(record.event_name, 128));
  json.Add("awsRegion", "adit");
  json.Add("sourceIPAddress", record.source_ip);
  if (!record.user_agent.empty()) json.Add("userAgent", Cut(record.user_agent, 256));
  if (!record.error_code.empty()) {
    json.Add("errorCode", record.error_code);
    json.Add("errorMessage", Cut(record.error_message));
  }
  json.Add("requestParameters", Member(record.request_parameters));
  json.Add("responseElements", Member(record.response_elements));
  if (!record.additional.empty()) {
    Object additional(record.additional.size());
    for (const auto& [name, text] : record.additional) additional.Add(name, Cut(text));
    json.Add("additionalEventData", std::move(additional).Take());
  }
  if (!record.request_id.empty()) json.Add("requestID", record.request_id);
  json.Add("eventID", event_id);
  json.Add("readOnly", record.read_only);
  if (!record.resources.empty()) json.Add("resources", Resources(record));
  json.Add("eventType", record.event_type);
  json.Add("managementEvent", true);
  json.Add("recipientAccountId", kAccount);
  json.Add("eventCategory", "Management");
  if (!record.host.empty()) {  // The relay speaks no older version.
    json.Add("tlsDetails",
             {{"tlsVersion", "TLSv1.3"}, {"clientProvidedHostHeader", Cut(record.host, 256)}});
  }
  return std::move(json).Take().dump(-1, ' ', /*ensure_ascii=*/false,
                                     Json::error_handler_t::replace);
}

absl::Status AppendAudit(Store& store, const AuditRecord& record) {
  AuditEvent event;
  event.id = engine::crypto::NewTimeUuid(record.time_unix_ms);
  event.time_unix_ms = record.time_unix_ms;
  event.name = Cut(record.event_name, 128);
  event.principal = record.principal;
  event.record = ToJson(record, event.id);
  event.source = record.event_source;
  event.user_name = record.user_name;
  event.access_key_id = Cut(record.access_key_id, 128);
  event.read_only = record.read_only;
  for (const std::string& arn : record.resources) {
    if (event.resources.size() == kAuditResourcesMax) break;
    event.resources.push_back(ResourceOf(arn));
  }
  return store.AppendAudit(event);
}

}  // namespace relay
