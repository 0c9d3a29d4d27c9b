#pragma once

#include <array>
#include <memory>
#include <string>

#include "relay/switchboard/joint.h"
#include "relay/switchboard/leg.h"

namespace relay {

// LegJoint moves bytes through this process: for lanes of which at least one side stays inside TLS.
// It holds at most Leg::kWaitingMax pieces in each direction.
class LegJoint final : public Joint, private Leg::Events {
 public:
  // Either leg may be null: that side has failed already, and the other one is cut.
  LegJoint(std::unique_ptr<Leg> client, std::unique_ptr<Leg> node, Joint::Events& events);

  void Cut() override;
  uint64_t to_node_bytes() const override { return sides_[kClient].sent_bytes; }
  uint64_t to_client_bytes() const override { return sides_[kNode].sent_bytes; }

 private:
  static constexpr size_t kClient = 0;
  static constexpr size_t kNode = 1;
  struct Side {
    std::unique_ptr<Leg> leg;
    uint64_t sent_bytes = 0;   // Of this side, passed on.
    bool is_stalled = false;   // The other side has no room for its next piece.
    bool is_finished = false;  // It sends no more ...
    bool is_gone = false;      // ... nor takes any.
  };

  void OnBytes(Leg& leg, engine::BufferRef bytes) override;
  void OnFinished(Leg& leg) override;
  void OnRoom(Leg& leg) override;
  void OnGone(Leg& leg, std::string_view why) override;

  size_t IndexOf(const Leg& leg) const {
    return &leg == sides_[kClient].leg.get() ? kClient : kNode;
  }
  void EndSide(size_t index, std::string_view why);

  Joint::Events& events_;
  std::array<Side, 2> sides_;
  std::string why_;
};

}  // namespace relay
