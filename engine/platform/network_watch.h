// Tells the connections of one loop when the machine's network has changed, or when the machine or
// this process was away, so that they need not wait until silence says so.
//
//   rtnetlink: an address, a route, an interface --+
//                                                  +--> Listener::OnNetworkChanged, all at once,
//   the clock: it was suspended, we were stopped --+    at most once in kQuiet

#pragma once

#include <functional>
#include <utility>
#include <vector>

#include "engine/loop/loop.h"

namespace engine {

// Footing is what the kernel knows about a connection.
enum class Footing : uint8_t {
  kFirm,   // Nothing bad.
  kStuck,  // What was sent is not acknowledged, and is being repeated, at growing intervals.
  kGone,   // Its own address is not this machine's any more.
};

class NetworkWatch {
 public:
  class Listener {
   public:
    // `is_gain`: there may be a way where there was none; who waits to dial need not wait. It may
    // add and remove listeners.
    virtual void OnNetworkChanged(bool is_gain) = 0;

   protected:
    ~Listener() = default;
  };

  // Changes come in bursts: the first one is told at once, the others together.
  static constexpr Duration kQuiet = std::chrono::milliseconds(200);
  // Datagrams read in that time; the rest has to wait, and may be lost, which is a change.
  static constexpr int kDatagramsMax = 64;
  // How often to look at the clock. Of a sleep it is seen so long after waking; when the process
  // was stopped, at once.
  static constexpr Duration kClockLook = std::chrono::seconds(2);
  // A timer that is so late, or a clock that has jumped so far, is more than a busy machine.
  static constexpr Duration kAwayMin = std::chrono::seconds(5);

  explicit NetworkWatch(Loop& loop);
  ~NetworkWatch();  // Stops.
  NetworkWatch(const NetworkWatch&) = delete;
  NetworkWatch& operator=(const NetworkWatch&) = delete;

  // Start begins to watch. Where the kernel gives no rtnetlink socket (a sandbox), there is only
  // the clock. Not on a simulated loop. More calls do nothing. StartOn begins with a socket on
  // which somebody else speaks rtnetlink; an invalid one is none.
  void Start();
  void StartOn(Socket socket);

  // Stop runs the loop until nothing is in flight. On the loop's thread.
  void Stop();

  // Requires, of Remove: it was added.
  void Add(Listener& listener);
  void Remove(Listener& listener);

  // Tell is what a change does, for whoever knows of one by other means.
  void Tell(bool is_gain);

  // FootingOf asks the kernel; without Start it is kFirm. AskInstead makes it ask somebody else,
  // for whoever has no kernel below.
  Footing FootingOf(Socket socket) const;
  void AskInstead(std::function<Footing(Socket)> ask) { ask_instead_ = std::move(ask); }

 private:
  void Receive();
  void OnReceived(Received outcome);
  void OnQuiet(Fired outcome);
  void OnClock(Fired outcome);
  void OnClosed(Closed) {}
  void Changed(bool is_gain);
  Duration Suspended() const;

  Loop& loop_;
  std::vector<Listener*> listeners_;
  std::function<Footing(Socket)> ask_instead_;
  size_t told_ = 0;  // While listeners are told: those before it were.
  Socket socket_;
  ReceiveOp receive_op_;
  TimerOp quiet_op_;
  TimerOp clock_op_;
  CloseOp close_op_;
  Instant look_at_{};
  Duration suspended_{};
  int datagrams_ = 0;         // Since the last quiet moment.
  bool has_changed_ = false;  // Not told yet ...
  bool has_gained_ = false;   // ... and this as well.
  bool is_started_ = false;
  bool is_stopping_ = false;
};

}  // namespace engine
