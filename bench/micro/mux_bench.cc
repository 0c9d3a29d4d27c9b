// Question: what does the multiplexer add to each byte and each frame, without TLS and sockets?
// Method: one end writes, its records are copied into blocks as a network would, the other end
// receives and consumes, and its credit goes back. Frames are counted by their payload's size:
// small payloads that wait are joined into larger frames, which is part of the answer.

#include <benchmark/benchmark.h>

#include <algorithm>
#include <array>
#include <memory>
#include <vector>

#include "engine/base/check.h"
#include "engine/mux/multiplexer.h"

namespace engine {
namespace {

struct Stream final : StreamEvents {
  void OnData(Channel, BufferRef payload) override { mux->Consume(id, payload.size()); }
  void OnFinished() override {}
  void OnClosed(CloseCode, std::string_view) override {}
  Multiplexer* mux = nullptr;
  StreamId id{};
};

struct End final : LinkEvents {
  explicit End(Side side) : mux(side, {}, *this, pool, Instant{}) {
    CHECK(mux.SendControl(kLinkStream, "{}"));
  }
  void OnOpen(StreamId id, Priority, ByteView) override {
    Stream& stream = MakeStream();
    stream.id = id;
    CHECK(mux.Accept(id, stream));
  }
  void OnControl(ByteView) override {}
  void OnGoaway(CloseCode, std::string_view) override {}
  void OnFailed(CloseCode, std::string_view) override { CHECK(false); }

  Stream& MakeStream() {
    streams.push_back(std::make_unique<Stream>());
    streams.back()->mux = &mux;
    return *streams.back();
  }

  BufferPool pool{4'096, 16 * 1024};
  std::vector<std::unique_ptr<Stream>> streams;
  Multiplexer mux;
};

// Move carries all that `from` has to say to `to`, and returns whether there was anything.
bool Move(End& from, End& to, Instant now) {
  std::array<ByteView, kRecordSlicesMax> slices;
  bool has_moved = false;
  while (const size_t count = from.mux.GatherRecord(slices, now)) {
    const BufferRef block = to.pool.Take();
    CHECK(!block.empty());
    size_t size = 0;
    for (size_t i = 0; i < count; ++i) {
      std::copy(slices[i].begin(), slices[i].end(), block.bytes().data() + size);
      size += slices[i].size();
    }
    from.mux.RecordTaken();
    to.mux.Receive(block.Share(0, size), now);
    has_moved = true;
  }
  return has_moved;
}

void BM_Multiplexer(benchmark::State& state) {
  const size_t payload_size = static_cast<size_t>(state.range(0));
  const size_t stream_count = static_cast<size_t>(state.range(1));
  End sender(Side::kConnected);
  End receiver(Side::kAccepted);
  Instant now{};
  for (size_t i = 0; i < stream_count; ++i) {
    Stream& stream = sender.MakeStream();
    stream.id = sender.mux.Open(Priority::kBulk, AsBytes("{}"), stream);
  }
  while (Move(sender, receiver, now) || Move(receiver, sender, now)) {
  }
  const BufferRef block = sender.pool.Take();
  int64_t writes = 0;
  for (auto _ : state) {
    // Each stream gets up to 16 KiB, in writes of one size; then all of it moves.
    for (const auto& stream : sender.streams) {
      for (size_t written = 0; written + payload_size <= 16 * 1024; written += payload_size) {
        CHECK(sender.mux.Write(stream->id, Channel::kMain, block.Share(0, payload_size)) ==
              payload_size);
        ++writes;
      }
    }
    now += std::chrono::microseconds(10);
    while (Move(sender, receiver, now) || Move(receiver, sender, now)) {
    }
  }
  CHECK(receiver.mux.received_bytes() == static_cast<uint64_t>(writes) * payload_size);
  state.SetItemsProcessed(writes);
  state.SetBytesProcessed(writes * static_cast<int64_t>(payload_size));
}
BENCHMARK(BM_Multiplexer)
    ->ArgNames({"payload", "streams"})
    ->Args({16 * 1024, 1})
    ->Args({16 * 1024, 64})
    ->Args({64, 1})
    ->Args({64, 64});

// A keystroke and its echo: the smallest exchange there is.
void BM_Keystroke(benchmark::State& state) {
  End client(Side::kConnected);
  End node(Side::kAccepted);
  Instant now{};
  Stream& stream = client.MakeStream();
  stream.id = client.mux.Open(Priority::kInteractive, AsBytes("{}"), stream);
  while (Move(client, node, now) || Move(node, client, now)) {
  }
  const BufferRef block = client.pool.Take();
  for (auto _ : state) {
    (void)client.mux.Write(stream.id, Channel::kMain, block.Share(0, 1));
    Move(client, node, now);
    (void)node.mux.Write(stream.id, Channel::kMain, block.Share(0, 1));
    Move(node, client, now);
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(BM_Keystroke);

}  // namespace
}  // namespace engine

BENCHMARK_MAIN();
