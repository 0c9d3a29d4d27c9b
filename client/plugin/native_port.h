// A forwarded port over Adit's own protocol: what `adit forward` has, with the words of the plugin.
// Each connection is a stream with credit of its own, and no byte is hashed.
//
//     Start --> dialling --ready--> listening --> over
//                  |
//                  +--> unavailable: no relay of ours, or none that takes this session so
//
// A sealed session that cannot be had is over: nothing else can join it.

#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "client/forward.h"
#include "client/forward_spec.h"
#include "client/lane_loops.h"
#include "client/lane_source.h"
#include "client/session_lanes.h"
#include "engine/mux/window_reserve.h"

namespace client {

class NativePort final : private SessionLanes::Events {
 public:
  class Events {
   public:
    // Nothing was said or done; the session's ticket is as good as before.
    virtual void OnNativeUnavailable() = 0;
    // The local end cannot be had, the other end is not whom it should be, or the session is over;
    // `why` is for people.
    enum class End : uint8_t { kCannotListen, kRefused, kEnded, kCut };
    virtual void OnNativeOver(End end, const std::string& why) = 0;
    virtual void OnNativeText(const std::string& text) = 0;

   protected:
    ~Events() = default;
  };

  // What several ports have in common; the references outlive them.
  struct Surroundings {
    LaneLoops& loops;
    LaneSource& lanes;
    engine::WindowReserve& reserve;
    Events& events;
  };

  NativePort(const Surroundings& surroundings, LinkTarget target, const ForwardSpec& spec);
  ~NativePort();  // Requires: joined().

  void Start();
  // Stop ends everything; no event follows.
  void Stop();
  // Abort ends it at once: the relay is not waited for.
  void Abort();
  bool joined() const { return forward_.joined() && lanes_.gone(); }

  // Where it listened last; 0: it did not, or at a path.
  uint16_t local_port() const { return local_port_; }
  bool sealed() const { return is_sealed_; }
  // It came so far that connections were taken.
  bool opened() const { return is_open_; }

 private:
  void OnLanesReady() override;
  void OnLanesEnded(const LinkEnd& end) override;
  void OnConnectionRefused(engine::CloseCode code, std::string_view text) override;
  void OnConnectionNotTaken(size_t lane, LocalConnection connection) override;
  void OnConnectionOver(size_t lane) override;
  void OnLocalConnection();

  const bool is_sealed_;
  Events& events_;
  SessionLanes lanes_;  // Its set outlives the forward's connections.
  Forward forward_;
  uint16_t local_port_ = 0;
  bool is_open_ = false;
  bool was_accepted_ = false;
  bool is_stopped_ = false;
};

}  // namespace client
