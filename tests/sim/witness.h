// What the world notes while it runs, and holds against the rules. The first thing that is wrong
// is kept; how often each rule had something to judge is counted, since one that never has proves
// nothing.

#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "engine/base/time.h"
#include "engine/http/http_message.h"
#include "relay/store/store.h"

namespace sim {

enum class Rule : uint8_t {
  kWhole,         // A connection that ended in order at one end did so at the other, byte for byte.
  kReset,         // A connection is reset only when something happened that ends sessions.
  kApart,         // What ends one client's sessions does not touch another one's.
  kServed,        // The server's end of a connection stands still no longer than the program's.
  kCalm,          // Nobody loses a connection when all has been calm.
  kEndsSaid,      // A session that ends says why to its client.
  kNodeEnds,      // So does the node to the relay ...
  kEndRecorded,   // ... and the relay in its store and its records ...
  kStreamEnds,    // ... and the node of each stream.
  kRelayEpoch,    // The relay lets nobody come again by an old epoch ...
  kNodeEpoch,     // ... nor does the node ...
  kReplay,        // ... nor does a request work twice.
  kWithdrawn,     // After a permission has gone, no byte of its session arrives ...
  kWithdrawnEnd,  // ... and its client is told the end.
  kRecorded,      // A session that a client was told of is in the store, with its record.
  kRejoinRecorded,  // So is the record of each lane that was let in again.
  kFilesWhole,      // The audit files are whole, and all of the store is in them.
  kFullRefuses,     // While the relay's disk is full, no session begins ...
  kFullGoesOn,      // ... and those that run get their bytes.
  kExit,            // A program's exit, as it was planned, is what its user is told ...
  kSizes,           // ... and every size of the terminal has come to it, in order.
  kStreamsFull,  // Streams beyond a session's maximum are refused, and come when others have ended.
  kOffersFull,   // So are offers beyond those that may wait for a node ...
  kSessionsFull,  // ... sessions beyond those of a node ...
  kLanesFull,     // ... and lanes beyond those of a session ...
  kRoomAgain,     // ... and a session begins when others have ended.
  kLetGo,         // A process that ends has let go of everything.
};
inline constexpr size_t kRuleCount = 27;
using RuleCounts = std::array<uint64_t, kRuleCount>;
std::string NameOf(Rule rule);

class Witness {
 public:
  // From the moment that a permission is withdrawn, so long until nothing of the session may pass
  // or be let in any more: the watch's interval, a slow disk, the cut of a lane.
  static constexpr engine::Duration kWithdrawnMax = std::chrono::seconds(15);

  void Blame(const std::string& text);
  const std::string& problem() const { return problem_; }

  void Applied(Rule rule) { ++applied_[static_cast<size_t>(rule)]; }
  const RuleCounts& applied() const { return applied_; }

  // What the relay was asked, and answered.
  void Answered(const engine::HttpRequest& request, const engine::HttpResponse& response,
                engine::Instant now);
  void LaneJoined(const std::string& session_id, engine::Instant now);
  // Requests that were granted and must not be again, and that somebody could have kept.
  std::vector<engine::HttpRequest> granted() const;

  // DiskFull and DiskWorks say when the relay's disk is full, RelayEnded that it was killed or
  // stopped: what it has granted without its store, and could not keep, is not known any more.
  void DiskFull() { disk_works_at_ = engine::Instant::max(); }
  void DiskWorks(engine::Instant now) { disk_works_at_ = now; }
  void RelayEnded(engine::Instant now);

  // CheckStore holds the store against what clients were told. The store forgets a record that is
  // old by its own time, such as of 1970, once it is in the audit files.
  void CheckStore(relay::Store& store, const std::string& audit_files);

  void PermissionWithdrawn(engine::Instant now) { withdrawn_at_ = now; }
  bool is_withdrawn() const { return withdrawn_at_ != engine::Instant::max(); }
  // Who decides could not act, or who obeys: the time begins then.
  void Delayed(engine::Instant until) { delayed_until_ = std::max(delayed_until_, until); }
  // By then what was withdrawn has ended; max(): nothing was.
  engine::Instant withdrawal_due() const;

  // What a node says: that a lane has lost its connection and waits for another one, and that it
  // goes on. An agent that was restarted has other sessions.
  using LaneName = std::pair<std::string, uint64_t>;
  void LaneWaits(const LaneName& lane, engine::Instant now) { waits_since_.try_emplace(lane, now); }
  void LaneResumed(const LaneName& lane, uint64_t epoch, engine::Instant now);
  // When the last connection of each session was lost of those that another one came for.
  const std::map<std::string, engine::Instant>& lost_at() const { return lost_at_; }

  uint32_t resumed_count() const { return resumed_count_; }
  uint32_t sessions_started = 0;

 private:
  // From the moment that the disk works again, so long until the store has what it lacked.
  static constexpr engine::Duration kKeptMax = std::chrono::seconds(10);
  struct Granted {
    engine::HttpRequest request;
    bool is_kept = true;
  };

  bool IsStoreWhole(engine::Instant now) const;
  void CheckPermission(const std::string& what, engine::Instant now);
  void CheckRejoins(const std::string& records);  // One on a line.
  void RejoinGranted(const engine::HttpRequest& request, engine::Instant now);

  std::string problem_;
  RuleCounts applied_{};
  std::vector<Granted> granted_;
  engine::Instant disk_works_at_ = engine::Instant::min();
  std::set<std::string> told_;  // Sessions of which a client was told.
  std::map<std::string, uint64_t> granted_epochs_;
  std::map<LaneName, uint64_t> resumed_epochs_;
  std::map<LaneName, engine::Instant> waits_since_;
  std::map<std::string, engine::Instant> lost_at_;
  engine::Instant withdrawn_at_ = engine::Instant::max();
  engine::Instant delayed_until_{};
  uint32_t resumed_count_ = 0;
};

}  // namespace sim
