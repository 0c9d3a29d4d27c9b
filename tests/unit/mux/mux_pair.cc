#include "tests/unit/mux/mux_pair.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

namespace engine {

void FakeStream::OnRejected(CloseCode rejected_code, std::string_view rejected_text) {
  EXPECT_FALSE(is_closed || is_rejected);
  is_rejected = true;
  code = rejected_code;
  text = rejected_text;
  if (on_end) on_end();
}

void FakeStream::OnData(Channel channel, BufferRef payload) {
  EXPECT_FALSE(is_closed || is_rejected || is_finished);
  EXPECT_FALSE(payload.empty());
  (channel == Channel::kMain ? main : standard_error) += AsText(payload.bytes());
  unconsumed += payload.size();
  if (consumes) ConsumeAll();
  if (on_data) on_data();
}

void FakeStream::OnClosed(CloseCode closed_code, std::string_view closed_text) {
  EXPECT_FALSE(is_closed || is_rejected);
  is_closed = true;
  code = closed_code;
  text = closed_text;
  if (on_end) on_end();
}

void FakeStream::ConsumeAll() { mux->Consume(id, std::exchange(unconsumed, 0)); }

End::End(Side side, const MultiplexerOptions& options, uint16_t block_count, uint32_t block_size)
    : pool(block_count, block_size), mux(side, options, *this, pool, Instant{}) {
  mux.Attach(carrier);
}

void End::OnOpen(StreamId id, Priority priority, ByteView request) {
  requests.emplace_back(AsText(request));
  priorities.push_back(priority);
  if (on_open) return on_open(id);
  auto stream = std::make_unique<FakeStream>();
  stream->mux = &mux;
  stream->id = id;
  EXPECT_TRUE(mux.Accept(id, *stream));
  streams[id] = std::move(stream);
}

void End::OnGoaway(CloseCode goaway_code, std::string_view goaway_text) {
  is_goaway = true;
  code = goaway_code;
  text = goaway_text;
}

void End::OnFailed(CloseCode failed_code, std::string_view failed_text) {
  EXPECT_FALSE(is_failed);
  is_failed = true;
  code = failed_code;
  text = failed_text;
}

void End::Say() { EXPECT_TRUE(mux.SendControl(kLinkStream, R"({"type":"hello"})")); }

FakeStream& End::Open(Priority priority, std::string_view request) {
  auto stream = std::make_unique<FakeStream>();
  stream->mux = &mux;
  stream->id = mux.Open(priority, AsBytes(request), *stream);
  EXPECT_NE(stream->id, kLinkStream);
  return *(streams[stream->id] = std::move(stream));
}

BufferRef End::Block(std::string_view bytes) {
  const BufferRef block = pool.Take();
  EXPECT_GE(block.size(), bytes.size()) << "the pool has run dry";
  if (block.size() < bytes.size()) return {};
  std::copy_n(AsBytes(bytes).data(), bytes.size(), block.bytes().data());
  return block.Share(0, bytes.size());
}

size_t End::Write(StreamId id, std::string_view bytes, Channel channel) {
  size_t written = 0;
  while (!bytes.empty()) {
    const std::string_view part = bytes.substr(0, pool.block_size());
    const size_t taken = mux.Write(id, channel, Block(part));
    written += taken;
    if (taken < part.size()) break;
    bytes.remove_prefix(part.size());
  }
  return written;
}

std::vector<std::string> End::Gathered(Instant now) {
  std::vector<std::string> records;
  std::array<ByteView, kRecordSlicesMax> slices;
  for (;;) {
    carrier.is_ready = false;
    const size_t count = mux.GatherRecord(slices, now);
    if (count == 0) return records;
    std::string record;
    for (size_t i = 0; i < count; ++i) record += AsText(slices[i]);
    EXPECT_LE(record.size(), kRecordSizeMax);
    EXPECT_FALSE(record.empty());
    records.push_back(std::move(record));
    mux.RecordTaken();
  }
}

void End::Receive(std::string_view bytes, Instant now, size_t chunk_max) {
  while (!bytes.empty()) {
    const std::string_view chunk = bytes.substr(0, chunk_max);
    mux.Receive(Block(chunk), now);
    bytes.remove_prefix(chunk.size());
  }
}

MuxPair::MuxPair(const MultiplexerOptions& options)
    : client(Side::kConnected, options), node(Side::kAccepted, options) {
  client.Say();
  node.Say();
  Pump();
}

void MuxPair::Pump(Random* random) {
  const auto move_bytes = [&](End& from, End& to) {
    std::string bytes;
    for (const std::string& record : from.Gathered(now)) bytes += record;
    for (size_t at = 0; at < bytes.size();) {
      const size_t size = random == nullptr ? 16 * 1024 : random->Range(1, 16 * 1024);
      const std::string_view chunk = std::string_view(bytes).substr(at, size);
      to.mux.Receive(to.Block(chunk), now);
      at += chunk.size();
    }
    return !bytes.empty();
  };
  bool is_moving = true;
  while (is_moving) {
    is_moving = move_bytes(client, node);
    is_moving |= move_bytes(node, client);
  }
}

std::string FrameText(uint8_t type, uint8_t flags, uint32_t stream, std::string_view payload) {
  std::string bytes(kFrameHeaderSize, '\0');
  BuildFrameHeader({static_cast<FrameType>(type), flags, static_cast<uint16_t>(payload.size()),
                    static_cast<StreamId>(stream)},
                   reinterpret_cast<std::byte*>(bytes.data()));
  return bytes.append(payload);
}

std::string FrameText(FrameType type, uint8_t flags, uint32_t stream, std::string_view payload) {
  return FrameText(static_cast<uint8_t>(type), flags, stream, payload);
}

std::string Big16(uint16_t value) {
  std::string bytes(sizeof(value), '\0');
  StoreBig(reinterpret_cast<std::byte*>(bytes.data()), value);
  return bytes;
}

std::string Big64(uint64_t value) {
  std::string bytes(sizeof(value), '\0');
  StoreBig(reinterpret_cast<std::byte*>(bytes.data()), value);
  return bytes;
}

std::vector<ParsedFrame> FramesOf(std::string_view bytes) {
  std::vector<ParsedFrame> frames;
  while (bytes.size() >= kFrameHeaderSize) {
    ParsedFrame frame;
    EXPECT_EQ(ParseFrameHeader(AsBytes(bytes), frame.header), FrameError::kNone);
    frame.payload = bytes.substr(kFrameHeaderSize, frame.header.payload_size);
    EXPECT_EQ(frame.payload.size(), frame.header.payload_size);
    bytes.remove_prefix(kFrameHeaderSize + frame.payload.size());
    frames.push_back(std::move(frame));
  }
  EXPECT_TRUE(bytes.empty());
  return frames;
}

std::vector<ParsedFrame> FramesOf(const std::vector<std::string>& records) {
  std::vector<ParsedFrame> frames;
  for (const std::string& record : records) {
    for (ParsedFrame& frame : FramesOf(record)) frames.push_back(std::move(frame));
  }
  return frames;
}

}  // namespace engine
