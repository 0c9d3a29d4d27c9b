// One stream, joined to two descriptors: what `adit proxy` is to the program that started it.
//
//     in  --> InputPump  --> stream      end of file <-> FINISH
//     out <-- OutputPump <--             failure     <-> RESET
//
// Each direction ends by itself: after the end of `in` the answer still comes, and after the end of
// the answer more may be sent. No byte is looked at, and nothing is allocated on the way.

#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "client/input_pump.h"
#include "client/output_pump.h"
#include "engine/loop/loop.h"
#include "engine/mux/multiplexer.h"

namespace client {

struct ProxyEnd {
  enum class Kind : uint8_t {
    kOrderly,       // Both directions ended, and every byte is out.
    kRefused,       // The node did not connect; `code`, `text`.
    kReset,         // The connection was reset, or the link ended; `code`, `text`.
    kInputBroken,   // Reading from our side failed.
    kOutputClosed,  // Nobody reads what comes any more.
  };
  Kind kind = Kind::kReset;
  engine::CloseCode code = engine::CloseCode::kConnectionReset;
  std::string text;
};

class ProxyStream final : private engine::StreamEvents,
                          private InputPump::Sink,
                          private OutputPump::Events {
 public:
  class Events {
   public:
    // The other side sends no more, and all of it is out: whoever reads `out` should see its end.
    // Nothing of this object is in flight on it, and nothing more will be.
    virtual void OnOutputFinished() = 0;
    virtual void OnProxyEnded(const ProxyEnd& end) = 0;  // Once, the last one.

   protected:
    ~Events() = default;
  };

  // The multiplexer must live until the end was told or Stop was called; `in` and `out` stay open.
  ProxyStream(engine::Loop& loop, engine::Multiplexer& multiplexer, engine::Socket in,
              engine::Socket out, Events& events);

  // Open asks the node to connect. False: the link takes no more streams.
  [[nodiscard]] bool Open(engine::ByteView request);

  // Stop ends everything at once; no event follows. The object may be destroyed when joined().
  void Stop();
  bool joined() const { return !in_.in_flight() && !out_.in_flight(); }

 private:
  void OnRejected(engine::CloseCode code, std::string_view text) override;
  void OnData(engine::Channel channel, engine::BufferRef payload) override;
  void OnWritable() override { in_.Resume(); }
  void OnFinished() override;
  void OnClosed(engine::CloseCode code, std::string_view text) override;

  size_t TakeInput(engine::BufferRef slice) override;
  void OnInputEnded(engine::IoError error) override;

  void OnPumped(OutputPump& pump, size_t bytes) override;
  void OnPumpFailed(OutputPump& pump, engine::IoError error, size_t dropped_bytes) override;

  void GoOn();
  void ResetStream(engine::CloseCode code, std::string_view text);
  void End(ProxyEnd end);

  engine::Multiplexer& multiplexer_;
  Events& events_;
  InputPump in_;
  OutputPump out_;
  engine::StreamId stream_ = engine::kLinkStream;
  bool stream_open_ = false;
  bool remote_finished_ = false;
  bool output_finished_ = false;  // OnOutputFinished was called.
  bool closed_in_order_ = false;  // The stream is over; its last bytes may still be on their way.
  bool ended_ = false;
};

}  // namespace client
