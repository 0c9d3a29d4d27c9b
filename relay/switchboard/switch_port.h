// The relay's side of one link: frames in, frames out, streams joined to those of other ports.
//
//   plaintext -> FrameParser -> checks, accounts -> the other end's OutputQueue   (by reference)
//   plaintext <- OutputQueue <- what other ports pushed
//
// A frame that breaks PROTOCOL.md ends this link, and only this link.

#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "absl/container/flat_hash_map.h"
#include "engine/buffer/record_protocol.h"
#include "engine/mux/frame_parser.h"
#include "engine/mux/liveness.h"
#include "engine/mux/output_queue.h"
#include "engine/mux/peer_error.h"
#include "engine/wire/control.h"
#include "relay/switchboard/circuit.h"
#include "relay/switchboard/link_budget.h"

namespace relay {

class SwitchPort final : public engine::RecordProtocol, private engine::OutputQueue::Events {
 public:
  // Events is the link's role. It may call the port back, and not destroy it.
  class Events {
   public:
    virtual ~Events() = default;
    virtual void OnHello(const engine::Hello& hello) = 0;
    virtual void OnControl(const engine::ControlMessage& message) = 0;
    // The peer opens stream `id` and takes `limit` bytes of it. Answer with Connect or Reject.
    virtual void OnOpen(engine::StreamId id, engine::Priority priority, uint64_t limit,
                        std::string_view request) = 0;
    // A circuit whose client end is on this port ended; it is gone after the call.
    virtual void OnCircuitEnded(Circuit& circuit, engine::CloseCode code) = 0;
    // The link is lost by the peer's fault or silence. Its circuits ended; a goaway is queued and
    // the carrier told to close.
    virtual void OnFailed(engine::CloseCode code, std::string_view text) = 0;
    // What LimitIdle was told has passed without data.
    virtual void OnIdle() {}
  };

  struct Options {
    bool peer_opens = false;  // A client's link: the peer opens streams, with odd ids.
    uint32_t circuits_max = 1024;
    size_t link_bytes_max = 64 * 1024;  // Frames of the link itself that wait for the peer to read.
    uint32_t control_messages_max = 64;  // How many of them may be control messages.
    engine::Duration hello_max = std::chrono::seconds(10);
  };

  SwitchPort(const Options& options, engine::RecordCarrier& carrier, engine::BufferPool& pool,
             Events& events, engine::Instant now);
  ~SwitchPort() override;  // Requires: no circuit is left; see EndAll.

  // Connect makes a circuit of stream `id` of this port, a client's, and a new stream of the node's
  // port, and passes the request on. False, with the stream rejected: one of the ports has
  // circuits_max or is over, or the node's has half of link_bytes_max waiting. True: the circuit is
  // this port's until OnCircuitEnded. `serial` names it there.
  bool Connect(engine::StreamId id, engine::Priority priority, SwitchPort& node_port,
               uint32_t serial, uint64_t limit, std::string_view request);
  void Reject(engine::StreamId id, engine::CloseCode code, std::string_view text);

  void SendHello(const engine::Hello& hello);
  void SendControl(const engine::ControlMessage& message);

  // Stir says that something is about to be sent on whose answer somebody waits: a node's link does
  // not rest then (engine/mux/liveness.h).
  void Stir(engine::Instant now) { liveness_.Used(now); }

  // LimitIdle asks for OnIdle once no data of a circuit of this port, a client's, was received for
  // so long, in either direction. Zero: never.
  void LimitIdle(engine::Duration idle_max, engine::Instant now);

  // Goaway says why, ends every circuit with `code`, and closes the link.
  void Goaway(engine::CloseCode code, std::string_view text);

  // Drain says why, takes no new circuit, and closes the link when its last circuit has ended.
  void Drain(engine::CloseCode code, std::string_view text);

  // EndAll resets every circuit at its other end: this link is gone.
  void EndAll(engine::CloseCode code, std::string_view text);

  size_t circuit_count() const { return ends_.size(); }

  void Receive(engine::BufferRef plaintext, engine::Instant now) override;
  size_t GatherRecord(std::span<engine::ByteView> slices, engine::Instant now) override;
  void RecordTaken() override;
  engine::BufferRef* GatheredPayload() override { return queue_.GatheredPayload(); }
  engine::Instant NextDeadline() const override;
  void HandleDeadline(engine::Instant now) override;

 private:
  using Frame = engine::FrameParser::Frame;

  void OnOutputTaken(engine::StreamOutput& stream) override;
  engine::Credit GatherCredit(engine::StreamOutput& stream) override;

  engine::PeerError HandleFrame(Frame& frame, engine::Instant now);
  engine::PeerError HandleLinkFrame(const Frame& frame, engine::Instant now);
  engine::PeerError HandleLinkControl(const Frame& frame);
  engine::PeerError HandleOpen(const Frame& frame);
  engine::PeerError HandleStreamFrame(CircuitEnd& end, Frame& frame, engine::Instant now);
  engine::PeerError HandleAccept(CircuitEnd& end, const Frame& frame);
  engine::PeerError HandleData(CircuitEnd& end, Frame& frame, engine::Instant now);
  engine::PeerError HandleFinish(CircuitEnd& end, const Frame& frame);
  engine::PeerError HandleCredit(CircuitEnd& end, const Frame& frame);
  engine::PeerError HandleClose(CircuitEnd& end, const Frame& frame);
  bool WasClosed(engine::StreamId id) const;
  engine::StreamId NextStreamId();
  // CountPieces keeps the account of what waits at `end` in its client link's budget.
  static void CountPieces(CircuitEnd& end);

  // Push queues a link frame; a peer that does not read so many fails.
  void Push(engine::FrameType type, uint8_t flags, engine::StreamId id,
            std::initializer_list<engine::ByteView> parts);
  void PushClose(engine::FrameType type, engine::StreamId id, engine::CloseCode code,
                 std::string_view text);
  void Fail(engine::CloseCode code, std::string_view text);

  // End removes a circuit from both ports and tells the peers of the ends that are given.
  void End(Circuit& circuit, CircuitEnd* tell, CircuitEnd* tell_too, engine::CloseCode code,
           std::string_view text);
  void Detach(CircuitEnd& end);
  void CloseIfDrained();
  engine::Instant IdleDeadline() const;

  const Options options_;
  engine::RecordCarrier& carrier_;
  Events& events_;
  engine::FrameParser parser_;
  engine::OutputQueue queue_;
  LinkBudget budget_;  // Of a client's link.
  engine::Liveness liveness_;
  const engine::Instant hello_deadline_;
  engine::Duration idle_max_{};  // Zero: there is no limit.
  engine::Instant last_data_{};
  absl::flat_hash_map<engine::StreamId, CircuitEnd*> ends_;
  // The circuits whose client end is here.
  absl::flat_hash_map<engine::StreamId, std::unique_ptr<Circuit>> circuits_;
  uint32_t last_id_ = 0;  // The newest stream id of either side; ids are never used again.
  bool hello_seen_ = false;
  bool hello_sent_ = false;
  bool draining_ = false;  // Goaway was sent: what is open may end by itself.
  bool over_ = false;      // Goaway was sent: nothing is received any more.
};

}  // namespace relay
