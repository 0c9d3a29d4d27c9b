#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "agent/target/stream_handle.h"
#include "engine/buffer/buffer_pool.h"
#include "engine/crypto/payload_cipher.h"
#include "engine/mux/multiplexer.h"
#include "engine/wire/cipher_packet.h"
#include "engine/wire/control.h"

namespace agent {

// PacketOutput writes what a program says to an encrypted stream: sealed, in packets, each of which
// becomes one message of an AWS client's.
class PacketOutput {
 public:
  // A packet's payload is a message's; those of AWS's programs have at most 1,024 bytes.
  static constexpr size_t kPayloadMax = 1024;
  static constexpr size_t kPlainMax = kPayloadMax - engine::crypto::kPayloadOverhead;

  // All outlive it.
  PacketOutput(engine::BufferPool& pool, StreamHandle& stream,
               engine::crypto::PayloadCipher& cipher, const engine::StreamKey& terms)
      : pool_(pool), stream_(stream), cipher_(cipher), terms_(terms) {}

  // Write returns how many bytes were taken. With less than all, try again when the stream is
  // writable, or, if is_dry(), when the pool has blocks again.
  size_t Write(engine::Channel channel, engine::ByteView bytes);

  // Send writes one packet, sealed unless it is empty. False: try again, as after Write.
  // Requires: plain.size() <= kPlainMax.
  bool Send(engine::PacketKind kind, engine::ByteView plain);

  // Flush returns true when nothing waits for the stream any more.
  bool Flush();
  bool waits() const { return !waiting_.empty(); }
  bool is_dry() const { return is_dry_; }

 private:
  // TakeBlock makes a fresh block the one to be filled; false: not now.
  bool TakeBlock();
  void Append(engine::PacketKind kind, engine::ByteView plain);
  size_t AppendOutput(engine::Channel channel, engine::ByteView bytes);

  engine::BufferPool& pool_;
  StreamHandle& stream_;
  engine::crypto::PayloadCipher& cipher_;
  const engine::StreamKey& terms_;
  engine::BufferRef block_;  // Being filled ...
  size_t fill_ = 0;
  engine::BufferRef waiting_;           // ... and what the stream has not taken yet.
  std::optional<engine::Channel> run_;  // Of what was written last.
  bool is_dry_ = false;
};

}  // namespace agent
