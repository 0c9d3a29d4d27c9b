#include "agent/target/packet_output.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "engine/base/check.h"

namespace agent {

using engine::ByteView;
using engine::PacketKind;

namespace {

constexpr size_t kPacketMax = engine::kPacketHeadSize + PacketOutput::kPayloadMax;

}  // namespace

bool PacketOutput::Flush() {
  if (waiting_.empty()) return true;
  const size_t size = waiting_.size();
  const size_t taken = stream_.Write(engine::Channel::kMain, waiting_.Share(0, size));
  waiting_.DropFirst(taken);
  if (taken < size) return false;
  waiting_ = {};
  return true;
}

bool PacketOutput::TakeBlock() {
  is_dry_ = false;
  if (!Flush()) return false;
  block_ = pool_.Take();
  fill_ = 0;
  is_dry_ = block_.empty();
  return !is_dry_;
}

void PacketOutput::Append(PacketKind kind, ByteView plain) {
  const size_t size = plain.empty() ? 0 : plain.size() + engine::crypto::kPayloadOverhead;
  const std::span<std::byte> out = block_.bytes().subspan(fill_);
  engine::WritePacketHead(kind, size, out);
  if (size > 0) cipher_.Seal(plain, out.subspan(engine::kPacketHeadSize));
  fill_ += engine::kPacketHeadSize + size;
}

size_t PacketOutput::AppendOutput(engine::Channel channel, ByteView bytes) {
  const bool is_error = terms_.separates_output && channel == engine::Channel::kStderr;
  std::array<std::byte, kPlainMax> plain;
  size_t size = 0;
  if (terms_.separates_output && run_ != channel) {
    const std::string& prefix = is_error ? terms_.error_prefix : terms_.output_prefix;
    size = std::min(prefix.size(), plain.size() - 1);
    std::memcpy(plain.data(), prefix.data(), size);
  }
  run_ = channel;
  const size_t count = std::min(bytes.size(), plain.size() - size);
  std::memcpy(plain.data() + size, bytes.data(), count);
  Append(is_error ? PacketKind::kErrorOutput : PacketKind::kOutput,
         ByteView(plain).first(size + count));
  return count;
}

size_t PacketOutput::Write(engine::Channel channel, ByteView bytes) {
  CHECK(pool_.block_size() >= kPacketMax);
  size_t taken = 0;
  while (taken < bytes.size() && TakeBlock()) {
    while (taken < bytes.size() && block_.size() - fill_ >= kPacketMax) {
      taken += AppendOutput(channel, bytes.subspan(taken));
    }
    block_.KeepFirst(fill_);
    waiting_ = std::move(block_);
  }
  Flush();
  return taken;
}

bool PacketOutput::Send(PacketKind kind, ByteView plain) {
  CHECK(plain.size() <= kPlainMax);
  if (!TakeBlock()) return false;
  Append(kind, plain);
  block_.KeepFirst(fill_);
  waiting_ = std::move(block_);
  Flush();
  return true;
}

}  // namespace agent
