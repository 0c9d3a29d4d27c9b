// The handshake of a session, inside stream data: the machine says what kind of session it is and
// which version it has, the client what it made of that, the machine that it is done.
//
//     machine                                       client
//     HandshakeRequest (type 5)   ------------->
//                                 <-------------    HandshakeResponse (type 6)
//     challenge (type 8), where payloads are to be encrypted
//                                 <-------------    its answer (type 9)
//     HandshakeComplete (type 7)  ------------->
//
// Decoding is tolerant and bounded as agent_payloads.h says.

#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "engine/base/bytes.h"

namespace engine::datachannel {

inline constexpr size_t kHandshakeSizeMax = 32 * 1024;  // Of one message's JSON.
inline constexpr size_t kClientActionsMax = 16;         // Real machines request one or two.

// The names of actions and of session types that are known.
inline constexpr const char* kActionSessionType = "SessionType";
inline constexpr const char* kActionEncryption = "KMSEncryption";
inline constexpr const char* kSessionShell = "Standard_Stream";
inline constexpr const char* kSessionInteractive = "InteractiveCommands";
inline constexpr const char* kSessionNonInteractive = "NonInteractiveCommands";
inline constexpr const char* kSessionPort = "Port";
inline constexpr const char* kLocalPortForwarding = "LocalPortForwarding";

// PortProperties are a port session's; all of them texts, empty for "not said".
struct PortProperties {
  std::string port_number;
  std::string local_port_number;
  std::string local_unix_socket;
  std::string local_connection_type;  // "unix" picks the socket.
  std::string type;                   // kLocalPortForwarding, or empty: standard input and output.
  std::string host;
  bool operator==(const PortProperties&) const = default;
};

struct HandshakeRequest {
  struct Encryption {
    std::string key_id;
    std::string challenge;  // Base64, as on the wire; clients may not know it.
  };
  std::string agent_version;
  std::string session_type;                  // Empty: the action was not requested.
  std::optional<PortProperties> properties;  // Null for everything but ports.
  std::optional<Encryption> encryption;
  std::vector<std::string> unknown_actions;  // Decoded: to be answered as unsupported.
};
std::string Encode(const HandshakeRequest& request);
bool Decode(ByteView payload, HandshakeRequest& out);

// ActionStatus values are on the wire.
enum class ActionStatus : uint8_t { kSuccess = 1, kFailed = 2, kUnsupported = 3 };

// ProcessedAction is a client's answer to one action.
struct ProcessedAction {
  std::string type;
  // Some clients leave the status of an action that they do not know at 0: that is kUnsupported.
  ActionStatus status = ActionStatus::kSuccess;
  std::string error;
  std::string ciphertext_key;  // Of an encryption: the sealed data key, in base64.
  bool is_challenge_acknowledged = false;
};
struct HandshakeResponse {
  std::string client_version;
  std::vector<ProcessedAction> actions;
  std::vector<std::string> errors;
};
std::string Encode(const HandshakeResponse& response);
bool Decode(ByteView payload, HandshakeResponse& out);

// HandshakeFailure returns an empty text when every action succeeded, else the sentence with which
// a real machine ends the session.
std::string HandshakeFailure(const HandshakeResponse& response);

struct HandshakeComplete {
  int64_t duration_ns = 0;
  std::string customer_message;  // Printed by the client, on a line of its own.
};
std::string Encode(const HandshakeComplete& complete);
bool Decode(ByteView payload, HandshakeComplete& out);

// EncryptionChallenge is the payload of types 8 and 9: base64 of nonce, ciphertext and tag.
struct EncryptionChallenge {
  std::string challenge;
};
std::string Encode(const EncryptionChallenge& challenge);
bool Decode(ByteView payload, EncryptionChallenge& out);

}  // namespace engine::datachannel
