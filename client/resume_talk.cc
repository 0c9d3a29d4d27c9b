#include "client/resume_talk.h"

#include <utility>

namespace client {

using engine::CloseCode;
using engine::ResumeSide;

ResumeTalk::ResumeTalk(engine::RecordCarrier& carrier, const engine::TlsChannel* channel, Lane lane,
                       engine::Instant now, Events& events)
    : channel_(channel),
      lane_(std::move(lane)),
      events_(events),
      exchange_(carrier, static_cast<engine::JoinExchange::Events&>(*this), now + kAnswerMax) {
  exchange_.Send(engine::Resume{.session_id = lane_.session_id,
                                .lane = lane_.number,
                                .epoch = lane_.epoch,
                                .position = lane_.position,
                                .proof = ProofOf(ResumeSide::kClient, lane_.position)});
}

std::string ResumeTalk::ProofOf(ResumeSide side, uint64_t position) const {
  const engine::ResumeClaim claim{
      .side = side, .lane = lane_.number, .epoch = lane_.epoch, .position = position};
  return channel_ != nullptr ? engine::ResumeProof(lane_.secret, claim, *channel_)
                             : engine::ResumeProofThroughRelay(lane_.secret, claim);
}

void ResumeTalk::OnMessage(const engine::ControlMessage& message) {
  const auto* resumed = std::get_if<engine::Resumed>(&message);
  if (resumed == nullptr) return OnBroken("the node did not say where the session goes on");
  if (!engine::IsProof(resumed->proof, ProofOf(ResumeSide::kNode, resumed->position))) {
    return OnBroken("what answered is not the other end of the session");
  }
  events_.OnLaneResumed(resumed->position);
}

void ResumeTalk::OnGoaway(CloseCode code, std::string_view text) {
  events_.OnResumeRefused(code, text);
}

void ResumeTalk::OnBroken(std::string_view text) {
  events_.OnResumeRefused(CloseCode::kProtocolError, text);
}

}  // namespace client
