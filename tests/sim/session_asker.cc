#include "tests/sim/session_asker.h"

#include <utility>

#include "client/sealed_proof.h"
#include "engine/base/check.h"
#include "engine/base/log.h"
#include "engine/platform/wall_clock.h"
#include "tests/sim/world_keys.h"
#include "tests/support/tls_credentials.h"

namespace sim {
namespace {

constexpr engine::Duration kAskAgain = std::chrono::seconds(1);

absl::StatusOr<engine::HttpResponse> ToResponse(engine::CallResult result) {
  if (result.kind == engine::CallResult::Kind::kResponse) return std::move(result.response);
  return absl::UnavailableError(result.text);
}

}  // namespace

client::Credentials SessionAsker::UserCredentials() {
  return {.access_key_id = std::string("AKIA") + kUser,
          .secret_access_key = std::string("secret-of-") + kUser,
          .session_token = {},
          .source = "the world",
          .role = std::nullopt};
}

SessionAsker::SessionAsker(engine::LoopDriver& driver, bool is_sealed, client::SessionWish wish,
                           Witness& witness, Done done)
    : driver_(driver),
      witness_(witness),
      done_(std::move(done)),
      calls_(driver, *WorldKeys::Shared().api_calls, RelayAt()),
      api_([this](engine::HttpRequest request) { return Transport(std::move(request)); },
           engine::FormatHostPort(RelayAt()), UserCredentials(), engine::UnixNow),
      lane_calls_(calls_, api_, ToResponse),
      wish_(std::move(wish)),
      ask_op_(engine::Handler<engine::Fired>::To<&SessionAsker::OnAskTime>(this)) {
  wish_.target = kNodeId;
  wish_.may_rejoin = true;
  if (is_sealed) {
    key_ = engine::test::Must(client::MakeSessionKey(engine::test::kTestNow));
    wish_.client_key = key_->hash;
  }
  driver_.loop().StartTimer(ask_op_, driver_.loop().Now() + std::chrono::milliseconds(1));
}

// The API's client waits for its answers, and nothing here may: so it is asked twice, once for its
// request and once with the answer.
absl::StatusOr<engine::HttpResponse> SessionAsker::Transport(engine::HttpRequest request) {
  if (answered_.has_value()) return *std::exchange(answered_, std::nullopt);
  asked_ = std::move(request);
  return absl::UnavailableError("it is on its way");
}

void SessionAsker::OnAskTime(engine::Fired) {
  if (is_stopping_) return;
  answered_.reset();
  static_cast<void>(api_.StartSession(wish_));
  is_asking_ = true;
  calls_.Call(*std::exchange(asked_, std::nullopt),
              [this](engine::CallResult result) { OnStarted(std::move(result)); });
}

void SessionAsker::OnStarted(engine::CallResult result) {
  is_asking_ = false;
  if (is_stopping_) return;
  absl::StatusOr<client::LinkTarget> target = TargetOf(ToResponse(std::move(result)));
  if (!target.ok()) {
    engine::log::Write(engine::log::Level::kInfo, "not_started",
                       {{"why", std::string(target.status().message())}});
    driver_.loop().StartTimer(ask_op_, driver_.loop().Now() + kAskAgain);
    return;
  }
  ++witness_.sessions_started;
  session_id_ = target->session_id;
  done_(*std::move(target));
}

absl::StatusOr<client::LinkTarget> SessionAsker::TargetOf(
    absl::StatusOr<engine::HttpResponse> response) {
  if (!response.ok()) return response.status();
  answered_ = *std::move(response);
  const absl::StatusOr<client::StartedSession> started = api_.StartSession(wish_);
  if (!started.ok()) return started.status();
  const client::StartedSession& session = *started;
  client::LinkTarget target;
  target.relay = RelayAt();
  target.ca_pem = WorldKeys::Shared().authority_pem;
  target.node_label = "web-1";
  target.session_id = session.id;
  target.ticket = session.ticket;
  target.calls = &calls_;
  target.clock = engine::UnixNow;
  if (session.rejoin_key.empty()) return absl::InternalError("it cannot come again");
  lane_calls_.KeepKey(session.id, session.rejoin_key);
  target.patience = client::Patience(std::chrono::hours(24));
  if (!key_.has_value()) {
    engine::ResumeSecret secret;
    if (!engine::FromHex(session.resume_secret, secret)) return absl::InternalError("no secret");
    target.lane_secret = secret;
    return target;
  }
  if (!session.sealed.has_value()) return absl::InternalError("it is not sealed");
  const client::SealedProof proof = client::ProveSealed(*session.sealed, session.id, key_->hash);
  if (proof.error != client::ProofError::kNone) return absl::InternalError("it is not proven");
  auto context =
      engine::TlsContext::Client({.trust = engine::TlsTrust::PublicKey(proof.session_key),
                                  .identity = key_->identity,
                                  .protocols = {"adit/1"},
                                  .clock = {}});
  if (!context.ok()) return context.status();
  target.node_context = std::shared_ptr<engine::TlsContext>(*std::move(context));
  return target;
}

void SessionAsker::Stop() {
  is_stopping_ = true;
  driver_.loop().Cancel(ask_op_);
}

}  // namespace sim
