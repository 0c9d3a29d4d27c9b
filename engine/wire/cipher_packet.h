// What an encrypted stream carries: packets, one after another, whose contents the relay passes on
// between the node and an AWS client as they are. PROTOCOL.md, section "Encrypted sessions".
//
//     size of the payload (2 bytes) | kind (1 byte) | payload

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "engine/base/bytes.h"

namespace engine {

// PacketKind values are on the wire. Those with a star are sealed with the session's data key.
enum class PacketKind : uint8_t {
  kChallenge = 1,    // From the node: what the client has to seal anew. *
  kReady = 2,        // From the node: the client holds the key. Empty.
  kOutput = 3,       // From the node. *
  kErrorOutput = 4,  // From the node, where the document wants it apart. *
  kExitCode = 5,     // From the node: a text, where the document wants it. *
  kAnswer = 6,       // From the client, to the challenge. *
  kInput = 7,        // From the client. *
};

inline constexpr size_t kPacketHeadSize = 3;
inline constexpr size_t kPacketPayloadMax = 4096;  // Real clients send a fourth of it.
inline constexpr size_t kPacketSizeMax = kPacketHeadSize + kPacketPayloadMax;

// WritePacketHead writes kPacketHeadSize bytes. Requires: payload_size <= kPacketPayloadMax.
void WritePacketHead(PacketKind kind, size_t payload_size, std::span<std::byte> out);

// PacketReader cuts a stream into packets.
class PacketReader {
 public:
  // Take copies from the front of `bytes` up to the end of the packet that is being read, and
  // returns how much. Requires: !whole().
  size_t Take(ByteView bytes);

  // A packet is whole: look at it, and Pop it. Its kind may be one that is not known here.
  bool whole() const { return size_ >= kPacketHeadSize && size_ == kPacketHeadSize + wanted(); }
  PacketKind kind() const { return static_cast<PacketKind>(bytes_[2]); }
  std::span<std::byte> payload() { return std::span(bytes_).subspan(kPacketHeadSize, wanted()); }
  void Pop() { size_ = 0; }

  // True when what comes is larger than any packet: nothing more can be read.
  bool failed() const { return size_ >= kPacketHeadSize && wanted() > kPacketPayloadMax; }

 private:
  size_t wanted() const { return LoadBig<uint16_t>(bytes_.data()); }

  std::array<std::byte, kPacketSizeMax> bytes_{};
  size_t size_ = 0;
};

}  // namespace engine
