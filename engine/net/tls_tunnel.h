// TLS inside TLS: the inner connection of a wrapped lane. Its ciphertext is the plaintext of
// another connection, to which it is a protocol; to the protocol that speaks over it, it is a
// carrier.
//
//     protocol  <-- records -->  TlsTunnel  <-- ciphertext -->  SecureConnection (outer)

#pragma once

#include <memory>
#include <string>

#include "engine/buffer/record_protocol.h"
#include "engine/net/secure_connection.h"
#include "engine/tls/tls_channel.h"

namespace engine {

class TlsTunnel final : public RecordProtocol, public RecordCarrier {
 public:
  class Events {
   public:
    // The inner handshake is done: call SetProtocol.
    virtual void OnInnerSecured() = 0;
    // The inner connection is over, in good or bad order: close the outer one. The last call.
    virtual void OnInnerEnded(const ConnectionEnd& end) = 0;

   protected:
    ~Events() = default;
  };

  // `outer` and `events` outlive it.
  TlsTunnel(RecordCarrier& outer, std::unique_ptr<TlsChannel> channel, Events& events);
  ~TlsTunnel() override;

  // Start begins the handshake, when the outer connection passes records to this object.
  void Start(Instant now);

  void SetProtocol(RecordProtocol& protocol) { protocol_ = &protocol; }
  TlsChannel& channel() { return *channel_; }
  bool heard_other_end() const { return heard_; }

  // As a carrier.
  void OutputReady() override;
  void CloseAfterOutput() override;

  // As a protocol.
  void Receive(BufferRef ciphertext, Instant now) override;
  size_t GatherRecord(std::span<ByteView> slices, Instant now) override;
  void RecordTaken() override;
  Instant NextDeadline() const override;
  void HandleDeadline(Instant now) override;

 private:
  void PumpInput(Instant now);
  void PumpOutput(Instant now);
  void End(ConnectionEnd end);

  RecordCarrier& outer_;
  Events& events_;
  std::unique_ptr<TlsChannel> channel_;
  RecordProtocol* protocol_ = nullptr;
  Instant handshake_deadline_ = Instant::max();
  Instant retry_at_ = Instant::max();  // When to read on: the pool or the output was exhausted.
  size_t gathered_ = 0;                // Bytes of the record that the outer connection is taking.
  bool output_was_full_ = false;
  bool secured_ = false;          // OnInnerSecured was called.
  bool heard_ = false;            // Something came.
  bool close_requested_ = false;  // CloseAfterOutput was called.
  bool close_sent_ = false;       // close_notify is in the output.
  bool pumping_ = false;
  bool over_ = false;
};

}  // namespace engine
