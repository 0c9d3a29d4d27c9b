// Goal: whatever a peer sends, a channel neither crashes nor leaves its queues inconsistent, and a
// changed byte never arrives as plaintext.
// Method: the first byte picks who is attacked and how: raw bytes to a server or a client, or a
// real handshake and a message whose bytes on the wire are changed as the input says.

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>

#include "engine/base/check.h"
#include "engine/tls/tls_channel.h"
#include "engine/tls/tls_context.h"

namespace engine {
namespace {

constexpr int64_t kNow = 1'800'000'000;
constexpr std::string_view kMessage = "the message that arrives whole or not at all";

struct Contexts {
  std::unique_ptr<TlsContext> server;
  std::unique_ptr<TlsContext> client;
};

const Contexts& Shared() {
  static const Contexts contexts = [] {
    const crypto::Validity validity = {kNow - 1000, kNow + 1000};
    const crypto::PrivateKey key = crypto::PrivateKey::Generate();
    const crypto::Issuer issuer = {*crypto::CreateAuthority(key, "CA", validity), key};
    const crypto::Certificate certificate =
        *crypto::IssueServer(issuer, key, {"relay", {"relay.test"}, {}}, validity);
    const UnixClock clock = [] { return kNow; };
    return Contexts{*TlsContext::Server({.identity = {certificate.Pem(), key.Pem()},
                                         .client_authority_pem = issuer.certificate.Pem(),
                                         .protocols = {"adit/1"},
                                         .clock = clock}),
                    *TlsContext::Client({.trust = TlsTrust::Authority(issuer.certificate.Pem()),
                                         .identity = {},
                                         .protocols = {"adit/1"},
                                         .clock = clock})};
  }();
  return contexts;
}

struct End {
  End(const TlsContext& context, std::string_view host)
      : pool(24, 16384), channel(context, pool, host) {}

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
    std::array<std::byte, 16384> bytes;
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

void AttackPair(ByteView script) {
  End server(*Shared().server, "");
  End client(*Shared().client, "relay.test");
  Changes changes{script};
  client.Pump();
  while (Carry(client, server, changes) + Carry(server, client, changes) > 0) {
  }
  if (client.channel.handshake_done() && client.channel.error() == TlsError::kNone) {
    CHECK(client.channel.Write(AsBytes(kMessage)) == TlsChannel::Outcome::kOk);
    Carry(client, server, changes);
  }
  CHECK(server.received.empty() || server.received == kMessage);
  if (!changes.changed) CHECK(server.received == kMessage);
}

}  // namespace
}  // namespace engine

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  const engine::ByteView bytes(reinterpret_cast<const std::byte*>(data), size);
  const size_t chunk = size_t{data[1]} * 8 + 1;
  if (data[0] % 3 == 0) {
    engine::End server(*engine::Shared().server, "");
    engine::AttackRaw(server, bytes.subspan(2), chunk);
  } else if (data[0] % 3 == 1) {
    engine::End client(*engine::Shared().client, "relay.test");
    engine::AttackRaw(client, bytes.subspan(2), chunk);
  } else {
    engine::AttackPair(bytes.subspan(2));
  }
  return 0;
}
