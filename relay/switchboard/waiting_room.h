// Those who have said hello and wait until there is time for their handshake.
//
//     says that its session runs --> live      --- 3 turns of 4 ---+
//                                      | full                      +--> Next
//     anybody else ---------------> ordinary   --- 1 turn of 4 ----+
//                                      | full
//                                      +--> turned away

#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "engine/loop/loop.h"

namespace relay {

// PlacementHint is what a client asked for by the ALPN name `adit-loop/<n>`; empty: any loop.
std::optional<uint32_t> PlacementHint(const std::vector<std::string>& protocols);

// SaysLive is true of a hello of whoever comes for a session that runs: its lanes, its client's
// calls, and the links of nodes that have some.
bool SaysLive(const std::vector<std::string>& protocols);

// WaitingRoom has two queues, each in the order of arrival. A hello is anybody's word, so who says
// that its session runs gains no more than a share: the live never take more than kLiveTurns turns
// in a row from the others, and those beyond kLiveMax wait with the others.
class WaitingRoom {
 public:
  struct Guest {
    engine::Socket socket;
    std::string first_bytes;
    std::optional<uint32_t> loop_index;
  };

  static constexpr size_t kLiveMax = 2 * 1024;
  // What can be served within the ten seconds that a client has patience, at 800 handshakes a
  // second of a small machine.
  static constexpr size_t kOrdinaryMax = 8 * 1024;
  // Longer hellos are none of those that wait: real ones are shorter (client_hello.h).
  static constexpr size_t kHelloSizeMax = 4 * 1024;
  static constexpr uint32_t kLiveTurns = 3;

  // Enter takes the guest in. False: there is no room, and the socket stays the caller's.
  [[nodiscard]] bool Enter(Guest guest, bool is_live);

  // Next takes out who is next. Requires: !empty().
  Guest Next();

  bool empty() const { return live_.empty() && ordinary_.empty(); }
  size_t live_count() const { return live_.size(); }
  size_t ordinary_count() const { return ordinary_.size(); }

 private:
  std::deque<Guest> live_;
  std::deque<Guest> ordinary_;
  uint32_t live_turns_ = 0;  // Since an ordinary guest's.
};

}  // namespace relay
