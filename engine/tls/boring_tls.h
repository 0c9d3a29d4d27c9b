// Internal to engine/tls: a connection of BoringSSL's over our queues. It shakes hands for every
// channel, and carries the records of those that asked for that (TlsRecords::kBoringSsl).
//
// What is copied then: a received byte twice (into BoringSSL's record, and out of it into a pool
// block), a sent byte twice (sealing out of place, and into a pool block), and once more when a
// record has more than one piece.

#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "engine/base/bytes.h"
#include "engine/buffer/buffer_pool.h"
#include "engine/tls/tls_channel.h"
#include "engine/tls/tls_failure.h"
#include "engine/tls/tls_input.h"
#include "engine/tls/tls_output.h"
#include "engine/tls/tls_settings.h"

namespace engine {

class EstablishedTls;

class BoringTls {
 public:
  using Outcome = TlsChannel::Outcome;

  BoringTls(std::shared_ptr<const TlsSettings> settings, std::string_view host, TlsInput& input,
            TlsOutput& output, BufferPool& pool);
  ~BoringTls();
  BoringTls(const BoringTls&) = delete;
  BoringTls& operator=(const BoringTls&) = delete;

  // These do what TlsChannel says of them. With kError, failure() says why.
  void Offer(std::string_view protocol);
  Outcome Handshake();
  Outcome Read(BufferRef& plaintext);
  Outcome Write(std::span<const ByteView> pieces);
  Outcome Close();
  const TlsFailure& failure() const { return failure_; }

  std::string_view protocol() const;
  std::string PeerDer() const;  // Empty: none was shown.
  std::string TakeAnchorPem() { return std::move(verdict_.anchor_pem); }
  void Export(std::string_view label, ByteView context, std::span<std::byte> out) const;

  // HandOver returns the connection as our own record layer goes on with it; this object is of no
  // use then. Null when it must stay here: BoringSSL's records were asked for, the pool's blocks
  // are too small for the largest record, or BoringSSL has read ahead.
  // Requires: the handshake is done, and nothing was read or written since.
  std::unique_ptr<EstablishedTls> HandOver();

 private:
  struct Bio;  // BoringSSL's view of the two queues.

  Outcome Explain(int result);
  Outcome Fail(TlsError error, std::string text);
  Outcome Room(size_t size) const;

  std::shared_ptr<const TlsSettings> settings_;
  TlsInput& input_;
  TlsOutput& output_;
  BufferPool& pool_;
  TlsVerdict verdict_;
  bssl::UniquePtr<SSL> ssl_;
  TlsFailure failure_{TlsError::kNone, {}};

  // What is free of the block that plaintext is being packed into, while a burst lasts.
  BufferRef packing_;
  // Why the output took less than all.
  TlsOutput::Room blocked_ = TlsOutput::Room::kOk;
  // The type of the first record that came, if any did: what does not begin like TLS is something
  // else.
  std::optional<std::byte> first_byte_;
};

}  // namespace engine
