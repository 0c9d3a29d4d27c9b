#include "relay/audit/audit_trail.h"

#include <nlohmann/json.hpp>

#include "engine/http/amz_date.h"
#include "relay/store/identifiers.h"
#include "relay/store/store.h"

namespace relay {
namespace {

using Json = nlohmann::ordered_json;

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

Json Identity(const AuditRecord& record) {
  if (record.principal.empty()) {
    Json unknown = {{"type", "Unknown"}};
    if (!record.access_key_id.empty()) unknown["accessKeyId"] = Cut(record.access_key_id, 128);
    return unknown;
  }
  if (!record.principal.starts_with("arn:")) {
    return {{"type", "Node"}, {"principalId", record.principal}};
  }
  Json user = {{"type", "IAMUser"}, {"arn", record.principal}};
  if (!record.access_key_id.empty()) user["accessKeyId"] = record.access_key_id;
  if (!record.user_name.empty()) user["userName"] = record.user_name;
  return user;
}

}  // namespace

AuditRecord NewServiceEvent(std::string_view name, int64_t time_unix_ms) {
  AuditRecord record;
  record.time_unix_ms = time_unix_ms;
  record.event_name = name;
  record.event_type = "AwsServiceEvent";
  return record;
}

std::string ToJson(const AuditRecord& record, std::string_view event_id) {
  Json json = {
      {"eventVersion", "1.09"},
      {"userIdentity", Identity(record)},
      {"eventTime", engine::IsoDate(record.time_unix_ms / 1000)},
      {"eventSource", record.event_source},
      {"eventName", Cut(record.event_name, 128)},
      {"awsRegion", "adit"},
      {"sourceIPAddress", record.source_ip},
  };
  if (!record.user_agent.empty()) json["userAgent"] = Cut(record.user_agent, 256);
  if (!record.error_code.empty()) {
    json["errorCode"] = record.error_code;
    json["errorMessage"] = Cut(record.error_message);
  }
  json["requestParameters"] = Member(record.request_parameters);
  json["responseElements"] = Member(record.response_elements);
  if (!record.additional.empty()) {
    Json additional = Json::object();
    for (const auto& [name, text] : record.additional) additional[name] = Cut(text);
    json["additionalEventData"] = std::move(additional);
  }
  if (!record.request_id.empty()) json["requestID"] = record.request_id;
  json["eventID"] = std::string(event_id);
  json["eventType"] = record.event_type;
  return json.dump(-1, ' ', /*ensure_ascii=*/false, Json::error_handler_t::replace);
}

absl::Status AppendAudit(Store& store, const AuditRecord& record) {
  AuditEvent event;
  event.id = NewUuid();
  event.time_unix_ms = record.time_unix_ms;
  event.name = Cut(record.event_name, 128);
  event.principal = record.principal;
  event.record = ToJson(record, event.id);
  return store.AppendAudit(event);
}

}  // namespace relay
