#pragma once

#include <cstdint>

#include "tests/sim/link_party.h"

namespace sim {

// EchoAgent answers every stream with what came, and wants to dial again when its link breaks.
class EchoAgent final : public LinkParty {
 public:
  using LinkParty::LinkParty;
  uint32_t redials = 0;
  bool wants_dial = false;

 private:
  engine::Hello MakeHello() override {
    engine::Hello hello;
    hello.role = "agent";
    hello.node_name = "web-1";
    return hello;
  }
  void OnControl(engine::ByteView) override {}
  void OnOpen(engine::StreamId id, engine::Priority, engine::ByteView) override;
  void Lost() override {
    if (ending_) return;
    ++redials;
    wants_dial = true;
  }
};

}  // namespace sim
