// The first moments of an accepted connection: read the ClientHello, decide which loop takes the
// socket, and hand it over together with the bytes already read.

#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "engine/base/time.h"
#include "engine/loop/loop.h"
#include "engine/loop/op.h"

namespace relay {

// Placement is what a client asked for by the ALPN name `adit-loop/<n>`; empty: any loop.
std::optional<uint32_t> PlacementHint(const std::vector<std::string>& protocols);

// Greeting is one socket that said hello. `first_bytes` live on the greeter's loop.
struct Greeting {
  engine::Socket socket;
  engine::BufferRef first_bytes;
  std::optional<uint32_t> loop_index;
};

// Greeter accepts on one listener. It holds at most kGreetingsMax connections that have not said
// hello yet; at the maximum the one that has been silent longest is cut for the next one, so that
// connections that never speak keep nobody out. Each has kHelloMax to say hello.
class Greeter {
 public:
  static constexpr size_t kGreetingsMax = 1024;
  static constexpr engine::Duration kHelloMax = std::chrono::seconds(10);

  // `greeted` is called on the loop's thread and owns the socket from then on.
  Greeter(engine::Loop& loop, engine::Socket listener, std::function<void(Greeting)> greeted);
  ~Greeter();  // Requires: stopped().
  Greeter(const Greeter&) = delete;
  Greeter& operator=(const Greeter&) = delete;

  // Stop closes the listener and every connection that has not said hello. It is done when
  // stopped() is true, some iterations later.
  void Stop();
  bool stopped() const;

 private:
  class Guest;

  void OnAccepted(engine::Accepted outcome);
  void OnRetry(engine::Fired outcome);
  void OnListenerClosed(engine::Closed outcome);
  void StartAccept();
  void Left(Guest& guest);
  size_t greeting_count() const { return guests_.size() - free_.size(); }

  engine::Loop& loop_;
  engine::Socket listener_;
  std::function<void(Greeting)> greeted_;
  engine::AcceptOp accept_op_;
  engine::TimerOp retry_op_;
  engine::CloseOp close_op_;
  std::vector<std::unique_ptr<Guest>> guests_;  // All that were ever needed at once; reused.
  std::vector<Guest*> free_;
  uint64_t arrivals_ = 0;
  bool stopping_ = false;
  bool listener_closed_ = false;
};

}  // namespace relay
