// The few frames of a join connection (PROTOCOL.md, "Sealed sessions"), without I/O: one `join`
// from the side that dialled, and `joined` or a goaway from the relay. Both sides use this class.
//
//     end point                          relay
//       | CONTROL join ------------------->|
//       |<-------- CONTROL joined, GOAWAY -|

#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "engine/base/time.h"
#include "engine/buffer/record_protocol.h"
#include "engine/mux/frame_parser.h"
#include "engine/wire/control.h"
#include "engine/wire/frame.h"

namespace engine {

// LinkFrame is a frame of the link itself, as it goes over a connection on which no multiplexer
// speaks, or not yet. Requires: its payload fits into a frame.
std::string LinkFrame(FrameType type, ByteView payload);

class JoinExchange final : public RecordProtocol {
 public:
  // Events may call the exchange back, and not destroy it. After OnGoaway, OnBroken and OnSilent
  // nothing more is called.
  class Events {
   public:
    // The peer's one message. Whatever it sends behind it in the same record breaks the rules.
    virtual void OnMessage(const ControlMessage& message) = 0;
    virtual void OnGoaway(CloseCode code, std::string_view text) = 0;
    // The peer broke the protocol: tell it, if at all, by Goaway, and close.
    virtual void OnBroken(std::string_view text) = 0;
    // The peer did not send its message in time, or the way to it is cut; which, nobody can tell.
    // For most it is the same as OnBroken.
    virtual void OnSilent(std::string_view text) { OnBroken(text); }

   protected:
    ~Events() = default;
  };

  // `carrier` is told when there is something to send; `deadline` is for the peer's message.
  JoinExchange(RecordCarrier& carrier, Events& events, Instant deadline);

  // Each is sent once; Goaway closes the carrier after it. Requires: nothing was sent before, but
  // for Goaway after a Send. `head` goes before the message: what asks for this exchange on a
  // connection where something else was spoken.
  void Send(const ControlMessage& message, std::string_view head = {});
  void Goaway(CloseCode code, std::string_view text);

  // Sent is true when what was to be said has been taken by the carrier.
  bool sent() const { return !waiting_ && said_; }

  void Receive(BufferRef plaintext, Instant now) override;
  size_t GatherRecord(std::span<ByteView> slices, Instant now) override;
  void RecordTaken() override;
  Instant NextDeadline() const override;
  void HandleDeadline(Instant now) override;

 private:
  void HandleFrame(const FrameParser::Frame& frame);
  void Break(std::string_view text);
  void End();
  void Queue(FrameType type, ByteView payload);

  RecordCarrier& carrier_;
  Events& events_;
  Instant deadline_;
  FrameParser parser_;
  std::string output_;    // One frame, and what goes before it.
  bool said_ = false;     // Something was to be sent ...
  bool waiting_ = false;  // ... and the carrier has not taken it yet.
  bool heard_ = false;    // The peer's message came.
  bool over_ = false;
};

}  // namespace engine
