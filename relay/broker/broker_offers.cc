// The part of Broker that asks nodes for their consent to sealed sessions.

#include <utility>
#include <vector>

#include "engine/base/check.h"
#include "engine/crypto/base64.h"
#include "engine/crypto/digest.h"
#include "engine/crypto/identity_key.h"
#include "relay/broker/broker.h"
#include "relay/store/identifiers.h"

namespace relay {

using engine::crypto::Sha256Digest;
using std::chrono::milliseconds;

namespace {

std::string_view KindText(SessionKind kind) {
  switch (kind) {
    case SessionKind::kShell:
      return "shell";
    case SessionKind::kExec:
      return "exec";
    case SessionKind::kTcp:
      return "tcp";
  }
  CHECK(false);
}

bool IsBase64Of(const std::string& text, size_t size) {
  const std::optional<std::string> bytes = engine::crypto::DecodeBase64(text);
  return bytes.has_value() && bytes->size() == size;
}

// Whether the words are true is for the client to verify; that of SessionAnswer::session_key was
// looked at when it was read.
bool IsWellFormed(const engine::SessionAnswer& answer) {
  return !answer.session_key.empty() &&
         IsBase64Of(answer.node_key, engine::crypto::kIdentityKeySize) &&
         IsBase64Of(answer.signature, engine::crypto::kIdentitySignatureSize);
}

}  // namespace

void Broker::OfferSession(const StartRequest& request, int64_t now_unix_ms, OfferDone done) {
  if (std::optional<StartFailure> failure = TryOffer(request, now_unix_ms, done)) {
    done(*std::move(failure), now_unix_ms);
  }
}

std::optional<StartFailure> Broker::TryOffer(const StartRequest& request, int64_t now_unix_ms,
                                             OfferDone& done) {
  const bool is_inspected = request.carriage == Carriage::kInspected;
  const Carriage carriage = is_inspected ? Carriage::kInspected : Carriage::kSealed;
  WishOutcome resolved = Resolve(request, carriage);
  if (auto* failure = std::get_if<StartFailure>(&resolved)) return std::move(*failure);
  const ResolvedSession& wanted = std::get<ResolvedSession>(resolved);
  if (auto failure = CheckOffer(request.node_id, wanted.carriages)) return failure;
  const bool is_laning = data_plane_.FindNode(request.node_id)->is_laning;
  if (is_inspected && (!is_laning || !wanted.plan.key_id.empty())) {
    return StartFailure{StartFailure::Kind::kCarriage, "The session has no lanes."};
  }
  const std::string id = NewSessionId(request.user_name);
  Live& live = live_[id];
  live.subject = {id, request.node_id, request.principal, carriage};
  std::optional<StartFailure> failure =
      MakeOffer(live,
                {.plan = wanted.plan,
                 .run_as = wanted.run_as,
                 .client_key = is_inspected ? std::string() : request.client_key,
                 .comes_again = request.comes_again,
                 .joins_on = request.joins_on,
                 .idle_max = std::chrono::seconds(wanted.idle_seconds_max),
                 .duration_max = DurationOf(wanted)},
                ToSession(request, wanted, id, carriage), now_unix_ms, done);
  if (failure.has_value()) live_.erase(id);
  return failure;
}

void Broker::SealSession(std::string_view session_id, const Sha256Digest& token_sha256,
                         const std::string& client_key, int64_t now_unix_ms, OfferDone done) {
  if (auto failure = TrySeal(session_id, token_sha256, client_key, now_unix_ms, done)) {
    done(*std::move(failure), now_unix_ms);
  }
}

std::optional<StartFailure> Broker::TrySeal(std::string_view session_id,
                                            const Sha256Digest& token_sha256,
                                            const std::string& client_key, int64_t now_unix_ms,
                                            OfferDone& done) {
  using Kind = StartFailure::Kind;
  Live* live = Find(session_id);
  const bool may_be_sealed = live != nullptr && live->state == Live::State::kConnecting &&
                             live->unsealed != nullptr &&
                             live->unsealed->token_sha256 == token_sha256;
  if (!may_be_sealed) {
    return StartFailure{Kind::kCarriage, "This session cannot be sealed, or not any more."};
  }
  const SessionGrant& grant = *live->unsealed;
  if (!IsConnected(grant.node_id)) {
    return StartFailure{Kind::kNotConnected, grant.node_id + " is not connected."};
  }
  if (auto failure = CheckOffer(grant.node_id, CarriageRule::kEither)) return failure;
  using std::chrono::duration_cast;
  using std::chrono::seconds;
  Session session;
  session.id = live->subject.id;
  session.node_id = grant.node_id;
  const seconds duration_max = duration_cast<seconds>(grant.duration_max);
  std::optional<StartFailure> failure =
      MakeOffer(*live,
                {.plan = grant.plan,
                 .run_as = grant.run_as,
                 .client_key = client_key,
                 .comes_again = false,
                 .joins_on = std::nullopt,
                 .idle_max = duration_cast<seconds>(grant.idle_max),
                 .duration_max = duration_max},
                std::move(session), now_unix_ms, done);
  if (!failure.has_value()) data_plane_.EndSession(session_id, "It goes on sealed.");
  return failure;
}

std::optional<StartFailure> Broker::CheckOffer(const std::string& node_id, CarriageRule rule) {
  using Kind = StartFailure::Kind;
  if (!data_plane_.FindNode(node_id)->is_sealing) {
    const std::string unable =
        AgentText(node_id) + " does not know sealed ones" + UpdateText(node_id) + ".";
    if (rule == CarriageRule::kEither) {
      return StartFailure{Kind::kCarriage, "This needs an inspected session: " + unable};
    }
    // Not kCarriage, after which clients go on inspected: nobody may reach this node.
    return StartFailure{Kind::kNotConnected,
                        "The document or the preferences have a kmsKeyId, so that this needs a "
                        "sealed session, and " +
                            unable};
  }
  const auto offers = offers_of_node_.find(node_id);
  const bool node_is_busy =
      offers != offers_of_node_.end() && offers->second >= SealedState::kOffersOfNodeMax;
  if (node_is_busy || offer_count_ >= SealedState::kOffersMax ||
      waiting_lane_count_ + waiting_lane_promises_.count() >= SealedState::kLanesWaitingMax) {
    return StartFailure{Kind::kTooMany, "Rate exceeded"};
  }
  return std::nullopt;
}

std::optional<StartFailure> Broker::MakeOffer(Live& live, const OfferTerms& terms, Session session,
                                              int64_t now_unix_ms, OfferDone& done) {
  live.sealed = std::make_unique<SealedState>();
  live.sealed->first_loop = terms.joins_on.value_or(next_first_loop_) % data_plane_.loop_count();
  live.sealed->may_rejoin = terms.comes_again;
  live.sealed->is_inspected = terms.client_key.empty();
  const NewLane lane = MakeLane(live);
  const SessionPlan& plan = terms.plan;
  const engine::SessionOffer message{
      .session_id = live.subject.id,
      .principal = live.subject.principal,
      .run_as = terms.run_as,
      .client_key = terms.client_key,
      .join_token = lane.node_token,
      .loop = lane.loop,
      .kind = std::string(KindText(plan.kind)),
      .command = plan.command,
      .with_terminal = plan.with_terminal,
      .host = plan.host,
      .port = plan.port,
      .profile = plan.profile,
      .with_shell = plan.with_shell,
      .may_be_link_local = plan.may_be_link_local,
      .idle_seconds_max = static_cast<uint32_t>(terms.idle_max.count()),
      .seconds_max = static_cast<uint32_t>(terms.duration_max.count()),
      .resume_secret = terms.client_key.empty() ? ResumeSecretOf(live.subject.id) : std::string()};
  if (engine::Encode(message).size() > engine::kControlSizeMax) {
    live.sealed.reset();
    return StartFailure{StartFailure::Kind::kInvalidParameters,
                        "The command is too long for a sealed session."};
  }
  const std::string& node_id = live.subject.node_id;
  live.state = Live::State::kOffered;
  live.sealed->offer = std::make_unique<SealedState::Offer>(SealedState::Offer{
      .link_serial = data_plane_.FindNode(node_id)->link_serial,
      .answer_by_unix_ms = now_unix_ms + milliseconds(SealedState::kAnswerMax).count(),
      .outcome = {.session = std::move(session),
                  .duration_max = terms.duration_max,
                  .join_token = lane.client_token,
                  .loop = lane.loop,
                  .session_key = {},
                  .node_key = {},
                  .signature = {},
                  .resume_secret = message.resume_secret},
      .done = std::move(done)});
  ++next_first_loop_;
  ++offer_count_;
  ++offers_of_node_[node_id];
  AddLane(live, lane);  // First: the node may come as soon as it has read its token.
  data_plane_.TellNode(node_id, message);
  return std::nullopt;
}

std::string Broker::ResumeSecretOf(std::string_view session_id) const {
  const Sha256Digest root = store_.DeriveKey("sessions that come again: inspected lanes");
  return engine::ToHex(engine::crypto::HmacSha256(root, engine::AsBytes(session_id)));
}

void Broker::NodeAnswered(std::string_view node_id, const engine::SessionAnswer& answer,
                          int64_t now_unix_ms) {
  Live* live = FindSealed(answer.session_id, node_id);
  // What comes too late was answered by withdrawing the offer.
  if (live == nullptr || live->sealed->offer == nullptr) return;
  const auto fail = [&](StartFailure::Kind kind, std::string text) {
    Settle(*live, StartFailure{kind, std::move(text)}, now_unix_ms);
  };
  using Kind = StartFailure::Kind;
  if (!answer.error.empty()) {
    return fail(Kind::kNotConnected,
                "The node refused: " + answer.error.substr(0, SealedState::kNodeTextSizeMax));
  }
  if (!live->sealed->is_inspected && !IsWellFormed(answer)) {
    return fail(Kind::kCarriage, "The node's answer cannot be used; is its agent up to date?");
  }
  if (live->sealed->lanes_open == 0) {
    return fail(Kind::kNotConnected,
                live->subject.node_id + " lost its connection for the session.");
  }
  SealedOffer outcome = std::move(live->sealed->offer->outcome);
  outcome.session_key = answer.session_key;
  outcome.node_key = answer.node_key;
  outcome.signature = answer.signature;
  Settle(*live, outcome, now_unix_ms);
}

void Broker::FailOffersOf(uint64_t link_serial, int64_t now_unix_ms) {
  std::vector<std::string> lost;
  for (const auto& [id, live] : live_) {
    const bool is_offer = live.sealed != nullptr && live.sealed->offer != nullptr;
    if (is_offer && live.sealed->offer->link_serial == link_serial) lost.push_back(id);
  }
  for (const std::string& id : lost) {
    Live* live = Find(id);
    if (live == nullptr) continue;
    Settle(*live,
           StartFailure{StartFailure::Kind::kNotConnected,
                        live->subject.node_id + " is not connected any more."},
           now_unix_ms);
  }
}

void Broker::Settle(Live& live, const std::variant<SealedOffer, StartFailure>& outcome,
                    int64_t now_unix_ms) {
  const std::string id = live.subject.id;
  const std::string& node_id = live.subject.node_id;
  const OfferDone done = std::move(live.sealed->offer->done);
  live.sealed->offer.reset();
  --offer_count_;
  if (--offers_of_node_[node_id] == 0) offers_of_node_.erase(node_id);
  done(outcome, now_unix_ms);
  const Live* left = Find(id);
  if (left == nullptr || left->state != Live::State::kOffered) return;
  const auto* failure = std::get_if<StartFailure>(&outcome);
  Withdraw(id, failure != nullptr ? failure->text : kNotStarted);
}

void Broker::Withdraw(std::string id, std::string_view reason) {
  Live* live = Find(id);
  if (live == nullptr) return;
  data_plane_.TellNode(live->subject.node_id, engine::SessionStop{id, std::string(reason)});
  data_plane_.EndLanes(id, reason);
  if (live->unsealed == nullptr) {
    live_.erase(id);
    return;
  }
  live->sealed.reset();
  live->state = Live::State::kConnecting;
  data_plane_.PrepareSession(*std::exchange(live->unsealed, nullptr));
}

absl::Status Broker::StartSealed(const SealedOffer& offer, int64_t now_unix_ms) {
  Session session = offer.session;
  Live* live = Find(session.id);
  CHECK(live != nullptr);
  CHECK(live->state == Live::State::kOffered);
  session.started_unix_ms = now_unix_ms;
  const bool is_stored = live->unsealed != nullptr;
  const absl::Status status =
      is_stored ? store_.SetSessionSealed(session.id, session.access) : store_.AddSession(session);
  if (!status.ok()) return status;
  live->state = Live::State::kStarting;
  live->sealed->may_rejoin = !session.access.empty();
  if (!is_stored) {
    live->join_by_unix_ms = now_unix_ms + milliseconds(kJoinMax).count();
    live->end_by_unix_ms = now_unix_ms + milliseconds(offer.duration_max).count();
  }
  store_.AfterCommit(
      [this, id = session.id] {
        Live* kept = Find(id);
        if (kept == nullptr || kept->state != Live::State::kStarting) return;
        kept->state = Live::State::kConnecting;
        if (kept->unsealed != nullptr) kept->subject.carriage = Carriage::kSealed;
        kept->unsealed.reset();
        kept->gateway_share.reset();
      },
      [this, id = session.id] { Withdraw(id, kNotStarted); });
  return absl::OkStatus();
}

}  // namespace relay
