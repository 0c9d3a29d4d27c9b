// Goal: whatever a peer sends on a join connection, at most one message is acted on, an end is told
// once, and no block is kept.
// Method: the input in chunks whose sizes its first byte says.

#include <algorithm>
#include <variant>

#include "engine/base/check.h"
#include "engine/mux/join_exchange.h"

namespace {

struct Carrier final : engine::RecordCarrier {
  void OutputReady() override {}
  void CloseAfterOutput() override {}
};

struct Listener final : engine::JoinExchange::Events {
  void OnMessage(const engine::ControlMessage&) override { ++messages; }
  void OnGoaway(engine::CloseCode, std::string_view) override { ++ends; }
  void OnBroken(std::string_view text) override {
    CHECK(!text.empty());
    ++ends;
  }
  int messages = 0;
  int ends = 0;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  engine::ByteView input(reinterpret_cast<const std::byte*>(data), size);
  const size_t chunk_size = 1 + size_t{data[0]} * 8;
  input = input.subspan(1);
  engine::BufferPool pool(4, 64 * 1024);
  Carrier carrier;
  Listener listener;
  {
    engine::JoinExchange exchange(carrier, listener, engine::Instant::max());
    while (!input.empty()) {
      const engine::ByteView chunk =
          input.first(std::min({input.size(), chunk_size, size_t{65'536}}));
      input = input.subspan(chunk.size());
      const engine::BufferRef block = pool.Take();
      CHECK(!block.empty());
      std::copy(chunk.begin(), chunk.end(), block.bytes().begin());
      exchange.Receive(block.Share(0, chunk.size()), engine::Instant{});
    }
    CHECK(listener.messages <= 1);
    CHECK(listener.ends <= 1);
  }
  CHECK(pool.free_count() == pool.block_count());
  return 0;
}
