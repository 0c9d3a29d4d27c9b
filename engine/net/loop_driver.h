#pragma once

#include <memory>
#include <utility>

#include "engine/base/time.h"
#include "engine/loop/loop.h"
#include "engine/loop/mailbox.h"
#include "engine/net/resolver.h"
#include "engine/platform/network_watch.h"

namespace engine {

// LoopDriver is a loop with what every program needs beside it: the mailbox by which other threads
// reach it, the resolver, and the watch over the network, which the program starts if it wants it.
// It lives on the loop's thread.
class LoopDriver {
 public:
  static constexpr size_t kLettersMax = 4096;

  explicit LoopDriver(std::unique_ptr<Loop> loop)
      : loop_(std::move(loop)),
        mailbox_(*loop_, kLettersMax),
        resolver_(*loop_),
        network_(*loop_) {}

  // RunOnce is one iteration of the loop, and then the letters that came.
  void RunOnce(Duration wait_max) {
    const bool waiting = mailbox_.size() > 0 || resolver_.has_answers();
    loop_->RunOnce(waiting ? Duration::zero() : wait_max);
    mailbox_.Deliver();
    resolver_.Deliver();
  }

  Loop& loop() { return *loop_; }
  Mailbox& mailbox() { return mailbox_; }
  Resolver& resolver() { return resolver_; }
  NetworkWatch& network() { return network_; }

 private:
  std::unique_ptr<Loop> loop_;
  Mailbox mailbox_;
  Resolver resolver_;
  NetworkWatch network_;
};

}  // namespace engine
