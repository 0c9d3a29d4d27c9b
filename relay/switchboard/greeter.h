// The first moments of an accepted connection: read the ClientHello, decide which loop takes the
// socket, and hand it over together with the bytes already read.

#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "engine/base/time.h"
#include "engine/loop/loop.h"
#include "engine/loop/op.h"
#include "relay/switchboard/waiting_room.h"

namespace relay {

// Greeting is one socket that said hello. `first_bytes` live on the greeter's loop.
struct Greeting {
  engine::Socket socket;
  engine::BufferRef first_bytes;
  std::optional<uint32_t> loop_index;
};

// Greeter accepts on one listener, and lets connections in as fast as their handshakes can be done:
//
//   accepted --> greeted: to say hello --not crowded--> handed over
//                                |                          ^
//                                +-crowded--> waiting room -+
//
// When a relay comes back, all of its agents come at once, with more handshakes than can be done
// before the first of them gives up. So while it is crowded they wait for their handshakes, and
// those whose sessions run go first (waiting_room.h); for whom there is no room is cut, and comes
// again later. Those who make it crowded and then do nothing keep nobody out: kLetInAnyway are let
// in every kCrowdedMax whatever happens.
//
// It greets at most kGreetingsMax connections; at the maximum the one that has been silent longest
// is cut for the next one, if it had kSilentMin for its first words: who is cut dials again, and a
// machine from which thousands dial takes a second or two to say hello on each. Each has kHelloMax
// to say hello. Meanwhile at most kArrivedMax are accepted, and the kernel keeps the others.
class Greeter {
 public:
  static constexpr size_t kGreetingsMax = 4096;
  static constexpr engine::Duration kHelloMax = std::chrono::seconds(10);
  static constexpr engine::Duration kSilentMin = std::chrono::seconds(2);
  static constexpr size_t kArrivedMax = 1024;
  static constexpr engine::Duration kCrowdedMax = std::chrono::milliseconds(100);
  static constexpr size_t kLetInAnyway = 64;

  struct Host {
    // `greeted` is called on the loop's thread and owns the socket from then on.
    std::function<void(Greeting)> greeted;
    // `is_crowded` says that enough handshakes are under way; empty: it never is.
    std::function<bool()> is_crowded;
    size_t greetings_max = kGreetingsMax;
  };

  Greeter(engine::Loop& loop, engine::Socket listener, Host host);
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
  void OnLetIn(engine::Fired outcome);
  // GreetArrived greets who was accepted, as long as there are not too many.
  void GreetArrived();
  // SaidHello hands over a socket, or lets it wait.
  void SaidHello(Greeting greeting, bool is_live);
  // LetIn hands over who waits, as long as it is not crowded.
  void LetIn();
  // LookAgain sees to it that there is another look soon, while somebody waits.
  void LookAgain();
  engine::Socket TakeArrived();
  Guest& Greet(engine::Socket socket);
  // CutOldest makes room among the greeted for the next one; false: all of them are new.
  bool CutOldest();
  void StartAccept();
  void Left(Guest& guest);
  bool is_crowded() const { return host_.is_crowded != nullptr && host_.is_crowded(); }
  bool is_full() const { return arrived_.size() >= kArrivedMax; }
  size_t greeting_count() const { return guests_.size() - free_.size(); }

  engine::Loop& loop_;
  engine::Socket listener_;
  Host host_;
  engine::AcceptOp accept_op_;
  engine::TimerOp retry_op_;
  engine::TimerOp let_in_op_;
  engine::CloseOp close_op_;
  std::deque<engine::Socket> arrived_;  // And not greeted yet.
  WaitingRoom waiting_;
  engine::Instant let_in_at_{};                 // The last time that anybody was.
  std::vector<std::unique_ptr<Guest>> guests_;  // All that were ever needed at once; reused.
  std::vector<Guest*> free_;
  uint64_t arrivals_ = 0;
  bool stopping_ = false;
  bool listener_closed_ = false;
};

}  // namespace relay
