#include "tests/sim/client_process.h"

#include <utility>

#include "client/memory_plan.h"
#include "client/say.h"
#include "client/sealed_proof.h"
#include "client/target_wish.h"
#include "engine/base/check.h"
#include "engine/base/log.h"
#include "engine/platform/wall_clock.h"
#include "tests/sim/world_keys.h"
#include "tests/support/tls_credentials.h"

namespace sim {
namespace {

constexpr engine::Duration kAskAgain = std::chrono::seconds(1);

client::ForwardSpec Spec() {
  return {.bind = "127.0.0.1",
          .local_port = ClientProcess::kLocalPort,
          .socket_path = {},
          .host = kServerAddress,
          .port = kServerPort};
}

client::Credentials Credentials() {
  return {.access_key_id = std::string("AKIA") + kUser,
          .secret_access_key = std::string("secret-of-") + kUser,
          .session_token = {},
          .source = "the world",
          .role = std::nullopt};
}

absl::StatusOr<engine::HttpResponse> ToResponse(engine::CallResult result) {
  if (result.kind == engine::CallResult::Kind::kResponse) return std::move(result.response);
  return absl::UnavailableError(result.text);
}

}  // namespace

ClientProcess::ClientProcess(engine::sim::SimWorld& world, uint16_t block_count,
                             const Options& options, Witness& witness)
    : Process(world, kOperator, block_count),
      options_(options),
      witness_(witness),
      calls_(driver(), *WorldKeys::Shared().api_calls, RelayAt()),
      api_([this](engine::HttpRequest request) { return Transport(std::move(request)); },
           engine::FormatHostPort(RelayAt()), Credentials(), engine::UnixNow),
      lane_calls_(calls_, api_, ToResponse),
      reserve_(client::kWindowsReserve, client::kWindowsReserveParts),
      loops_(driver()),
      forward_(driver().loop(), Spec(), client::ConnectionsMax(1), client::Say),
      ask_op_(engine::Handler<engine::Fired>::To<&ClientProcess::OnAskTime>(this)) {
  CHECK(forward_.Listen().ok());
  wish_ = client::TargetWish({kServerAddress, kServerPort}, "to see whether it lasts");
  wish_.target = kNodeId;
  wish_.may_rejoin = true;
  if (options_.is_sealed) {
    key_ = engine::test::Must(client::MakeSessionKey(engine::test::kTestNow));
    wish_.client_key = key_->hash;
  }
  driver().loop().StartTimer(ask_op_, loop().Now() + std::chrono::milliseconds(1));
}

bool ClientProcess::over() const {
  return are_calls_closed_ && calls_.joined() && forward_.joined() &&
         (lanes_ == nullptr || lanes_->gone()) && !ask_op_.in_flight();
}

// The API's client waits for its answers, and nothing here may: so it is asked twice, once for its
// request and once with the answer.
absl::StatusOr<engine::HttpResponse> ClientProcess::Transport(engine::HttpRequest request) {
  if (answered_.has_value()) return *std::exchange(answered_, std::nullopt);
  asked_ = std::move(request);
  return absl::UnavailableError("it is on its way");
}

void ClientProcess::OnAskTime(engine::Fired) {
  if (is_leaving()) return;
  answered_.reset();
  static_cast<void>(api_.StartSession(wish_));
  is_asking_ = true;
  calls_.Call(*std::exchange(asked_, std::nullopt),
              [this](engine::CallResult result) { OnStarted(std::move(result)); });
}

void ClientProcess::OnStarted(engine::CallResult result) {
  is_asking_ = false;
  if (is_leaving()) return;
  absl::StatusOr<client::LinkTarget> target = TargetOf(ToResponse(std::move(result)));
  if (!target.ok()) {
    engine::log::Write(engine::log::Level::kInfo, "not_started",
                       {{"why", std::string(target.status().message())}});
    driver().loop().StartTimer(ask_op_, loop().Now() + kAskAgain);
    return;
  }
  ++witness_.sessions_started;
  session_id_ = target->session_id;
  lanes_ = std::make_unique<client::SessionLanes>(
      loops_, *std::move(target), client::Forward::RequestFor(forward_.spec()), lane_calls_,
      options_.lanes, static_cast<client::SessionLanes::Events&>(*this));
  lanes_->Dial();
}

absl::StatusOr<client::LinkTarget> ClientProcess::TargetOf(
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
  target.clock = engine::UnixNow;
  target.options = client::ForwardLinkOptions(1, options_.lanes.max, &reserve_);
  if (options_.resume_bytes_max != 0) target.options.resume_bytes_max = options_.resume_bytes_max;
  if (session.rejoin_key.empty()) return absl::InternalError("it cannot come again");
  lane_calls_.KeepKey(session.id, session.rejoin_key);
  target.patience = std::chrono::hours(24);
  if (!options_.is_sealed) {
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

void ClientProcess::OnLanesReady() {
  is_ready_ = true;
  forward_.Start(lanes_->lanes(), lanes_->node_label());
}

void ClientProcess::OnLanesEnded(const client::LinkEnd& end) {
  is_session_over_ = true;
  end_text_ = end.text;
  engine::log::Write(engine::log::Level::kInfo, "client_over", {{"why", end.text}});
  forward_.Stop();
}

void ClientProcess::AfterIteration() {
  const bool is_idle = forward_.joined() && !is_asking_ && !ask_op_.in_flight() &&
                       (lanes_ == nullptr || lanes_->gone());
  const bool may_close = is_idle && (is_leaving() || is_session_over_);
  if (!may_close || std::exchange(are_calls_closed_, true)) return;
  calls_.Close();
}

void ClientProcess::Stop() {
  driver().loop().Cancel(ask_op_);
  forward_.Stop();
  if (lanes_ != nullptr) lanes_->Close();
}

void ClientProcess::LetGo() {
  driver().loop().Cancel(ask_op_);
  forward_.Stop();
  if (lanes_ != nullptr) lanes_->Abort();
}

}  // namespace sim
