// A client of a session of its own that says anything on its lane, cuts it and comes again with
// lies about where it is. For fuzz targets.

#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "engine/base/check.h"
#include "engine/mux/join_exchange.h"
#include "tests/fuzz/lane_world.h"
#include "tests/fuzz/scripted_frame.h"

namespace agent {

class EvilLane {
 public:
  static constexpr char kSession[] = "admin-2";

  explicit EvilLane(LaneWorld& world) : world_(world) {}

  // Dial comes for a first lane, and forgets what was said on another one.
  void Dial() {
    Cut();
    // The session's first lane comes with its offer; the node refuses one that it has already.
    if (offers_++ == 0) {
      world_.Tell(world_.OfferOf(kSession));
    } else {
      world_.Tell(engine::LaneOffer{kSession, world_.NodeToken(), 0, {}});
    }
    received_ = most_ = 0;
    said_.clear();
    if (!Meets()) return;
    lane_ = offers_ - 1;
    secret_ = world_.is_sealed() ? engine::ResumeSecretOf(talk_->channel())
                                 : LaneWorld::InspectedSecret();
  }
  void Cut() {
    if (talk_ == nullptr) return;
    received_ += talk_->heard_bytes() - first_frame_;
    Leave();
    CHECK(world_.RunUntil([this] { return talk_->over(); }, std::chrono::seconds(60)));
    talk_.reset();
  }
  void Say(std::string_view text) {
    if (talk_ == nullptr || said_.size() + text.size() > kSaidMax) return;
    said_ += text;
    most_ += text.size();
    talk_->Say(text);
  }
  // SayHello says one that is right but for the bits of `how`; two of them need `bytes`.
  void SayHello(unsigned how, engine::ByteView bytes, std::string_view other_session) {
    engine::Hello hello;
    hello.role = how & 1 && !bytes.empty() ? "relay" : "client";
    hello.session_id = how & 2 && !bytes.empty() ? other_session : kSession;
    if ((how & 4) == 0) hello.features = {"resume"};
    if ((how & 16) == 0) hello.features.emplace_back("early-data");
    if (how & 8) hello.version_min = hello.version = static_cast<uint32_t>(1 + bytes.size());
    const std::string said = engine::Encode(hello);
    Say(engine::LinkFrame(engine::FrameType::kControl, engine::AsBytes(said)));
  }
  // It knows its secret, and may say where it is, and lie.
  void ComeAgain(unsigned how, engine::ByteView bytes) {
    if (offers_ == 0) return;
    Cut();
    world_.Tell(engine::LaneOffer{kSession, world_.NodeToken(), 0, lane_});
    if (!Meets()) return;
    const uint64_t number = fuzz::Number(bytes);
    engine::Resume resume{
        .session_id = kSession, .lane = lane_, .epoch = ++epoch_, .position = received_};
    if (how % 4 == 1) resume.position += number % 64;
    if (how % 4 == 2) resume.position -= std::min(resume.position, number % 4096);
    if (how % 4 == 3) resume.position = number;
    if (how & 4) resume.epoch += number % 16;
    resume.proof = world_.ProofOf(secret_,
                                  {.side = engine::ResumeSide::kClient,
                                   .lane = resume.lane,
                                   .epoch = resume.epoch,
                                   .position = resume.position},
                                  *talk_);
    const std::string text = engine::Encode(resume);
    talk_->Say(engine::LinkFrame(engine::FrameType::kControl, engine::AsBytes(text)));
    engine::ControlMessage answer;
    (void)world_.RunUntil(
        [&] {
          first_frame_ = talk_->FirstFrame(answer);
          return first_frame_ > 0 || talk_->over();
        },
        std::chrono::seconds(30));
    const auto* resumed = std::get_if<engine::Resumed>(&answer);
    if (resumed != nullptr) GoOn(resume, resumed->position, how & 8 ? &number : nullptr);
  }

  // Leave cuts without waiting; the connection is over a little later.
  void Leave() {
    if (talk_ != nullptr && !talk_->over()) talk_->Cut();
  }
  bool over() const { return talk_ == nullptr || talk_->over(); }

 private:
  static constexpr size_t kSaidMax = 128 * 1024;  // So that a run has an end.

  // Meets is true when the lane that the relay was told of is there.
  bool Meets() {
    talk_ = world_.Dial();
    first_frame_ = 0;
    (void)world_.RunUntil([this] { return talk_->secured() || talk_->over(); },
                          std::chrono::seconds(30));
    return talk_->secured();
  }
  // GoOn says again what the node does not have; or, with a lie, from anywhere.
  void GoOn(const engine::Resume& resume, uint64_t node_position, const uint64_t* lie) {
    CHECK(node_position <= most_);
    received_ = resume.position;
    const uint64_t from = lie != nullptr ? *lie % (said_.size() + 1)
                                         : std::min<uint64_t>(node_position, said_.size());
    most_ = node_position + said_.size() - from;
    talk_->Say(std::string_view(said_).substr(from));
    epoch_ = std::max(epoch_, resume.epoch);
  }

  LaneWorld& world_;
  std::unique_ptr<LaneTalk> talk_;
  engine::ResumeSecret secret_{};
  std::string said_;   // Over all connections, from its hello on.
  uint64_t most_ = 0;  // Of its bytes the node cannot have more.
  uint64_t received_ = 0;
  uint64_t epoch_ = 0;
  uint32_t lane_ = 0;
  uint32_t offers_ = 0;
  size_t first_frame_ = 0;  // What of a connection that comes again is not counted.
};

}  // namespace agent
