// The record of who did what and when, in CloudTrail's shape.

#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "relay/store/store.h"

namespace relay {

// What one member of a record may take at most; what is larger is left out and said to be.
inline constexpr size_t kAuditMemberSizeMax = 8 * 1024;
inline constexpr size_t kAuditResourcesMax = 16;

// AuditRecord is one event before it is written. No member ever holds a secret: neither token nor
// code, key, or what was typed.
struct AuditRecord {
  int64_t time_unix_ms = 0;
  std::string event_name;  // "StartSession"
  std::string event_type = "AwsApiCall";
  std::string event_source = "ssm.amazonaws.com";
  std::string principal;     // ARN or node id; empty: nobody was recognised.
  std::string principal_id;  // AIDA..., or AROA...:SESSION.
  std::string user_name;
  std::string access_key_id;
  // Of temporary credentials: when they were issued (0: they are not), for which role (empty: a
  // user's own), and whether a code was given.
  int64_t issued_unix_ms = 0;
  std::string role_arn;
  bool has_mfa = false;
  std::string source_ip;
  std::string user_agent;
  std::string host;  // As the client wrote it; empty: it came over no API.
  bool read_only = false;
  std::vector<std::string> resources;  // ARNs, or ids of nodes and sessions.
  std::string request_parameters;      // JSON, or empty for null.
  std::string response_elements;       // JSON, or empty for null.
  std::string error_code;
  std::string error_message;
  std::string request_id;
  // What CloudTrail has no member for: name and text.
  std::vector<std::pair<std::string, std::string>> additional;
};

// NewServiceEvent is a record of something that no request asked for: a node connected, a session
// ended.
AuditRecord NewServiceEvent(std::string_view name, int64_t time_unix_ms);

// IsReadOnly says whether an operation of that name only looks.
bool IsReadOnly(std::string_view operation);

// ResourceOf returns a resource as it is looked up: its type and its bare name.
AuditEvent::Resource ResourceOf(std::string_view arn);

// ToJson returns the record as CloudTrail writes it, in one line, under the event id given.
std::string ToJson(const AuditRecord& record, std::string_view event_id);

// AppendAudit adds the record to the store, under a new event id. It is kept with the transaction
// that is open, or by itself.
absl::Status AppendAudit(Store& store, const AuditRecord& record);

}  // namespace relay
