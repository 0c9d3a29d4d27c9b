#pragma once

#include <cstdint>
#include <list>
#include <string>
#include <string_view>

#include "engine/datachannel/byte_fifo.h"
#include "relay/gateway/conduit.h"
#include "relay/gateway/stream_input.h"

namespace relay {

// PortConduit is a port session that carries one connection at a time: ssh's, over the client's
// standard input and output, which ends with it; or that of a client that does not multiplex, which
// may connect again.
class PortConduit final : public Conduit {
 public:
  // Connections whose client has gone, and whose target has not ended yet.
  static constexpr size_t kLeavingMax = 16;

  PortConduit(Host& host, std::string request, bool is_once)
      : host_(host), request_(std::move(request)), is_once_(is_once) {}

  void Start() override { Dial(); }
  bool TakeInput(engine::datachannel::PayloadType type, engine::ByteView payload) override;
  void PumpOutput() override;

 private:
  // Line is one connection to the target.
  class Line final : public engine::StreamEvents {
   public:
    explicit Line(PortConduit& owner) : owner_(owner) {}
    ~Line() override;

    bool Open();
    // Leave says that the client has gone: what it sent still arrives, and nobody hears the rest.
    void Leave();
    bool Offer(engine::ByteView bytes);
    void Pump();
    bool is_over() const { return is_over_; }

   private:
    void FinishInput();
    void OnRejected(engine::CloseCode code, std::string_view text) override;
    void OnData(engine::Channel channel, engine::BufferRef payload) override;
    void OnWritable() override { owner_.host_.InputMayGoOn(); }
    void OnFinished() override;
    void OnClosed(engine::CloseCode code, std::string_view text) override;

    PortConduit& owner_;
    engine::StreamId stream_ = engine::kLinkStream;
    bool is_stream_open_ = false;
    bool is_left_ = false;
    bool is_input_over_ = false;
    bool is_target_over_ = false;
    bool is_over_ = false;  // And nothing waits.
    StreamInput input_;
    engine::datachannel::ByteFifo output_;  // At most the stream's window.
  };

  void Dial();
  void HangUp();
  void DropDone();

  Host& host_;
  const std::string request_;
  const bool is_once_;
  std::list<Line> lines_;  // Those that leave, and the client's, if it has one.
  Line* line_ = nullptr;   // The client's.
};

}  // namespace relay
