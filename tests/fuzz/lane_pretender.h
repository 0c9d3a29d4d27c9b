// Who comes for an honest client's lane and lacks one thing that a proof is over. For fuzz targets.

#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <variant>

#include "engine/base/check.h"
#include "engine/mux/join_exchange.h"
#include "tests/fuzz/honest_lane.h"
#include "tests/fuzz/lane_world.h"
#include "tests/fuzz/scripted_frame.h"

namespace agent {

class LanePretender {
 public:
  LanePretender(LaneWorld& world, const HonestLane& honest) : world_(world), honest_(honest) {}

  // Come must be refused, and the honest client's connection stay what it is. The lowest 3 bits of
  // `how` say what is wrong, the next one whether `bytes` follow.
  void Come(unsigned how, engine::ByteView bytes) {
    world_.Tell(engine::LaneOffer{HonestLane::kSession, world_.NodeToken(), 0, honest_.lane()});
    const std::unique_ptr<LaneTalk> talk = world_.Dial();
    (void)world_.RunUntil([&] { return talk->secured() || talk->over(); },
                          std::chrono::seconds(30));
    const int resumed = honest_.resumed();
    if (talk->secured()) {
      talk->Say(Pretence(*talk, how, bytes));
      (void)world_.RunUntil([&] { return talk->over(); }, std::chrono::seconds(30));
      CHECK(talk->over());
      engine::ControlMessage answer;
      CHECK(talk->FirstFrame(answer) == 0 || !std::holds_alternative<engine::Resumed>(answer));
    }
    if (!talk->over()) talk->Cut();
    CHECK(world_.RunUntil([&] { return talk->over(); }, std::chrono::seconds(60)));
    CHECK(honest_.resumed() == resumed);
  }

 private:
  std::string Pretence(LaneTalk& talk, unsigned how, engine::ByteView bytes) const {
    // Where it says that it is, the client could be.
    engine::Resume resume{.session_id = HonestLane::kSession,
                          .lane = honest_.lane(),
                          .epoch = honest_.epoch() + 1 + fuzz::Number(bytes) % 1'000,
                          .position = honest_.position()};
    engine::ResumeClaim claim{.side = engine::ResumeSide::kClient,
                              .lane = resume.lane,
                              .epoch = resume.epoch,
                              .position = resume.position};
    engine::ResumeSecret secret = honest_.secret();
    bool is_here = true;  // The proof is over this connection.
    switch (how % 8) {
      case 0:
        secret[0] ^= std::byte{1};
        break;
      case 1:
        claim.side = engine::ResumeSide::kNode;
        break;
      case 2:
        ++claim.lane;
        break;
      case 3:
        ++claim.position;
        break;
      case 4:
        ++claim.epoch;
        break;
      case 5:
        resume.session_id = "admin-2";
        break;
      case 6:  // An earlier epoch, of which all is right; there is none: another carriage's proof.
        if (honest_.taken_epoch() > 0) {
          claim.epoch = resume.epoch = 1 + fuzz::Number(bytes) % honest_.taken_epoch();
        } else {
          is_here = false;
          secret[31] ^= std::byte{1};
        }
        break;
      default:
        return std::string(engine::AsText(bytes)) + "\xFF and no resume";
    }
    resume.proof = is_here ? world_.ProofOf(secret, claim, talk)
                           : engine::ResumeProofThroughRelay(secret, claim);
    const std::string said = engine::Encode(resume);
    return engine::LinkFrame(engine::FrameType::kControl, engine::AsBytes(said)) +
           (how & 8 ? std::string(engine::AsText(bytes)) : std::string());
  }

  LaneWorld& world_;
  const HonestLane& honest_;
};

}  // namespace agent
