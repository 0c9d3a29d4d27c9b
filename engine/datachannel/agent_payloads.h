// What stands in the messages that belong to the channel itself: JSON, and one number.
//
// Decoding is tolerant as the real readers are: unknown members are ignored, a member that is null
// is absent, and one that is absent is empty. It is bounded: a text that is longer than its
// maximum, or is not the kind of value that it must be, makes the whole payload unreadable. Decode
// functions then return false and leave `out` in an unspecified state.

#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "engine/base/bytes.h"
#include "engine/datachannel/agent_message.h"

namespace engine::datachannel {

inline constexpr size_t kOpenDataChannelSizeMax = 4 * 1024;

// Where a service takes data channels; the session's id follows.
inline constexpr std::string_view kDataChannelPath = "/v1/data-channel/";
inline constexpr size_t kSessionIdSizeMax = 96;
inline constexpr size_t kChannelClosedSizeMax = 32 * 1024;
inline constexpr size_t kAcknowledgeSizeMax = 1024;
inline constexpr size_t kChannelOutputMax = 8 * 1024;  // Of the text for people in channel_closed.

// OpenDataChannel is the first message of each side, in a text message of the WebSocket.
struct OpenDataChannel {
  std::string request_id;
  std::string token;  // Secret. From StartSession or ResumeSession.
  std::string client_id;
  std::string client_version;      // Absent in old plugins.
  std::string client_instance_id;  // A machine's; a client has none.
};
std::string Encode(const OpenDataChannel& open);
bool Decode(std::string_view json, OpenDataChannel& out);

// Acknowledge says that one message arrived, and nothing about any other.
struct Acknowledge {
  MessageType type = MessageType::kInputStreamData;  // Of what is acknowledged.
  MessageId id{};
  int64_t sequence = 0;
};
// EncodeAcknowledge writes at most kAcknowledgeTextMax bytes and returns how many; it takes nothing
// from the heap, and neither does decoding one that a real program wrote. Of what was decoded only
// the sequence number counts, for real programs use nothing else.
inline constexpr size_t kAcknowledgeTextMax = 256;
size_t EncodeAcknowledge(const Acknowledge& acknowledge, std::span<char> out);
bool DecodeAcknowledge(ByteView payload, int64_t& out_sequence);

// ChannelClosed is the service's last word. With an empty output clients print that they exit, else
// the output.
struct ChannelClosed {
  std::string message_id;
  std::string destination_id;  // The machine.
  std::string session_id;
  std::string created;  // RFC 3339, with milliseconds.
  std::string output;
  // How the program ended, in a member that clients of AWS's do not know: its status, or the signal
  // that ended it, such as "KILL".
  std::optional<int> exit_status;
  std::string exit_signal;
};
std::string Encode(const ChannelClosed& closed);
bool Decode(ByteView payload, ChannelClosed& out);

// WindowSize is the client's terminal, in character cells.
struct WindowSize {
  uint16_t columns = 0;
  uint16_t rows = 0;
};
std::string Encode(const WindowSize& size);
bool Decode(ByteView payload, WindowSize& out);

// SessionState is a machine's word to the service.
enum class SessionState : uint8_t { kConnected, kTerminating };
bool Decode(ByteView payload, SessionState& out);

// SessionFlag is the payload of PayloadType::kFlag. Values are on the wire.
enum class SessionFlag : uint32_t {
  kDisconnectToPort = 1,    // Client to machine: the local connection is over.
  kTerminateSession = 2,    // Client to machine: the person wants to end it.
  kConnectToPortError = 3,  // Machine to client: the target cannot be reached.
};
std::array<std::byte, sizeof(uint32_t)> Encode(SessionFlag flag);
bool Decode(ByteView payload, SessionFlag& out);

}  // namespace engine::datachannel
