// Internal to engine/tls: a TLS 1.3 connection after its handshake, without BoringSSL's connection
// object: two AEAD states, two sequence numbers, and the secret that exporters come from.
//
//   TlsInput  --record, where it lies--> RecordOpener --slice of the same block--> reader
//   TlsOutput <--record, where it lies-- RecordSealer <--pieces, or a block to seal in-- writer

#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "engine/base/bytes.h"
#include "engine/buffer/buffer_pool.h"
#include "engine/tls/record_opener.h"
#include "engine/tls/record_sealer.h"
#include "engine/tls/tls_channel.h"
#include "engine/tls/tls_failure.h"
#include "engine/tls/tls_input.h"
#include "engine/tls/tls_output.h"
#include "engine/tls/tls_settings.h"
#include "engine/tls/traffic_keys.h"

namespace engine {

class EstablishedTls {
 public:
  using Outcome = TlsChannel::Outcome;

  // Keys is what the handshake left. The views are looked at by the constructor alone.
  struct Keys {
    TlsSuite suite{};
    ByteView read_secret;
    ByteView write_secret;
    uint64_t read_sequence = 0;
    uint64_t write_sequence = 0;
    ByteView exporter_secret;
  };

  EstablishedTls(const Keys& keys, TlsRole role, TlsInput& input, TlsOutput& output);

  // These four do what TlsChannel says of them. With kError, `failure` is filled.
  Outcome Read(BufferRef& plaintext, TlsFailure& failure);
  Outcome Write(std::span<const ByteView> pieces);
  Outcome WriteInPlace(ByteView head, BufferRef& payload);
  Outcome Close();

  void Export(std::string_view label, ByteView context, std::span<std::byte> out) const;

  TlsCounts counts() const;

 private:
  Outcome UpdateKeys();
  Outcome SendAlert(TlsAlert alert, std::byte level);
  TlsFailure Explain();

  RecordOpener opener_;
  RecordSealer sealer_;
  TlsInput& input_;
  TlsOutput& output_;
  TlsCounts counts_;
  const TlsSecret exporter_secret_;
  const TlsRole role_;
  bool update_owed_ = false;  // The peer asked for a KeyUpdate that is not queued yet.
  bool close_sent_ = false;
};

}  // namespace engine
