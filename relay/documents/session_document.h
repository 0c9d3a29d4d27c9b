// A session document, schema version 1.0, as AWS Systems Manager has it.

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "relay/documents/document_parameter.h"
#include "relay/documents/document_text.h"

namespace relay {

enum class SessionType : uint8_t {
  kStandardStream,
  kInteractiveCommands,
  kNonInteractiveCommands,
  kPort,
};
std::string_view SessionTypeText(SessionType type);

// SessionInputs are preferences: the document's own, or those of kShellDocument.
struct SessionInputs {
  std::string s3_bucket_name;
  std::string s3_key_prefix;
  bool s3_encryption_enabled = false;
  std::string cloudwatch_log_group_name;
  bool cloudwatch_encryption_enabled = false;
  bool cloudwatch_streaming_enabled = false;
  std::string kms_key_id;
  bool run_as_enabled = false;
  std::string run_as_default_user;
  uint32_t idle_minutes_max = 20;     // AWS's own default.
  uint32_t duration_minutes_max = 0;  // 0: none.
  std::string linux_profile;          // Typed into a shell when it has started.
  std::string windows_profile;
};

struct PortProperties {
  std::string port_number;
  std::string local_port_number;
  std::string host;
  std::string type;  // "LocalPortForwarding", or empty: one connection, as ssh's ProxyCommand.
  std::string local_unix_socket;
  std::string local_connection_type;
};

struct CommandProperties {
  std::string commands;  // For sh, or, when nothing is interactive, for nobody: split into words.
  bool run_as_elevated = false;
  bool separate_output_stream = false;
  std::string std_out_separator_prefix;
  std::string std_err_separator_prefix;
};

// SessionDocument has placeholders where it was written with them.
struct SessionDocument {
  std::string description;
  SessionType type = SessionType::kStandardStream;
  std::optional<SessionInputs> inputs;
  std::vector<DocumentParameter> parameters;
  PortProperties port;                              // kPort
  std::optional<CommandProperties> linux_commands;  // The two command types; absent: not for Linux.
  std::vector<std::string> platforms;               // "Linux", "MacOS", "Windows"
};

// ReadSessionDocument reads strictly: a member that it does not know, a value of the wrong kind or
// outside its limits, a placeholder of a parameter that is not declared, are InvalidArgument.
// Unimplemented: another schema version. The text says which member, and what would be right.
absl::StatusOr<SessionDocument> ReadSessionDocument(const DocumentJson& json);

// ParseSessionDocument reads a text: the errors of ReadDocumentText, then those above.
absl::StatusOr<SessionDocument> ParseSessionDocument(DocumentFormat format, std::string_view text);

}  // namespace relay
