// Goal: whatever a peer sends, a channel neither crashes nor leaves its queues inconsistent, a
// changed byte never arrives as plaintext, and our record layer delivers what BoringSSL's does.
// Method: the first byte picks who is attacked and how: raw bytes to a server or a client; a real
// handshake and a message whose bytes on the wire are changed as the input says; or messages both
// ways after it, in pieces and with changes as the input says, twice: with each record layer.

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>

#include "engine/base/check.h"
#include "engine/tls/record_format.h"
#include "engine/tls/tls_channel.h"
#include "engine/tls/tls_context.h"

namespace engine {
namespace {

constexpr int64_t kNow = 1'800'000'000;
constexpr std::string_view kMessage = "the message that arrives whole or not at all";

// As the programs' own: a whole record, however padded, lies in one block.
constexpr uint32_t kBlockSize = 32 * 1024;
static_assert(kBlockSize >= kTlsRecordSizeMax);

struct Contexts {
  std::unique_ptr<TlsContext> server;
  std::unique_ptr<TlsContext> client;
};

struct AllContexts {
  Contexts in_place;
  Contexts boring;
};

const Contexts& Shared(TlsRecords records) {
  static const AllContexts all = [] {
    const crypto::Validity validity = {kNow - 1000, kNow + 1000};
    const crypto::PrivateKey key = crypto::PrivateKey::Generate();
    const crypto::Issuer issuer = {*crypto::CreateAuthority(key, "CA", validity), key};
    const crypto::Certificate certificate =
        *crypto::IssueServer(issuer, key, {"relay", {"relay.test"}, {}}, validity);
    const UnixClock clock = [] { return kNow; };
    const auto make = [&](TlsRecords carrier) {
      return Contexts{*TlsContext::Server({.identity = {certificate.Pem(), key.Pem()},
                                           .client_authority_pem = issuer.certificate.Pem(),
                                           .protocols = {"adit/1"},
                                           .clock = clock,
                                           .records = carrier}),
                      *TlsContext::Client({.trust = TlsTrust::Authority(issuer.certificate.Pem()),
                                           .identity = {},
                                           .protocols = {"adit/1"},
                                           .clock = clock,
                                           .records = carrier})};
    };
    return AllContexts{make(TlsRecords::kInPlace), make(TlsRecords::kBoringSsl)};
  }();
  return records == TlsRecords::kInPlace ? all.in_place : all.boring;
}

struct End {
  End(const TlsContext& context, std::string_view host)
      : pool(64, kBlockSize), channel(context, pool, host) {}

  void Pump() {
    BufferRef plaintext;
    while (channel.Read(plaintext) == TlsChannel::Outcome::kOk)
      received += AsText(plaintext.bytes());
    if (channel.error() != TlsError::kNone) CHECK(!channel.error_text().empty());
  }
  void Give(ByteView bytes) {
    BufferRef block = pool.Take();
    if (block.empty() || bytes.empty()) return;
    std::memcpy(block.bytes().data(), bytes.data(), bytes.size());
    CHECK(channel.Receive(block.Share(0, bytes.size())));
  }

  BufferPool pool;
  TlsChannel channel;
  std::string received;
};

// Changes takes three bytes of the input for each change: where (two bytes), and by what.
struct Changes {
  ByteView rest;
  size_t carried = 0;
  bool changed = false;

  void Apply(std::span<std::byte> bytes) {
    while (rest.size() >= 3) {
      const size_t at = LoadBig<uint16_t>(rest.data()) % 4096;
      if (at >= carried + bytes.size()) break;
      if (at >= carried) {
        bytes[at - carried] ^= rest[2];
        changed = changed || rest[2] != std::byte{};
      }
      rest = rest.subspan(3);
    }
    carried += bytes.size();
  }
};

size_t Carry(End& from, End& to, Changes& changes) {
  size_t moved = 0;
  ByteView slice;
  while (from.channel.Output({&slice, 1}) == 1) {
    std::array<std::byte, kBlockSize> bytes;
    std::copy(slice.begin(), slice.end(), bytes.begin());
    changes.Apply(std::span(bytes).first(slice.size()));
    to.Give(ByteView(bytes).first(slice.size()));
    from.channel.OutputSent(slice.size());
    moved += slice.size();
    to.Pump();
  }
  return moved;
}

void AttackRaw(End& end, ByteView bytes, size_t chunk) {
  end.Pump();
  while (!bytes.empty()) {
    const size_t size = std::min(chunk, bytes.size());
    end.Give(bytes.first(size));
    bytes = bytes.subspan(size);
    end.Pump();
  }
  CHECK(end.received.empty());
}

struct Pair {
  explicit Pair(TlsRecords records)
      : server(*Shared(records).server, ""), client(*Shared(records).client, "relay.test") {}

  void ShakeHands(Changes& changes) {
    client.Pump();
    while (Carry(client, server, changes) + Carry(server, client, changes) > 0) {
    }
  }

