// A link within the process: two protocols that speak to each other as over a connection.
//
//     Multiplexer  -- GatherRecord --> copied into a block --> Receive -->  SwitchPort
//     (near)       <------------------ the same way back <----------------  (far)
//
// It makes a session of the gateway a client like any other to the switchboard: the same checks,
// the same credit, the same records.

#pragma once

#include <functional>

#include "engine/base/time.h"
#include "engine/buffer/buffer_pool.h"
#include "engine/buffer/record_protocol.h"

namespace relay {

class LocalLink {
 public:
  // `wake` is called when Run has something to do; it must not call Run itself.
  LocalLink(engine::BufferPool& pool, std::function<void()> wake);
  LocalLink(const LocalLink&) = delete;
  LocalLink& operator=(const LocalLink&) = delete;

  engine::RecordCarrier& near_carrier() { return near_; }
  engine::RecordCarrier& far_carrier() { return far_; }

  // Join names the two protocols, which must live until Run is not called any more.
  void Join(engine::RecordProtocol& near_protocol, engine::RecordProtocol& far_protocol);

  // Run handles deadlines and moves what both sides have to say. False: the pool has run dry; call
  // it again a little later.
  bool Run(engine::Instant now);

  engine::Instant NextDeadline() const;

  // closed is true when one side has closed and the other has heard all it said.
  bool closed() const { return is_closed_; }

 private:
  class Carrier final : public engine::RecordCarrier {
   public:
    explicit Carrier(LocalLink& link) : link_(link) {}
    void OutputReady() override { link_.wake_(); }
    void CloseAfterOutput() override {
      is_closing = true;
      link_.wake_();
    }

    engine::RecordProtocol* protocol = nullptr;
    bool is_closing = false;

   private:
    LocalLink& link_;
  };

  // Move passes on all that `from` has to say, and returns whether that was anything.
  bool Move(Carrier& from, Carrier& to, engine::Instant now);

  engine::BufferPool& pool_;
  const std::function<void()> wake_;
  Carrier near_{*this};
  Carrier far_{*this};
  bool is_dry_ = false;
  bool is_closed_ = false;
};

}  // namespace relay
