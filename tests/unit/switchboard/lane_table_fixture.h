// A table of lanes, the joiners who come for them, made by hand, and the peers behind those; on a
// simulated network in virtual time.

#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "engine/sim/sim_loop.h"
#include "relay/switchboard/lane_table.h"
#include "relay/switchboard/socket_leg.h"
#include "tests/unit/switchboard/bare_peer.h"
#include "tests/unit/switchboard/recording_control.h"
#include "tests/unit/switchboard/test_lane.h"

namespace relay {

// Comer is one side's connection until it is joined, and the peer behind it.
class Comer final : public Joiner {
 public:
  explicit Comer(engine::sim::SimLoop& loop, bool is_wrapped = false)
      : loop_(loop), is_wrapped_(is_wrapped) {
    const auto pair = loop.ConnectedPair();
    peer = std::make_unique<BarePeer>(loop, pair[0]);
    own_ = pair[1];
  }
  ~Comer() {
    if (own_.valid()) {  // Refused, cut, or never joined: the joiner's to close.
      BarePeer own(loop_, std::exchange(own_, {}));
      Close(own);
    }
    Close(*peer);
  }

  bool is_open() const override { return !leaving; }
  bool is_early() const override { return early; }
  std::string source_address() const override { return "192.0.2.7"; }
  bool Join() override {
    joined = true;
    return !is_wrapped_;
  }
  std::unique_ptr<Leg> TakeLeg() override { return std::make_unique<SocketLeg>(loop_, Detach()); }
  void Refuse(engine::CloseCode code, std::string_view text) override {
    EXPECT_FALSE(refused.has_value());
    refused = code;
    refusal = text;
  }
  void Cut() override { was_cut = true; }

  // Detach gives the socket away.
  engine::DetachedSocket Detach() { return {std::exchange(own_, {}), {}}; }

  bool leaving = false;
  bool early = false;
  bool joined = false;
  bool was_cut = false;
  std::optional<engine::CloseCode> refused;
  std::string refusal;
  std::unique_ptr<BarePeer> peer;

 private:
  void Close(BarePeer& end) {
    end.Close();
    while (!end.closed()) loop_.RunOnce(std::chrono::milliseconds(10));
  }

  engine::sim::SimLoop& loop_;
  const bool is_wrapped_;
  engine::Socket own_;
};

class LaneTableTest : public testing::Test {
 protected:
  static constexpr uint32_t kLoop = 2;

  ~LaneTableTest() override {
    table_.Stop();
    table_.CutAll("the test is over");
    EXPECT_TRUE(Run([&] { return table_.empty(); }));
    EXPECT_EQ(table_.joined_count(), 0u);
  }

  template <class Done>
  bool Run(Done done) {
    const engine::Instant end = loop_.Now() + std::chrono::seconds(60);
    while (!done()) {
      if (loop_.Now() >= end) return false;
      loop_.RunOnce(std::chrono::milliseconds(10));
    }
    return true;
  }
  void RunFor(engine::Duration time) {
    const engine::Instant end = loop_.Now() + time;
    while (loop_.Now() < end) loop_.RunOnce(end - loop_.Now());
  }

  // Claim finds the lane of a token and takes its side, as a role does.
  Lane* Claim(const std::string& token, const std::string& node_id, Comer& comer) {
    const ClaimOutcome outcome = table_.Find(token, node_id);
    if (outcome.lane != nullptr) outcome.lane->Claim(outcome.side, comer);
    return outcome.lane;
  }

  // Join makes a lane with both sides bare.
  Lane& Join(const TestLane& lane, Comer& client, Comer& node) {
    table_.Add(lane.grant);
    Lane* found = Claim(lane.client_token, "", client);
    Claim(lane.node_token, TestLane::kNode, node);
    found->Detached(LaneSide::kClient, client.Detach());
    found->Detached(LaneSide::kNode, node.Detach());
    EXPECT_TRUE(found->is_joined());
    return *found;
  }

  bool IsRefused(const std::string& token, const std::string& node_id) {
    const ClaimOutcome outcome = table_.Find(token, node_id);
    EXPECT_EQ(outcome.code == engine::CloseCode::kBadToken, outcome.lane == nullptr);
    return outcome.lane == nullptr;
  }

  engine::sim::SimLoop loop_{
      1,
      {.delay = 0, .short_receive = 0, .short_send = 0, .cancel_loses = 0, .reset_loses_bytes = 0},
      64,
      32 * 1024};
  RecordingControl control_;
  int emptied_count_ = 0;
  LaneTable table_{loop_, kLoop, control_, [this] { ++emptied_count_; }};
};

}  // namespace relay
