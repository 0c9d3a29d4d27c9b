// A client whose session must go on byte for byte, whatever others do: what it says comes back from
// an echo server. For fuzz targets.

#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "engine/base/check.h"
#include "tests/fuzz/lane_world.h"

namespace agent {

class HonestLane {
 public:
  static constexpr char kSession[] = "admin-1";

  explicit HonestLane(LaneWorld& world) : world_(world) {
    world_.Tell(world_.OfferOf(kSession));
    engine::Hello hello;
    hello.role = "client";
    hello.session_id = kSession;
    hello.features = {"resume", "early-data"};
    client_ = world_.DialAs(std::move(hello));
    CHECK(world_.RunUntil([this] { return client_->up(); }, std::chrono::seconds(60)));
    stream_ = &client_->Tcp(LaneWorld::kTarget, LaneWorld::kTargetPort);
  }

  void Say(unsigned times, engine::ByteView bytes) {
    if (bytes.empty() || world_.buffers().free_count() < LaneWorld::kBlocks / 2) return;
    std::string text;
    for (unsigned i = 0; i <= times * times; ++i) text += engine::AsText(bytes);
    if (said_.size() + text.size() > kSaidMax) return;
    said_ += text;
    stream_->Send(text);
  }
  // ComeAgain does nothing while the connection lives.
  void ComeAgain() {
    if (!client_->suspended()) return;
    world_.Tell(engine::LaneOffer{kSession, world_.NodeToken(), 0, lane()});
    const int before = client_->resumed;
    client_->Return(world_.ClientToken(), ++epoch_);
    (void)world_.RunUntil([&] { return client_->resumed > before || client_->suspended(); },
                          std::chrono::seconds(30));
    if (client_->resumed > before) taken_epoch_ = epoch_;
  }
  // What has come back so far is the beginning of what was said.
  void CheckEcho() const { CHECK(std::string_view(said_).starts_with(stream_->output)); }
  // Whatever was done, the session goes on, and nothing of it is lost, doubled or changed.
  void Recover() {
    const auto is_whole = [this] { return !client_->suspended() && stream_->output == said_; };
    for (int i = 0; i < 10 && !is_whole(); ++i) {
      ComeAgain();
      (void)world_.RunUntil([&] { return is_whole() || client_->suspended(); },
                            std::chrono::seconds(60));
    }
    CHECK(is_whole());
    CHECK(!stream_->over());
  }
  void Leave() { client_->Leave(); }

  bool over() const { return client_->over(); }
  uint32_t lane() const { return client_->answer->lane; }
  int resumed() const { return client_->resumed; }
  uint64_t position() const { return client_->multiplexer().received_position(); }
  const engine::ResumeSecret& secret() const { return client_->secret(); }
  uint64_t epoch() const { return epoch_; }              // The last one that it said.
  uint64_t taken_epoch() const { return taken_epoch_; }  // The last one that the node took.

 private:
  static constexpr size_t kSaidMax = 512 * 1024;  // So that a run has an end.

  LaneWorld& world_;
  std::unique_ptr<LaneClient> client_;
  PeerStream* stream_ = nullptr;
  std::string said_;
  uint64_t epoch_ = 0;
  uint64_t taken_epoch_ = 0;
};

}  // namespace agent
