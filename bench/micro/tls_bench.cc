// What TLS costs, without sockets: handshakes a second, and bytes a second through a channel.
//
//   handshake/N     both sides' work for a new connection; N = 1: with a client's certificate.
//   transfer/WHO/SIZE          one side seals records of SIZE bytes, the other opens them.
//   seal/WHO/SIZE/PIECES       the sealing side of that alone, from one piece or two.
//   forward/WHO/SIZE           records of one connection become those of another.
//   record/SUITE/SIZE/OPEN     the record layer by itself, in place: 0 seals, 1 opens.
//
// WHO is 0 for our own record layer, 1 for BoringSSL's. SUITE is its number: 4865 AES-128-GCM, 4866
// AES-256-GCM, 4867 ChaCha20-Poly1305. The others run with what BoringSSL picks: AES-128-GCM where
// there are AES instructions (OPENSSL_ia32cap=~0x200000000000000 hides them).
//
// Non-goal: the cipher by itself; BoringSSL's own benchmarks measure that.

#include <array>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "benchmark/benchmark.h"
#include "engine/base/check.h"
#include "engine/buffer/buffer_pool.h"
#include "engine/tls/record_opener.h"
#include "engine/tls/record_sealer.h"
#include "engine/tls/tls_channel.h"
#include "engine/tls/tls_context.h"
#include "engine/tls/tls_memory.h"
#include "tests/support/tls_credentials.h"

namespace engine {
namespace {

using Outcome = TlsChannel::Outcome;

constexpr uint16_t kBlocks = 64;
// Four full records.
constexpr uint32_t kBlockSize = 4 * (kTlsRecordPlaintextMax + kTlsRecordOverhead);

// How many bytes are sealed before the other side opens them: what a loop does between two sends.
constexpr size_t kBurstSize = 256 * 1024;

struct Contexts {
  std::unique_ptr<TlsContext> server;
  std::unique_ptr<TlsContext> client;
  std::unique_ptr<TlsContext> named_client;
};

Contexts Make(TlsRecords records) {
  const test::TestAuthority authority;
  TlsClientOptions options = {.trust = TlsTrust::Authority(authority.Pem()),
                              .identity = {},
                              .protocols = {"adit/1"},
                              .clock = test::TestClock(),
                              .records = records};
  Contexts made;
  made.client = *TlsContext::Client(options);
  options.identity = authority.ClientIdentity();
  made.named_client = *TlsContext::Client(options);
  made.server = *TlsContext::Server({.identity = authority.ServerIdentity(),
                                     .client_authority_pem = authority.Pem(),
                                     .protocols = {"adit/1"},
                                     .clock = test::TestClock(),
                                     .records = records});
  return made;
}

const Contexts& Shared(TlsRecords records = TlsRecords::kInPlace) {
  static const Contexts in_place = Make(TlsRecords::kInPlace);
  static const Contexts boring = Make(TlsRecords::kBoringSsl);
  return records == TlsRecords::kInPlace ? in_place : boring;
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

// Range 0 is who carries the records: 0 our own record layer, 1 BoringSSL's.
TlsRecords RecordsOf(const benchmark::State& state) {
  return state.range(0) == 0 ? TlsRecords::kInPlace : TlsRecords::kBoringSsl;
}

void Transfer(benchmark::State& state) {
  BufferPool pool(kBlocks, kBlockSize);
  const Contexts& contexts = Shared(RecordsOf(state));
  TlsChannel client(*contexts.client, pool, "relay.test");
  TlsChannel server(*contexts.server, pool);
  Shake(client, server, pool);
  const std::string record(static_cast<size_t>(state.range(1)), 'x');
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
BENCHMARK(Transfer)->Name("transfer")->ArgsProduct({{0, 1}, {16384, 16376, 1400, 100}});

void SealOnly(benchmark::State& state) {
  BufferPool pool(kBlocks, kBlockSize);
  const Contexts& contexts = Shared(RecordsOf(state));
  TlsChannel client(*contexts.client, pool, "relay.test");
  TlsChannel server(*contexts.server, pool);
  Shake(client, server, pool);
  const std::string record(static_cast<size_t>(state.range(1)), 'x');
  const ByteView whole = AsBytes(record);
  const std::array<ByteView, 2> pieces = {whole.first(8), whole.subspan(8)};
  const size_t burst = kBurstSize / record.size();
  for (auto _ : state) {
    for (size_t i = 0; i < burst; ++i) {
      CHECK((state.range(2) == 1 ? client.Write(whole) : client.Write(pieces)) == Outcome::kOk);
    }
    client.OutputSent(client.output_size());
  }
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(burst * record.size()));
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(burst));
}
BENCHMARK(SealOnly)->Name("seal")->ArgsProduct({{0, 1}, {16384, 1024, 64}, {1, 2}});

// What the relay does: open on one connection, seal on another. Ours in the block in which the
// record came.
void Forward(benchmark::State& state) {
  BufferPool pool(kBlocks, kBlockSize);
  const Contexts& contexts = Shared(RecordsOf(state));
  TlsChannel client(*contexts.client, pool, "relay.test");
  TlsChannel from(*contexts.server, pool);
  Shake(client, from, pool);
  TlsChannel to(*contexts.client, pool, "relay.test");
  TlsChannel node(*contexts.server, pool);
  Shake(to, node, pool);
  const std::string record(static_cast<size_t>(state.range(1)), 'x');
  const size_t burst = kBlockSize / (record.size() + kTlsRecordOverhead);
  for (auto _ : state) {
    state.PauseTiming();
    for (size_t i = 0; i < burst; ++i) CHECK(client.Write(AsBytes(record)) == Outcome::kOk);
    BufferRef block = pool.Take();
    size_t size = 0;
    ByteView slice;
    while (client.Output({&slice, 1}) == 1) {
      std::memcpy(block.bytes().data() + size, slice.data(), slice.size());
      size += slice.size();
      client.OutputSent(slice.size());
    }
    block.KeepFirst(size);
    state.ResumeTiming();
    CHECK(from.Receive(std::move(block)));
    BufferRef plaintext;
    while (from.Read(plaintext) == Outcome::kOk) {
      std::array<std::byte, 8> head;
      std::memcpy(head.data(), plaintext.bytes().data(), head.size());
      head[0] ^= std::byte{1};
      plaintext.DropFirst(head.size());
      CHECK(to.WriteInPlace(head, plaintext) == Outcome::kOk);
    }
    to.OutputSent(to.output_size());
  }
  CHECK(from.counts().opened_copied_bytes == 0);
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(burst * record.size()));
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(burst));
}
BENCHMARK(Forward)->Name("forward")->ArgsProduct({{0, 1}, {16384, 1024, 64}});

