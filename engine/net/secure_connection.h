// One secured connection: a socket, a TLS channel and a protocol on a loop.
//
//     kernel -> Loop::Receive -> TlsChannel -> RecordProtocol::Receive
//     kernel <- Loop::Send    <- TlsChannel <- RecordProtocol::GatherRecord
//
//     kIdle --> kResolving --> kConnecting --> kHandshaking --> kOpen --> kDraining --> kClosing
//                                                                |                      --> kClosed
//                                                                +--> kDetaching --> kClosed
//
// Every way out passes through kClosing, which is a join: each op in flight is cancelled and its
// final completion awaited, then the socket is closed, then the owner hears OnClosed. kDraining
// sends what is left (a goaway, an alert, close_notify) and reads the peer's end, so that a reset
// does not overtake our last words.

#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/time.h"
#include "engine/buffer/record_protocol.h"
#include "engine/buffer/recycled_ring.h"
#include "engine/loop/address.h"
#include "engine/loop/loop.h"
#include "engine/loop/op.h"
#include "engine/net/resolver.h"

namespace engine {

class TlsChannel;

// ConnectionEnd says why a connection is over. `text` is for people: what happened and why.
struct ConnectionEnd {
  enum class Kind : uint8_t {
    kClosedByUs,       // Close or CloseAfterOutput.
    kClosedByPeer,     // An orderly end: close_notify.
    kCut,              // A reset, or an end without close_notify.
    kUnreachable,      // Refused, no route, timed out: it never was connected.
    kHandshakeFailed,  // TLS: another CA, no common protocol, not TLS at all, too slow.
    kPeerError,        // Bytes that are no valid TLS records.
    kExhausted,        // The kernel or the pool is out of something.
  };
  Kind kind = Kind::kClosedByUs;
  std::string text;
};

// DetachedSocket is a connected socket whose TLS was laid aside, and what came behind the last
// record that was read: bytes of whatever is spoken next.
struct DetachedSocket {
  Socket socket;
  std::vector<BufferRef> unread;
};

class SecureConnection final : public RecordCarrier {
 public:
  // Events is the owner's side.
  class Events {
   public:
    virtual ~Events() = default;
    // The handshake is done: look at channel() for protocol and certificate, then call SetProtocol,
    // or Close.
    virtual void OnSecured(SecureConnection& connection) = 0;
    // Detach is done: the socket is the owner's, and the connection may be destroyed. OnClosed is
    // not called. For owners that call Detach.
    virtual void OnDetached(SecureConnection& connection, DetachedSocket detached);
    // The last call, never from inside a call of the owner's. The owner may destroy the connection
    // in it, and at no time before.
    virtual void OnClosed(SecureConnection& connection, const ConnectionEnd& end) = 0;
  };

  static constexpr Duration kConnectMax = std::chrono::seconds(10);
  // Long for a name server that is there, and no longer than a person waits without a word. Once an
  // address that was recalled has led nowhere, names have kConnectMax again.
  static constexpr Duration kRecallAfter = std::chrono::seconds(2);
  // From the first byte to the end of the handshake: a slow drip ends here.
  static constexpr Duration kHandshakeMax = std::chrono::seconds(10);
  // How long last words may take, and the peer's end after them.
  static constexpr Duration kDrainMax = std::chrono::seconds(3);
  // Ciphertext that waits for the kernel: what a keystroke may stand behind in our own queue.
  // Sixteen full records, as many as one send takes: whoever is woken for them finds more to do.
  static constexpr size_t kSealedAheadMax = 256 * 1024;
  // How long to wait for blocks when the pool has run dry.
  static constexpr Duration kNoBuffersPause = std::chrono::milliseconds(2);

  SecureConnection(Loop& loop, Events& events);
  ~SecureConnection();  // Requires: nothing was started yet, or OnClosed was called.
  SecureConnection(const SecureConnection&) = delete;
  SecureConnection& operator=(const SecureConnection&) = delete;

  // Dial resolves `host`, connects to the first of its addresses that answers, all of them within
  // `connect_max`, and shakes hands as a client. `resolver` must live until OnClosed. While its
  // name servers say nothing useful, or nothing for kRecallAfter, the address counts that had its
  // certificate last.
  void Dial(Resolver& resolver, std::string_view host, uint16_t port,
            std::unique_ptr<TlsChannel> channel, Duration connect_max = kConnectMax);

  // Adopt shakes hands, as a server or a client as the channel is, on a connected socket of this
  // loop, which it owns from now on. `first_bytes` were read from it already and are given by
  // reference, at most kTlsInputSlicesMax of them.
  void Adopt(Socket socket, std::unique_ptr<TlsChannel> channel, BufferRef first_bytes);
  void Adopt(Socket socket, std::unique_ptr<TlsChannel> channel,
             std::vector<BufferRef> first_bytes);

