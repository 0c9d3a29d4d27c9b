#include "agent/session/session_lane.h"

#include <algorithm>
#include <utility>

#include "agent/target/stream_handle.h"
#include "engine/base/check.h"
#include "engine/base/log.h"
#include "engine/net/loop_driver.h"
#include "engine/tls/tls_channel.h"

namespace agent {

using engine::CloseCode;
using engine::ResumeSide;
using engine::log::Level;

Lane::Lane(engine::LoopDriver& driver, const engine::TlsContext& outer,
           std::shared_ptr<engine::TlsContext> inner, Options options, WindowBudget::Share share,
           Owner& owner)
    : driver_(driver),
      inner_(std::move(inner)),
      options_(std::move(options)),
      owner_(owner),
      share_(std::move(share)),
      timer_op_(engine::Handler<engine::Fired>::To<&Lane::OnTimer>(this)) {
  carriers_.push_back(std::make_unique<LaneCarrier>(LaneCarrier::Kind::kFirst, driver, outer,
                                                    inner_, options_.join,
                                                    static_cast<LaneCarrier::Owner&>(*this)));
  current_ = carriers_.back().get();
  driver_.network().Add(static_cast<engine::NetworkWatch::Listener&>(*this));
}

Lane::~Lane() {
  CHECK(over());
  driver_.network().Remove(static_cast<engine::NetworkWatch::Listener&>(*this));
}

// -------------------------------------------------------------------- coming up

void Lane::OnCarrierSecured(LaneCarrier& carrier) {
  engine::Loop& loop = driver_.loop();
  engine::JoinedConnection& connection = carrier.connection();
  secret_ = is_inspected() ? options_.secret : engine::ResumeSecretOf(connection.channel());
  multiplexer_ = std::make_unique<engine::Multiplexer>(
      engine::Side::kAccepted, share_.Options(kStreamsMax, kStreamOutputMax),
      static_cast<engine::LinkEvents&>(*this), loop.buffers(), loop.Now());
  multiplexer_->Attach(connection);
  connection.SetProtocol(*multiplexer_);
  loop.StartTimer(timer_op_, loop.Now() + LaneCarrier::kHelloMax);
  owner_.OnLaneSecured(*this);
}

void Lane::OnTimer(engine::Fired) {
  if (down_) return;
  // Ended while there was no connection to say so on.
  if (ending_ && current_ == nullptr) return GoDown({.was_secured = true, .text = reason_});
  if (!up_) Refuse(CloseCode::kSilent, "no hello came in time");
}

void Lane::OnControl(engine::ByteView message) {
  if (!reason_.empty()) return;  // Refused already.
  engine::ControlMessage decoded;
  const bool known = engine::Decode(engine::AsText(message), decoded);
  const auto* hello = known ? std::get_if<engine::Hello>(&decoded) : nullptr;
  if (hello != nullptr) return OnHello(*hello);
  if (!up_) Refuse(CloseCode::kProtocolError, "the first message is no hello");
  // Otherwise a newer client's, and not for us.
}

void Lane::OnHello(const engine::Hello& hello) {
  if (up_) return Refuse(CloseCode::kProtocolError, "a second hello");
  engine::Hello answer;
  answer.role = "node";
  answer.software = options_.software;
  answer.lane = options_.number;
  if (hello.role != "client") {
    return Refuse(CloseCode::kProtocolError, "only a client may come this way");
  }
  if (hello.session_id != options_.session_id) {
    return Refuse(CloseCode::kDenied, "this lane belongs to another session");
  }
  if (engine::AgreedVersion(answer, hello) == 0) {
    return Refuse(CloseCode::kUnsupported,
                  "client and node share no version of the protocol: update the older one");
  }
  up_ = true;
  driver_.loop().Cancel(timer_op_);
  const bool resumes = engine::HasFeature(hello, engine::kFeatureResume);
  if (resumes) answer.features.emplace_back(engine::kFeatureResume);
  multiplexer_->PeerResumes(resumes);
  if (engine::HasFeature(hello, engine::kFeatureEarlyData)) {
    answer.features.emplace_back(engine::kFeatureEarlyData);
    multiplexer_->PeerTakesEarly();
  }
  CHECK(multiplexer_->SendControl(engine::kLinkStream, engine::Encode(answer)));
}

void Lane::OnOpen(engine::StreamId id, engine::Priority, engine::ByteView request) {
  owner_.OnLaneOpen(*this, id, request);
}

// ----------------------------------------------------------------- coming again

void Lane::Leave(LaneCarrier& carrier) {
  if (carrier.is_closing()) return;
  carrier.Close();
  owner_.OnLaneLeft(*this, carrier.join_token());
}

void Lane::OnStalled() {
  if (current_ != nullptr) Leave(*current_);
}

void Lane::OnNetworkChanged(bool) {
  if (!up_ || ending_ || down_ || !multiplexer_->can_resume()) return;
  const auto footing = [this](LaneCarrier& carrier) {
    return driver_.network().FootingOf(carrier.connection().socket());
  };
  for (const auto& carrier : carriers_) {
    const bool returns = carrier.get() != current_;
    if (returns && footing(*carrier) == engine::Footing::kGone) Leave(*carrier);
  }
  if (current_ == nullptr) return;
  if (footing(*current_) != engine::Footing::kFirm) return Leave(*current_);
  multiplexer_->Probe(engine::ProbePatience(multiplexer_->round_trip()), driver_.loop().Now());
}

bool Lane::Suspend(const engine::JoinEnd& end) {
  using Kind = engine::ConnectionEnd::Kind;
  const bool is_lost = !ClientLeft(end) && end.end.kind != Kind::kPeerError;
  if (!up_ || ending_ || !is_lost || !reason_.empty() || !multiplexer_->can_resume()) return false;
  engine::log::Write(
      Level::kInfo, "lane_waits",
      {{"session", options_.session_id}, {"lane", options_.number}, {"reason", end.end.text}});
  multiplexer_->Suspend();
  options_.wait->Begin(driver_.loop().Now());
  return true;
}

// Inside the relay's TLS, its close says nothing of the other end.
bool Lane::ClientLeft(const engine::JoinEnd& end) const {
  if (is_inspected()) return client_says_goodbye_;
  return end.end.kind == engine::ConnectionEnd::Kind::kClosedByPeer;
}

void Lane::Return(const engine::TlsContext& outer, engine::JoinedConnection::Options join) {
  if (down_ || ending_) return;
  const auto returns = [this](const auto& each) {
    return each.get() != current_ && !each->is_closing();
  };
  if (std::ranges::count_if(carriers_, returns) >= kReturnsMax) {
    (*std::ranges::find_if(carriers_, returns))->Close();
  }
  carriers_.push_back(std::make_unique<LaneCarrier>(LaneCarrier::Kind::kReturning, driver_, outer,
                                                    inner_, std::move(join),
                                                    static_cast<LaneCarrier::Owner&>(*this)));
}

void Lane::OnCarrierResume(LaneCarrier& carrier, const engine::Resume& resume) {
  const auto proof = [&](ResumeSide side, uint64_t position) {
    const engine::ResumeClaim claim{
        .side = side, .lane = options_.number, .epoch = resume.epoch, .position = position};
    return is_inspected() ? engine::ResumeProofThroughRelay(secret_, claim)
                          : engine::ResumeProof(secret_, claim, carrier.connection().channel());
  };
  const bool is_right = resume.session_id == options_.session_id &&
                        resume.lane == options_.number &&
                        engine::IsProof(resume.proof, proof(ResumeSide::kClient, resume.position));
  if (!is_right) return carrier.Refuse(CloseCode::kDenied, "this is not the client of the lane");
  if (resume.epoch <= epoch_) {
    return carrier.Refuse(CloseCode::kDenied, "the lane went on without this connection");
  }
  if (down_ || ending_ || multiplexer_ == nullptr || !multiplexer_->can_resume()) {
    return carrier.Refuse(CloseCode::kSessionEnded, "the lane is over");
  }
  epoch_ = resume.epoch;
  if (current_ != nullptr) {  // It is dead, and we have not noticed yet.
    current_->Close();
    current_ = nullptr;
    multiplexer_->Suspend();
    options_.wait->Begin(driver_.loop().Now());
  }
  const uint64_t position = multiplexer_->received_position();
  const std::string said = engine::Encode(
      engine::Resumed{.position = position, .proof = proof(ResumeSide::kNode, position)});
  const std::string preface = engine::LinkFrame(engine::FrameType::kControl, engine::AsBytes(said));
  if (!multiplexer_->Resume(resume.position, engine::AsBytes(preface), carrier.connection(),
                            driver_.loop().Now())) {
    return carrier.Refuse(CloseCode::kProtocolError,
                          "the client is at a byte that it cannot be at");
  }
  current_ = &carrier;
  options_.wait->End();
  carrier.GoOn(*multiplexer_);
  carrier.connection().OutputReady();
  engine::log::Write(
      Level::kInfo, "lane_resumed",
      {{"session", options_.session_id}, {"lane", options_.number}, {"epoch", resume.epoch}});
}

// ---------------------------------------------------------------------- the end

void Lane::Refuse(CloseCode code, std::string_view text) {
  reason_ = std::string(text);
  End(code, text);
}

void Lane::End(CloseCode code, std::string_view text) {
  if (down_ || std::exchange(ending_, true)) return;
  if (current_ == nullptr || multiplexer_ == nullptr) {
    if (reason_.empty()) reason_ = std::string(text);
    return Close();
  }
  multiplexer_->Goaway(code, text);
  current_->connection().CloseAfterOutput();
}

void Lane::Close() {
  ending_ = true;
  for (const auto& carrier : carriers_) carrier->Close();
  if (down_ || current_ != nullptr || timer_op_.in_flight()) return;
  driver_.loop().StartTimer(timer_op_, driver_.loop().Now());
}

// Its streams run on; then it closes.
void Lane::OnGoaway(CloseCode, std::string_view) { client_says_goodbye_ = true; }

void Lane::OnFailed(CloseCode code, std::string_view text) {
  reason_ = code == CloseCode::kSilent ? "nothing was heard from the client" : std::string(text);
  if (current_ == nullptr) Close();
}

void Lane::OnCarrierClosed(LaneCarrier& carrier, const engine::JoinEnd& closed) {
  const bool was_current = &carrier == current_;
  const engine::JoinEnd end = closed;  // It goes with the carrier.
  std::erase_if(carriers_, [&](const auto& each) { return each.get() == &carrier; });
  if (!was_current) return;
  current_ = nullptr;
  if (multiplexer_ != nullptr && Suspend(end)) return;
  LaneEnd lane_end;
  lane_end.was_secured = multiplexer_ != nullptr;
  lane_end.in_order = up_ && reason_.empty() && ClientLeft(end);
  lane_end.was_unheard = end.stage == engine::JoinEnd::Stage::kInner && !end.heard_other_end;
  lane_end.text = reason_.empty() ? end.end.text : reason_;
  GoDown(std::move(lane_end));
}

void Lane::GoDown(LaneEnd end) {
  down_ = true;
  driver_.loop().Cancel(timer_op_);
  for (const auto& carrier : carriers_) carrier->Close();
  if (multiplexer_ != nullptr) {
    multiplexer_->Disconnected(CloseCode::kSessionEnded, "the client's connection ended");
  }
  owner_.OnLaneDown(*this, end);
}

}  // namespace agent