// The record layer alone, in place, for each suite: seal, then open what was sealed.
void Record(benchmark::State& state) {
  const auto suite = static_cast<TlsSuite>(state.range(0));
  const std::vector<std::byte> secret(suite == TlsSuite::kAes256GcmSha384 ? 48 : 32, std::byte{7});
  const size_t record_size = static_cast<size_t>(state.range(1)) + kTlsRecordOverhead;
  const bool opens = state.range(2) == 1;
  const size_t count = kBurstSize / record_size;
  std::vector<std::byte> records(count * record_size);
  RecordSealer sealer(suite, secret, 0);
  RecordOpener opener(suite, secret, 0, RecordOpener::Tickets::kForbidden);
  for (auto _ : state) {
    if (opens) state.PauseTiming();
    for (size_t i = 0; i < count; ++i) {
      if (sealer.is_update_due()) {
        std::array<std::byte, kKeyUpdateRecordSize> update;
        sealer.SealKeyUpdate(KeyUpdateRequest::kNotRequested, update);
        std::span<std::byte> content;
        if (opens) CHECK(opener.Open(update, content) == RecordOpener::Result::kNothing);
      }
      const std::span<std::byte> record = std::span(records).subspan(i * record_size, record_size);
      sealer.SealInPlace(ContentType::kApplicationData, record);
      if (i + 1 < count || !opens) continue;
      state.ResumeTiming();
      for (size_t j = 0; j < count; ++j) {
        std::span<std::byte> content;
        const auto opened =
            opener.Open(std::span(records).subspan(j * record_size, record_size), content);
        CHECK(opened == RecordOpener::Result::kData);
      }
    }
  }
  state.SetBytesProcessed(state.iterations() *
                          static_cast<int64_t>(count * (record_size - kTlsRecordOverhead)));
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(count));
}
BENCHMARK(Record)->Name("record")->ArgsProduct({{0x1301, 0x1302, 0x1303},
                                                {16384, 1024, 64},
                                                {0, 1}});

}  // namespace
}  // namespace engine

BENCHMARK_MAIN();
