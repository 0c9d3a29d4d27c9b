// The control channel of AWS's agents: its first message, what the service tells an agent to do,
// and what the agent says of it. Messages are AgentMessages, as on a data channel.
//
// Decoding is tolerant and bounded as agent_payloads.h says.

#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "engine/base/bytes.h"
#include "engine/datachannel/agent_handshake.h"

namespace engine::datachannel {

// Where a service takes control channels; the machine's id follows.
inline constexpr std::string_view kControlChannelPath = "/v1/control-channel/";

inline constexpr size_t kOpenControlChannelSizeMax = 4 * 1024;
inline constexpr size_t kTaskCompleteSizeMax = 48 * 1024;
inline constexpr size_t kTaskOutputMax = 32 * 1024;

// ChannelCreatedText is the answer to an agent that creates a channel: XML, with status 201.
std::string ChannelCreatedText(std::string_view token);

// OpenControlChannel is an agent's first message, in a text message of the WebSocket.
struct OpenControlChannel {
  std::string token;
  std::string agent_version;
  std::string platform_type;  // "linux"
};
bool Decode(std::string_view json, OpenControlChannel& out);

// StartTask (interactive_shell) tells an agent to begin a session: it then opens a data channel
// under the session's id.
struct StartTask {
  std::string session_id;
  std::string document_name;
  std::string owner;              // Who started the session, as an ARN.
  std::string run_as;             // Empty: as the agent does it.
  std::string type;               // One of the session types of agent_handshake.h.
  std::string profile;            // kSessionShell: typed into the shell, on each platform.
  std::string command;            // Of the two kinds of commands.
  bool separates_output = false;  // kSessionNonInteractive, as the two below.
  std::string output_prefix;
  std::string error_prefix;
  std::string key_id;                  // Not empty: it is encrypted with a data key of that key.
  std::optional<PortProperties> port;  // kSessionPort.
};
std::string Encode(const StartTask& task);

// TaskComplete (agent_task_complete) is an agent's word that a session is over. It repeats it until
// EncodeTaskAcknowledge's payload (agent_task_acknowledge) comes.
struct TaskComplete {
  std::string task_id;  // The session's.
  std::string topic;
  std::string status;  // "Success", "Failed", "Cancelled", "TimedOut".
  std::string output;  // For people.
};
bool Decode(ByteView payload, TaskComplete& out);
std::string EncodeTaskAcknowledge(const TaskComplete& task, std::string_view message_id);

}  // namespace engine::datachannel