  End server;
  End client;
};

void AttackPair(TlsRecords records, ByteView script) {
  Pair pair(records);
  End& server = pair.server;
  End& client = pair.client;
  Changes changes{script};
  pair.ShakeHands(changes);
  if (client.channel.handshake_done() && client.channel.error() == TlsError::kNone) {
    CHECK(client.channel.Write(AsBytes(kMessage)) == TlsChannel::Outcome::kOk);
    Carry(client, server, changes);
  }
  CHECK(server.received.empty() || server.received == kMessage);
  if (!changes.changed) CHECK(server.received == kMessage);
}

// Step is some messages of one size from one end to the other. What they are on the wire comes in
// pieces, read one by one or all at once, and one byte of it may be changed.
struct Step {
  static constexpr size_t kMax = 8;           // In one input.
  static constexpr size_t kPiecesMax = 256;   // Of a step ...
  static constexpr size_t kPiecesUnread = 8;  // ... and that wait to be read.

  // Read returns false at the end of the script.
  bool Read(ByteReader& script) {
    return script.Read(how) && script.Read(size) && script.Read(piece_size) && script.Read(where) &&
           script.Read(by);
  }

  bool is_to_server() const { return (how & 1) == 0; }
  size_t messages() const { return 1 + (how / 4) % 4; }
  size_t pieces_unread() const { return (how & 2) == 0 ? kPiecesUnread : 1; }
  size_t message_size() const { return 1 + size % kTlsRecordPlaintextMax; }
  size_t record_size() const { return message_size() + kTlsRecordOverhead; }

  std::string Message(size_t i) const {
    return std::string(message_size(), static_cast<char>('a' + how % 16 + i));
  }

  uint8_t how = 0;
  uint16_t size = 0;
  uint16_t piece_size = 0;
  uint16_t where = 0;
  uint8_t by = 0;
};

void Take(Pair& pair, const Step& step) {
  End& from = step.is_to_server() ? pair.client : pair.server;
  End& to = step.is_to_server() ? pair.server : pair.client;
  std::string bytes;
  for (size_t i = 0; i < step.messages(); ++i) {
    CHECK(from.channel.Write(AsBytes(step.Message(i))) == TlsChannel::Outcome::kOk);
    ByteView slice;
    while (from.channel.Output({&slice, 1}) == 1) {
      bytes += AsText(slice);
      from.channel.OutputSent(slice.size());
    }
  }
  CHECK(bytes.size() == step.messages() * step.record_size());
  char& changed = bytes[step.where % bytes.size()];
  changed = static_cast<char>(changed ^ step.by);
  const size_t piece_size = std::clamp<size_t>(1 + size_t{step.piece_size},
                                               bytes.size() / Step::kPiecesMax + 1, kBlockSize);
  size_t unread = 0;
  for (ByteView rest = AsBytes(bytes); !rest.empty();) {
    const size_t size = std::min(piece_size, rest.size());
    to.Give(rest.first(size));
    rest = rest.subspan(size);
    if (++unread < step.pieces_unread() && !rest.empty()) continue;
    to.Pump();
    unread = 0;
  }
}

// CompareRecords does the same with each record layer: what was sent before a changed byte's record
// arrives, nothing of it or after it, and both fail for the same cause. But a header that was
// changed may make one of them wait for what never comes, where the other one has found it wrong.
void CompareRecords(ByteReader script) {
  Pair in_place(TlsRecords::kInPlace);
  Pair boring(TlsRecords::kBoringSsl);
  for (Pair* pair : {&in_place, &boring}) {
    Changes none{};
    pair->ShakeHands(none);
    CHECK(pair->server.channel.handshake_done());
    CHECK(pair->client.channel.handshake_done());
  }
  Step step;
  for (size_t number = 0; number < Step::kMax && step.Read(script); ++number) {
    for (Pair* pair : {&in_place, &boring}) {
      End& end = step.is_to_server() ? pair->server : pair->client;
      end.received.clear();
      Take(*pair, step);
    }
    const End& one = step.is_to_server() ? in_place.server : in_place.client;
    const End& other = step.is_to_server() ? boring.server : boring.client;
    const size_t at = step.where % (step.messages() * step.record_size());
    const size_t whole = step.by == 0 ? step.messages() : at / step.record_size();
    std::string expected;
    for (size_t i = 0; i < whole; ++i) expected += step.Message(i);
    CHECK(one.received == expected);
    CHECK(other.received == expected);
    if (step.by == 0) {
      CHECK(one.channel.error() == TlsError::kNone);
      CHECK(other.channel.error() == TlsError::kNone);
      continue;
    }
    if (at % step.record_size() >= kTlsRecordHeader) {
      CHECK(one.channel.error() == TlsError::kBadRecord);
      CHECK(other.channel.error() == TlsError::kBadRecord);
    }
    return;
  }
}

}  // namespace
}  // namespace engine

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  const engine::ByteView bytes(reinterpret_cast<const std::byte*>(data), size);
  const size_t chunk = size_t{data[1]} * 8 + 1;
  if (data[0] % 4 == 0) {
    engine::End server(*engine::Shared(engine::TlsRecords::kInPlace).server, "");
    engine::AttackRaw(server, bytes.subspan(2), chunk);
  } else if (data[0] % 4 == 1) {
    engine::End client(*engine::Shared(engine::TlsRecords::kInPlace).client, "relay.test");
    engine::AttackRaw(client, bytes.subspan(2), chunk);
  } else if (data[0] % 4 == 2) {
    engine::AttackPair(engine::TlsRecords::kInPlace, bytes.subspan(2));
    engine::AttackPair(engine::TlsRecords::kBoringSsl, bytes.subspan(2));
  } else {
    engine::CompareRecords(engine::ByteReader(bytes.subspan(1)));
  }
  return 0;
}
