// A forwarded port over Adit's own protocol: what `adit forward --inspected` has, with the words of
// the plugin. Each connection is a stream with credit of its own, and no byte is copied or hashed.
//
//     Start --> dialling --ready--> listening --> over
//                  |
//                  +--> unavailable: no relay of ours, or none that takes this session so

#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "client/forward_listener.h"
#include "client/forward_spec.h"
#include "client/lane_connections.h"
#include "client/lane_source.h"
#include "client/session_link.h"
#include "engine/net/loop_driver.h"

namespace client {

class NativePort final : private SessionLink::Events,
                         private LaneConnections::Events,
                         private ForwardListener::Events,
                         private LaneSource {
 public:
  class Events {
   public:
    // Nothing was said or done; the session's ticket is as good as before.
    virtual void OnNativeUnavailable() = 0;
    // The local end cannot be had, or the session is over; `why` is for people.
    enum class End : uint8_t { kCannotListen, kEnded, kCut };
    virtual void OnNativeOver(End end, const std::string& why) = 0;
    virtual void OnNativeText(const std::string& text) = 0;

   protected:
    ~Events() = default;
  };

  // `target` is of an inspected session. The references outlive it.
  NativePort(engine::LoopDriver& driver, LinkTarget target, ForwardSpec spec, Events& events);
  ~NativePort();  // Requires: joined().

  void Start();
  // Stop ends everything; no event follows.
  void Stop();
  // Abort ends it at once: the relay is not waited for.
  void Abort();
  bool joined() const;

  // Where it listened last; 0: it did not, or at a path.
  uint16_t local_port() const { return local_port_; }

 private:
  void OnLinkReady(SessionLink& link) override;
  void OnLinkEnded(SessionLink& link, const LinkEnd& end) override;
  void OnLocalConnection(engine::Socket socket) override;
  void OnConnectionRefused(engine::CloseCode code, std::string_view text) override;
  void OnConnectionNotTaken(LocalConnection connection) override;
  void OnConnectionOver() override;
  void OnLaneBulk() override {}
  void AskForLane(const std::string& session_id, Done done) override;
  void AskToRejoin(const std::string& session_id, uint32_t lane, Done done) override;
  void HurryLanes(const std::string&) override {}

  engine::LoopDriver& driver_;
  const std::string session_id_;
  const ForwardSpec spec_;
  Events& events_;
  ForwardListener listener_;
  std::unique_ptr<SessionLink> link_;
  std::unique_ptr<LaneConnections> connections_;
  size_t connection_count_ = 0;
  uint16_t local_port_ = 0;
  bool was_accepted_ = false;
  bool is_stopped_ = false;
};

}  // namespace client
