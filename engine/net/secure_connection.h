// One secured connection: a socket, a TLS channel and a protocol on a loop.
//
//     kernel -> Loop::Receive -> TlsChannel -> RecordProtocol::Receive
//     kernel <- Loop::Send    <- TlsChannel <- RecordProtocol::GatherRecord
//
// States, in order; every way out passes through kClosing, which is a join: each operation in
// flight is cancelled and its final completion awaited, then the socket is closed, then the owner
// hears OnClosed.
//
//     kConnecting --> kHandshaking --> kOpen --> kDraining --> kClosing --> kClosed

#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/time.h"
#include "engine/buffer/record_protocol.h"
#include "engine/loop/loop.h"
#include "engine/wire/frame.h"

namespace engine {

class TlsChannel;

// ConnectionEnd says why a connection is over. `text` is for people: what happened and why.
struct ConnectionEnd {
  enum class Kind : uint8_t {
    kClosedByUs,       // Close or CloseAfterOutput.
    kClosedByPeer,     // An orderly end (close_notify, or end of stream between records).
    kCut,              // Reset, or the end of stream without close_notify.
    kUnreachable,      // Refused, no route, timed out: it never was connected.
    kHandshakeFailed,  // TLS: another CA, no common protocol, not TLS at all, too slow.
    kPeerError,        // Bytes that are no valid TLS records.
    kExhausted,        // No buffers, or the kernel is out of something.
  };
  Kind kind = Kind::kClosedByUs;
  std::string text;
};

class SecureConnection final : public RecordCarrier {
 public:
  // Events is the owner's side. OnClosed is the last call; the owner may destroy the connection
  // in it, and at no time before.
  class Events {
   public:
    virtual ~Events() = default;
    // The handshake is done: look at channel() for ALPN and certificate, then call SetProtocol, or
    // Close.
    virtual void OnSecured(SecureConnection& connection) = 0;
    virtual void OnClosed(SecureConnection& connection, const ConnectionEnd& end) = 0;
  };

  static constexpr Duration kHandshakeMax = std::chrono::seconds(10);  // Slow drip ends here.
  static constexpr Duration kDrainMax = std::chrono::seconds(5);
  // Ciphertext queued at most for the kernel: what a keystroke may wait behind in our own queue.
  static constexpr size_t kSealedAheadMax = 128 * 1024;

  SecureConnection(Loop& loop, Events& events);
  ~SecureConnection();  // Requires: state is kClosed, or nothing was ever started.

  // Connect dials `peer` and shakes hands through `channel`.
  void Connect(const Address& peer, std::unique_ptr<TlsChannel> channel, Duration connect_max);

  // Adopt takes an accepted socket; `first_bytes` were already read from it.
  void Adopt(Socket socket, std::unique_ptr<TlsChannel> channel, ByteView first_bytes);

  // SetProtocol names who speaks from now on. `protocol` must live until OnClosed.
  void SetProtocol(RecordProtocol& protocol);

  void OutputReady() override;
  void CloseAfterOutput() override;

  // Close ends it now: what is not sent is dropped. OnClosed follows in a later iteration.
  void Close();

  TlsChannel& channel();
  Socket socket() const;
  Loop& loop();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace engine