  // SetProtocol names who speaks from now on. `protocol` must live until OnClosed.
  void SetProtocol(RecordProtocol& protocol);

  // ReplaceProtocol names a successor, from inside a call of the one that speaks or from outside.
  // The old one must live until that call has returned, and not be asked for output any more.
  void ReplaceProtocol(RecordProtocol& protocol);

  // ReplaceEvents gives the connection to another owner. Requires: open(), and the old one has not
  // called Close, CloseAfterOutput or Detach.
  void ReplaceEvents(Events& events);

  // HoldInput stops passing plaintext to the protocol, or goes on with it: for one that has no flow
  // control of its own. What comes meanwhile waits here, at most one batch and what the channel
  // has, and then in the kernel; an end of the peer's is not seen either.
  void HoldInput(bool is_held);

  void OutputReady() override;
  void CloseAfterOutput() override;
  void GiveUpPeer() override { is_peer_given_up_ = true; }

  // Detach lays TLS aside: no further record is read, what GatherRecord has is sent, and then
  // OnDetached hands over the socket, without any last word of TLS. When that fails, OnClosed
  // follows as always. Call it from RecordProtocol::Receive, so that no byte behind that record is
  // taken for another one, or when the peer sends nothing. Requires: open().
  void Detach();

  // Close ends it now: what is not sent is dropped. OnClosed follows in a later iteration.
  void Close();

  TlsChannel& channel() { return *channel_; }
  Loop& loop() { return loop_; }
  Socket socket() const { return socket_; }
  // Whatever came from the socket, in this object's hands.
  bool heard_peer() const { return heard_peer_; }
  bool open() const { return phase_ == Phase::kOpen; }

 private:
  enum class Phase : uint8_t {
    kIdle,
    kResolving,
    kConnecting,
    kHandshaking,
    kOpen,
    kDraining,
    kDetaching,
    kClosing,
    kClosed,
  };

  // Route is where a dialled connection goes.
  struct Route {
    Resolver& resolver;
    std::string host;
    uint16_t port;
    Duration connect_max;
    std::vector<Address> addresses;  // To try, the last one first.
    Address peer;                    // The one that is being tried.
    bool is_recalled;                // It is where the name led before.
  };

  void OnResolved(Resolved outcome);
  void OnConnected(Connected outcome);
  void OnReceived(Received outcome);
  void OnSent(Sent outcome);
  void OnPump(Fired outcome);
  void OnDeadline(Fired outcome);
  void OnSocketClosed(Closed outcome);

  void TryNextAddress();
  void LeaveRoute();
  void StartReceive();
  void StartSend();
  void SchedulePump(Duration delay);
  void ArmDeadline();
  Instant EarliestDeadline() const;

  // Each returns false when the connection left the phase in which bytes flow.
  bool PumpInput();
  bool PumpOutput();
  void Pump();

  // Drain says the last words and then closes; Join ends everything at once.
  void Drain(ConnectionEnd end);
  void Join(ConnectionEnd end);
  void FinishDrain();
  void FinishDetach();
  void FinishJoin();
  bool flowing() const { return phase_ == Phase::kHandshaking || phase_ == Phase::kOpen; }

  Loop& loop_;
  Events* events_;
  Phase phase_ = Phase::kIdle;
  Socket socket_;
  std::unique_ptr<TlsChannel> channel_;
  RecordProtocol* protocol_ = nullptr;
  std::unique_ptr<Route> route_;  // Of one that was dialled, until it is secured.
  ConnectionEnd end_;
  Instant phase_deadline_ = Instant::max();  // Of connecting, the handshake, or draining.
  Instant armed_deadline_ = Instant::max();  // What deadline_op_ waits for.
  // Received, and not yet the channel's.
  RecycledRing<BufferRef, kReceiveBlocksMax> held_input_;
  bool secured_ = false;          // OnSecured was called.
  bool close_requested_ = false;  // CloseAfterOutput was called.
  bool peer_finished_ = false;    // Draining: the peer's end was read.
  bool sent_last_ = false;        // Draining: our end was sent.
  bool io_is_over_ = false;       // Detaching: only timers are in flight.
  bool heard_peer_ = false;
  bool is_peer_given_up_ = false;
  bool input_is_held_ = false;
  bool pumping_ = false;  // Guards against re-entry from protocol handlers.

  ResolveOp resolve_op_;
  ConnectOp connect_op_;
  ReceiveOp receive_op_;
  SendOp send_op_;
  TimerOp pump_op_;
  TimerOp deadline_op_;
  CloseOp close_op_;
};

}  // namespace engine
