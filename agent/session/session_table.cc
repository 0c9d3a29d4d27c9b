#include "agent/session/session_table.h"

#include <utility>

#include "absl/status/status.h"
#include "agent/session/session_consent.h"
#include "engine/base/log.h"

namespace agent {
namespace {

using engine::log::Level;

constexpr size_t kReasonSizeMax = 500;
constexpr std::string_view kNotHere =
    "the agent on the node has no such session any more; was it restarted?";
constexpr std::string_view kNoRoom =
    "its client had been away for the longest time, and the node needed the room";

// Reason is a foreign text that people will read, and that goes on into other messages.
std::string Reason(std::string_view text) {
  std::string out;
  for (char c : text.substr(0, kReasonSizeMax)) {
    const auto byte = static_cast<unsigned char>(c);
    out += byte < 0x20 || byte == 0x7f ? ' ' : c;
  }
  return out.empty() ? "the session was ended" : out;
}

void LogFailure(std::string_view event, const std::string& session, const absl::Status& status) {
  engine::log::Write(Level::kWarning, event,
                     {{"session", session}, {"reason", std::string(status.message())}});
}

std::vector<LaneHost*> AllHosts(LaneHost& first, const std::vector<LaneHost*>& more) {
  std::vector<LaneHost*> hosts = {&first};
  hosts.insert(hosts.end(), more.begin(), more.end());
  return hosts;
}

}  // namespace

SessionTable::SessionTable(engine::LoopDriver& driver, TargetTable& targets, Options options)
    : host_(driver, targets),
      outbox_(driver.loop()),
      joins_(std::move(options.relay)),
      context_{driver,
               outbox_,
               joins_,
               windows_,
               AllHosts(host_, options.more_hosts),
               std::move(options.software)},
      identity_(std::move(options.identity)),
      sessions_max_(options.sessions_max) {
  sessions_.reserve(sessions_max_);
}

SealedSession* SessionTable::Find(std::string_view session_id) const {
  for (const std::unique_ptr<SealedSession>& session : sessions_) {
    if (session->id() == session_id) return session.get();
  }
  return nullptr;
}

// ---------------------------------------------------------- what the relay says

void SessionTable::Handle(const engine::ControlMessage& message) {
  if (const auto* offer = std::get_if<engine::SessionOffer>(&message)) {
    OnOffer(*offer);
  } else if (const auto* lane = std::get_if<engine::LaneOffer>(&message)) {
    OnLaneOffer(*lane);
  } else if (const auto* stop = std::get_if<engine::SessionStop>(&message)) {
    OnStop(*stop);
  } else if (const auto* check = std::get_if<engine::SessionCheck>(&message)) {
    OnCheck(*check);
  }
}

bool SessionTable::IsOfAnother(const engine::ControlMessage& message) const {
  if (const auto* lane = std::get_if<engine::LaneOffer>(&message)) {
    return Find(lane->session_id) == nullptr;
  }
  if (const auto* stop = std::get_if<engine::SessionStop>(&message)) {
    return Find(stop->session_id) == nullptr;
  }
  const auto* check = std::get_if<engine::SessionCheck>(&message);
  return check != nullptr && Find(check->session_id) == nullptr;
}

void SessionTable::OnOffer(const engine::SessionOffer& offer) {
  absl::StatusOr<engine::SessionAnswer> answer = Consent(offer);
  MakeRoom();
  if (!answer.ok()) {
    LogFailure("session_refused", offer.session_id, answer.status());
    engine::SessionAnswer refusal;
    refusal.session_id = offer.session_id;
    refusal.error = std::string(answer.status().message());
    return outbox_.Push(refusal);
  }
  outbox_.Push(*std::move(answer));
}

absl::StatusOr<engine::SessionAnswer> SessionTable::Consent(const engine::SessionOffer& offer) {
  if (ending_) return absl::UnavailableError("the agent on the node stops; try again soon");
  if (Find(offer.session_id) != nullptr) {
    return absl::AlreadyExistsError("the node has this session already");
  }
  if (!HasRoom()) {
    return absl::ResourceExhaustedError(
        "the node has as many sessions as it may; end one and try again");
  }
  absl::StatusOr<SessionConsent> consent = ConsentTo(offer, identity_);
  if (!consent.ok()) return consent.status();
  sessions_.push_back(
      std::make_unique<SealedSession>(context_, offer, std::move(consent->inner), offer_count_++));
  SealedSession& session = *sessions_.back();
  const absl::Status dialled = session.AddLane(offer.join_token, offer.loop);
  if (!dialled.ok()) {
    session.End(engine::CloseCode::kInternal, "the node could not dial its relay");
    return dialled;
  }
  engine::log::Write(Level::kInfo, "session_offered",
                     {{"session", offer.session_id},
                      {"principal", offer.principal},
                      {"what", engine::Describe(engine::PlanOf(offer))}});
  return std::move(consent->answer);
}

void SessionTable::OnLaneOffer(const engine::LaneOffer& offer) {
  SealedSession* session = Find(offer.session_id);
  if (session == nullptr || session->ending()) {
    // It ended while this was on its way, or another process had it. A client that comes again
    // would wait for a lane that never comes.
    if (!offer.lane.has_value()) return;
    return outbox_.Push(engine::SessionOver{offer.session_id, std::string(kNotHere), 0, 0});
  }
  const absl::Status dialled = offer.lane.has_value()
                                   ? session->ReturnLane(*offer.lane, offer.join_token, offer.loop)
                                   : session->AddLane(offer.join_token, offer.loop);
  if (!dialled.ok()) LogFailure("lane_refused", offer.session_id, dialled);
  MakeRoom();
}

void SessionTable::MakeRoom() {
  if (HasRoom()) return;
  const engine::Instant away_by = context_.driver.loop().Now() - kAwayMin;
  SealedSession* longest = nullptr;
  for (const std::unique_ptr<SealedSession>& session : sessions_) {
    if (session->ending()) return;  // It makes room already.
    const engine::Instant since = session->AwaySince();
    if (since > away_by) continue;
    if (longest == nullptr || since < longest->AwaySince()) longest = session.get();
  }
  if (longest != nullptr) longest->End(engine::CloseCode::kTooMany, kNoRoom);
}

void SessionTable::OnCheck(const engine::SessionCheck& check) {
  if (Find(check.session_id) != nullptr) return;
  outbox_.Push(engine::SessionOver{check.session_id, std::string(kNotHere), 0, 0});
}

void SessionTable::OnStop(const engine::SessionStop& stop) {
  SealedSession* session = Find(stop.session_id);
  if (session != nullptr) session->End(engine::CloseCode::kSessionEnded, Reason(stop.reason));
}

// ---------------------------------------------------------------------- the end

void SessionTable::EndAll(engine::CloseCode code, std::string_view reason) {
  ending_ = true;
  EndOpen(code, reason);
}

void SessionTable::EndOpen(engine::CloseCode code, std::string_view reason) {
  for (const std::unique_ptr<SealedSession>& session : sessions_) session->End(code, reason);
}

void SessionTable::Close() {
  for (const std::unique_ptr<SealedSession>& session : sessions_) session->Close();
}

void SessionTable::Sweep() {
  host_.Sweep();
  std::erase_if(sessions_,
                [](const std::unique_ptr<SealedSession>& session) { return session->over(); });
}

}  // namespace agent
