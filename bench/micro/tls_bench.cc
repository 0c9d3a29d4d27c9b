// What TLS costs, without sockets: handshakes a second, and bytes a second through a channel.
//
//   handshake/N     both sides' work for a new connection; N = 1: with a client's certificate.
//   transfer/SIZE   one side seals records of SIZE bytes, the other opens them.
//   seal/SIZE       the sealing side of that alone.
//
// Non-goal: the cipher by itself; BoringSSL's own benchmarks measure that.

#include <array>
#include <cstring>
#include <memory>
#include <string>

#include "benchmark/benchmark.h"
#include "engine/base/check.h"
#include "engine/buffer/buffer_pool.h"
#include "engine/tls/tls_channel.h"
#include "engine/tls/tls_context.h"
#include "engine/tls/tls_memory.h"
#include "tests/support/tls_credentials.h"

namespace engine {
namespace {

using Outcome = TlsChannel::Outcome;

constexpr uint16_t kBlocks = 64;
constexpr uint32_t kBlockSize = 64 * 1024;

// How many bytes are sealed before the other side opens them: what a loop does between two sends.
constexpr size_t kBurstSize = 256 * 1024;

struct Contexts {
  std::unique_ptr<TlsContext> server;
  std::unique_ptr<TlsContext> client;
  std::unique_ptr<TlsContext> named_client;
};

const Contexts& Shared() {
  static const Contexts contexts = [] {
    const test::TestAuthority authority;
    TlsClientOptions options = {.trust = TlsTrust::Authority(authority.Pem()),
                                .identity = {},
                                .protocols = {"adit/1"},
                                .clock = test::TestClock()};
    Contexts made;
    made.client = *TlsContext::Client(options);
    options.identity = authority.ClientIdentity();
    made.named_client = *TlsContext::Client(options);
    made.server = *TlsContext::Server({.identity = authority.ServerIdentity(),
                                       .client_authority_pem = authority.Pem(),
                                       .protocols = {"adit/1"},
                                       .clock = test::TestClock()});
    return made;
  }();
  return contexts;
}

// Carry moves all output across as a socket does: into blocks of the other side's pool.
size_t Carry(TlsChannel& from, TlsChannel& to, BufferPool& pool, size_t& plaintext_size) {
  size_t moved = 0;
  ByteView slice;
  while (from.Output({&slice, 1}) == 1) {
    BufferRef block = pool.Take();
    CHECK(!block.empty());
    std::memcpy(block.bytes().data(), slice.data(), slice.size());
    CHECK(to.Receive(block.Share(0, slice.size())));
    block = {};
    from.OutputSent(slice.size());
    moved += slice.size();
    BufferRef plaintext;
    while (to.Read(plaintext) == Outcome::kOk) plaintext_size += plaintext.size();
    CHECK(to.error() == TlsError::kNone);
  }
  return moved;
}

void Shake(TlsChannel& client, TlsChannel& server, BufferPool& pool) {
  size_t plaintext_size = 0;
  BufferRef plaintext;
  CHECK(client.Read(plaintext) == Outcome::kNeedMore);
  while (Carry(client, server, pool, plaintext_size) + Carry(server, client, pool, plaintext_size) >
         0) {
  }
  CHECK(server.handshake_done());
}

void Handshake(benchmark::State& state) {
  BufferPool pool(kBlocks, kBlockSize);
  const TlsContext& context = state.range(0) == 1 ? *Shared().named_client : *Shared().client;
  for (auto _ : state) {
    TlsChannel client(context, pool, "relay.test");
    TlsChannel server(*Shared().server, pool);
    Shake(client, server, pool);
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(Handshake)->Name("handshake")->Arg(0)->Arg(1);

void Transfer(benchmark::State& state) {
  BufferPool pool(kBlocks, kBlockSize);
  TlsChannel client(*Shared().client, pool, "relay.test");
  TlsChannel server(*Shared().server, pool);
  Shake(client, server, pool);
  const std::string record(static_cast<size_t>(state.range(0)), 'x');
  const size_t burst = kBurstSize / record.size();
  size_t plaintext_size = 0;
  const uint64_t heap_before = TlsMemory().heap_allocations;
  for (auto _ : state) {
    for (size_t i = 0; i < burst; ++i) CHECK(client.Write(AsBytes(record)) == Outcome::kOk);
    Carry(client, server, pool, plaintext_size);
  }
  const auto bytes = state.iterations() * static_cast<int64_t>(burst * record.size());
  CHECK(plaintext_size == static_cast<size_t>(bytes));
  state.SetBytesProcessed(bytes);
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(burst));
  state.counters["heap_allocations"] =
      static_cast<double>(TlsMemory().heap_allocations - heap_before);
}
BENCHMARK(Transfer)->Name("transfer")->Arg(16384)->Arg(16376)->Arg(1400)->Arg(100);

void SealOnly(benchmark::State& state) {
  BufferPool pool(kBlocks, kBlockSize);
  TlsChannel client(*Shared().client, pool, "relay.test");
  TlsChannel server(*Shared().server, pool);
  Shake(client, server, pool);
  const std::string record(static_cast<size_t>(state.range(0)), 'x');
  const size_t burst = kBurstSize / record.size();
  for (auto _ : state) {
    for (size_t i = 0; i < burst; ++i) CHECK(client.Write(AsBytes(record)) == Outcome::kOk);
    client.OutputSent(client.output_size());
  }
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(burst * record.size()));
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(burst));
}
BENCHMARK(SealOnly)->Name("seal")->Arg(16384)->Arg(100);

}  // namespace
}  // namespace engine

BENCHMARK_MAIN();
