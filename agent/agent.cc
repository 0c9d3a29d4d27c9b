#include "agent/agent.h"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "agent/certificate_renewal.h"
#include "agent/host_facts.h"
#include "agent/link_advice.h"
#include "agent/process/machine_programs.h"
#include "agent/session/node_clock.h"
#include "engine/base/check.h"
#include "engine/base/log.h"
#include "engine/crypto/certificate.h"
#include "engine/crypto/random_bytes.h"
#include "engine/net/loop_driver.h"
#include "engine/platform/wall_clock.h"
#include "engine/tls/tls_context.h"
#include "engine/wire/session_plan.h"

namespace agent {
namespace {

using engine::log::Level;

constexpr engine::Duration kWaitMax = std::chrono::minutes(1);
// Of news of streams, in one iteration: half of what may wait in a link, so that what else is to be
// said finds room.
constexpr size_t kNewsAtOnce = engine::kControlQueueMax / 2;

// The wall clock may jump and a machine may sleep, so that the time of renewal is looked at again
// and again, rather than waited for.
constexpr engine::Duration kRenewalLook = std::chrono::minutes(10);

engine::TlsClientOptions TlsOptions(const NodeState& state) {
  engine::TlsClientOptions options;
  options.trust = engine::TlsTrust::Authority(state.authority_pem);
  options.identity = engine::TlsIdentity{state.certificate_pem, state.private_key_pem};
  options.protocols = {"adit/1"};
  SetNodeClocks(state.known_unix, state.certificate_pem, options);
  return options;
}

RelayAccess Access(const NodeState& state) {
  return {state.relay,
          state.authority_pem,
          {state.certificate_pem, state.private_key_pem},
          state.known_unix};
}

std::vector<LaneHost*> HostsOf(const std::vector<std::unique_ptr<LaneWorker>>& workers) {
  std::vector<LaneHost*> hosts;
  for (const std::unique_ptr<LaneWorker>& worker : workers) hosts.push_back(&worker->host());
  return hosts;
}

std::string Software(const AgentOptions& options) { return "adit-agent/" + options.version; }

}  // namespace

absl::StatusOr<std::unique_ptr<Agent>> Agent::Create(engine::LoopDriver& driver, NodeState state,
                                                     AgentOptions options) {
  absl::StatusOr<std::unique_ptr<engine::TlsContext>> context =
      engine::TlsContext::Client(TlsOptions(state));
  if (!context.ok()) return context.status();
  std::unique_ptr<engine::TlsContext> key_context;
  if (options.key_service.has_value()) {
    engine::TlsClientOptions tls;
    tls.trust = engine::TlsTrust::Lists(options.key_service->authority_lists);
    absl::StatusOr<std::unique_ptr<engine::TlsContext>> made = engine::TlsContext::Client(tls);
    if (!made.ok()) return made.status();
    key_context = *std::move(made);
  }
  absl::StatusOr<engine::crypto::IdentityKey> identity =
      engine::crypto::IdentityKey::FromSeed(state.identity_seed);
  if (!identity.ok()) return identity.status();
  auto quota = std::make_shared<TargetQuota>();
  std::vector<std::unique_ptr<LaneWorker>> workers;
  while (workers.size() < options.workers) {
    absl::StatusOr<std::unique_ptr<LaneWorker>> worker =
        LaneWorker::Start(options.worker_loop, driver.loop(), quota);
    if (!worker.ok()) return worker.status();
    workers.push_back(*std::move(worker));
  }
  Descriptor predecessor = std::move(options.predecessor);
  std::unique_ptr<ProgramHost> programs = std::move(options.programs);
  if (programs == nullptr) {
    programs = std::make_unique<MachinePrograms>(driver.loop(), options.uid);
  }
  return std::unique_ptr<Agent>(
      new Agent(driver, std::move(state), *std::move(identity), std::move(options),
                std::move(predecessor), std::move(programs), std::move(*context),
                std::move(key_context), std::move(quota), std::move(workers)));
}

Agent::Agent(engine::LoopDriver& driver, NodeState state, engine::crypto::IdentityKey identity,
             AgentOptions options, Descriptor predecessor, std::unique_ptr<ProgramHost> programs,
             std::unique_ptr<engine::TlsContext> context,
             std::unique_ptr<engine::TlsContext> key_context, std::shared_ptr<TargetQuota> quota,
             std::vector<std::unique_ptr<LaneWorker>> workers)
    : driver_(driver),
      state_(std::move(state)),
      options_(std::move(options)),
      context_(std::move(context)),
      service_manager_(options_.notify_socket),
      programs_(std::move(programs)),
      signals_(driver.loop(), {SIGTERM, SIGINT, SIGUSR2}, *this),
      relay_keys_([this](std::string_view json) { return link_ != nullptr && link_->Send(json); }),
      service_keys_(options_.key_service.has_value()
                        ? std::make_unique<ServiceKeys>(driver, std::move(key_context),
                                                        *options_.key_service, state_.node_id)
                        : nullptr),
      target_context_{.loop = driver.loop(),
                      .resolver = driver.resolver(),
                      .programs = programs_.get(),
                      .inherited = options_.inherited,
                      .keys = service_keys_ != nullptr ? static_cast<DataKeys*>(service_keys_.get())
                                                       : &relay_keys_},
      targets_(target_context_, std::move(quota)),
      workers_(std::move(workers)),
      sessions_(driver, targets_,
                {.software = Software(options_),
                 .identity = std::move(identity),
                 .relay = Access(state_),
                 .sessions_max = options_.sessions_max,
                 .more_hosts = HostsOf(workers_)}),
      succession_(driver.loop(), std::move(predecessor), options_.state_lock,
                  static_cast<Succession::Events&>(*this)),
      redial_(engine::crypto::RandomNumber()),
      retry_op_(engine::Handler<engine::Fired>::To<&Agent::OnRetry>(this)),
      renewal_op_(engine::Handler<engine::Fired>::To<&Agent::OnRenewal>(this)),
      news_op_(engine::Handler<engine::Fired>::To<&Agent::OnNewsDue>(this)),
      stop_op_(engine::Handler<engine::Fired>::To<&Agent::OnStopDeadline>(this)),
      succession_op_(engine::Handler<engine::Fired>::To<&Agent::OnSuccessionDeadline>(this)) {
  driver_.network().Add(static_cast<engine::NetworkWatch::Listener&>(*this));
}

Agent::~Agent() { driver_.network().Remove(static_cast<engine::NetworkWatch::Listener&>(*this)); }

absl::Status Agent::Run() {
  Start();
  while (!stopped()) {
    if (stop_overdue_) {
      return absl::DeadlineExceededError("a session's program does not end, even when killed");
    }
    Step(kWaitMax);
  }
  engine::log::Write(Level::kInfo, "agent_stopped");
  return absl::OkStatus();
}

void Agent::Start() {
  engine::log::Write(Level::kInfo, "agent_started",
                     {{"version", options_.version},
                      {"node", state_.node_id},
                      {"name", state_.name},
                      {"relay", engine::FormatHostPort(state_.relay)}});
  driver_.loop().StartTimer(retry_op_, driver_.loop().Now() + redial_.FirstDelay());
  driver_.loop().StartTimer(renewal_op_, driver_.loop().Now() + kRenewalLook);
}

void Agent::Step(engine::Duration wait_max) {
  driver_.RunOnce(wait_max);
  targets_.Sweep();
  sessions_.Sweep();
  succession_.Sweep();
  if (link_ != nullptr && link_->down()) link_.reset();
  if (link_ != nullptr) link_->SetNeeded(HasLiveSessions());
  TellRelay();
  LeaveWhenDone();
  if (stopping_) StopOn();
}

// TellRelay sends what waits about sessions. What the link does not take now goes in a later
// iteration: there is one when the link has sent something. News of streams is left to gather.
void Agent::TellRelay() {
  RelayOutbox& outbox = sessions_.outbox();
  if (outbox.size() == 0) {
    news_due_ = false;
    return;
  }
  const bool may_wait = outbox.IsPatient() && !stopping_ && link_ != nullptr && link_->up();
  if (may_wait && !news_due_) {
    if (!news_op_.in_flight()) {
      driver_.loop().StartTimer(news_op_, driver_.loop().Now() + kNewsDelay);
    }
    return;
  }
  size_t room = outbox.IsPatient() && link_ != nullptr ? kNewsAtOnce : outbox.size();
  outbox.Flush([this, &room](std::string_view json) {
    if (room == 0) return false;
    --room;
    return link_ != nullptr ? link_->Send(json) : succession_.ToSuccessor(json);
  });
  news_due_ = outbox.size() > 0;
}

void Agent::OnNewsDue(engine::Fired) { news_due_ = true; }

// ------------------------------------------------------------------ the link

void Agent::Dial() {
  CHECK(link_ == nullptr);
  engine::Hello hello;
  hello.software = Software(options_);
  hello.role = "agent";
  hello.features = {std::string(engine::kFeatureSealed), std::string(engine::kFeatureEncrypted),
                    std::string(engine::kFeatureInspectedLanes)};
  hello.node_name = state_.name;
  hello.platform = Platform();
  link_ = std::make_unique<RelayLink>(driver_, *context_, state_.relay, std::move(hello), targets_,
                                      static_cast<RelayLink::Events&>(*this),
                                      redial_.MannerOf(HasLiveSessions()));
}

void Agent::OnLinkUp(const engine::Hello& relay) {
  redial_.LinkUp(driver_.loop().Now());
  link_news_.LinkUp();
  was_ever_up_ = true;
  engine::log::Write(Level::kInfo, "relay_connected",
                     {{"relay", engine::FormatHostPort(state_.relay)},
                      {"software", relay.software},
                      {"node", state_.node_id}});
  service_manager_.Ready("connected to " + engine::FormatHostPort(state_.relay) + " as " +
                         state_.node_id);
  succession_.IsUp();
  ScheduleRenewal();
}

void Agent::OnLinkDown(const LinkEnd& end) {
  const engine::Instant now = driver_.loop().Now();
  const std::string relay = engine::FormatHostPort(state_.relay);
  sessions_.outbox().LinkLost();
  relay_keys_.LinkLost();
  if (stopping_ || succession_.has_begun()) return;
  // Sessions live without a link, but not on a node that is no node any more.
  if (end.was_up && end.code == engine::CloseCode::kDenied) {
    sessions_.EndOpen(engine::CloseCode::kSessionEnded, "The node was deregistered.");
  }
  const engine::Duration delay = redial_.DelayAfter(end, HasLiveSessions(), now);
  const auto retry_in_ms = std::chrono::duration_cast<std::chrono::milliseconds>(delay).count();
  const std::string next_step = LinkAdvice(end, options_.state_folder);
  if (end.was_up) {
    engine::log::Write(Level::kWarning, "relay_lost",
                       {{"relay", relay},
                        {"reason", end.text},
                        {"retry_in_ms", retry_in_ms},
                        {"next_step", next_step}});
  } else if (link_news_.Failed(end.text, now)) {
    engine::log::Write(Level::kWarning, "relay_not_reached",
                       {{"relay", relay},
                        {"reason", end.text},
                        {"tries", link_news_.failed_count()},
                        {"retry_in_ms", retry_in_ms},
                        {"next_step", next_step}});
  }
  service_manager_.Status("not connected to " + relay + ": " + end.text);
  driver_.loop().StartTimer(retry_op_, now + delay);
}

void Agent::OnNetworkChanged(bool is_gain) {
  if (stopping_) return;
  if (link_ != nullptr && !link_->down()) return link_->Check();
  if (!is_gain || !retry_op_.in_flight()) return;
  if (redial_.Gained(driver_.loop().Now())) driver_.loop().Cancel(retry_op_);  // Which dials.
}

void Agent::OnRelayMessage(const engine::ControlMessage& message) {
  if (const auto* answer = std::get_if<engine::DataKeyAnswer>(&message)) {
    return relay_keys_.Take(*answer);
  }
  if (sessions_.IsOfAnother(message) && succession_.ToPredecessor(engine::Encode(message))) return;
  sessions_.Handle(message);
}

void Agent::OnRetry(engine::Fired) {
  if (stopping_ || succession_.has_begun()) return;
  // The old link is swept before the next iteration; a retry at once may come before that.
  if (link_ != nullptr) {
    CHECK(link_->down());
    link_.reset();
  }
  Dial();
}

// --------------------------------------------------------------- certificate

void Agent::OnRenewal(engine::Fired) {
  if (stopping_) return;
  driver_.loop().StartTimer(renewal_op_, driver_.loop().Now() + kRenewalLook);
  succession_.has_succeeded() ? TakeRenewed() : ScheduleRenewal();
}

// TakeRenewed takes what a successor may have renewed.
void Agent::TakeRenewed() {
  absl::StatusOr<NodeState> state = LoadNodeState(options_.state_folder);
  if (!state.ok() || state->certificate_pem == state_.certificate_pem) return;
  state_ = *std::move(state);
  sessions_.Renew(Access(state_));
}

void Agent::ScheduleRenewal() {
  if (link_ == nullptr || !link_->up()) return;
  const engine::Instant now = driver_.loop().Now();
  const engine::Duration since =
      renewal_asked_at_.has_value() ? now - *renewal_asked_at_ : engine::Duration::max();
  if (!RenewalIsDue(state_.certificate_pem, engine::UnixNow(), since)) return;
  const absl::StatusOr<std::string> request = RenewalRequest(state_);
  if (!request.ok()) return;
  link_->RequestRenewal(*request);
  renewal_asked_at_ = now;
}

void Agent::OnCertificateRenewed(const std::string& certificate_pem) {
  absl::StatusOr<NodeState> renewed = WithCertificate(state_, certificate_pem, engine::UnixNow());
  absl::Status status = renewed.status();
  if (status.ok()) status = SaveNodeState(options_.state_folder, *renewed);
  if (status.ok()) status = context_->Reload(TlsOptions(*renewed));
  if (!status.ok()) {
    engine::log::Write(Level::kError, "certificate_not_renewed",
                       {{"reason", std::string(status.message())}});
    return;
  }
  state_ = std::move(*renewed);
  sessions_.Renew(Access(state_));
  engine::log::Write(Level::kInfo, "certificate_renewed", {{"node", state_.node_id}});
}

// ---------------------------------------------------------------- succession

// BeginSuccession starts the process that takes our place. Until it is connected a link of ours
// that stands is kept, and no other one is dialled: of two, the relay would take the later one.
void Agent::BeginSuccession() {
  if (!succession_.may_begin()) return;
  const absl::Status begun = succession_.Begin();
  if (!begun.ok()) {
    engine::log::Write(Level::kError, "successor_not_started",
                       {{"reason", std::string(begun.message())}});
    return;
  }
  engine::log::Write(Level::kInfo, "successor_started");
  if (!succession_op_.in_flight()) {
    driver_.loop().StartTimer(succession_op_, driver_.loop().Now() + kSuccessionMax);
  }
  if (link_ != nullptr && !link_->up() && !link_->down()) link_->Close();
}

void Agent::OnSucceeded(pid_t successor) {
  engine::log::Write(Level::kInfo, "agent_succeeded",
                     {{"by", static_cast<uint64_t>(successor)},
                      {"sessions_that_stay", uint64_t{sessions_.count()}}});
  driver_.loop().Cancel(succession_op_);
  service_manager_.MainProcess(successor);
  if (link_ == nullptr || link_->down()) return;
  news_due_ = true;
  TellRelay();  // What comes later goes by the successor.
  link_->CloseAfterOutput();
}

// OnSuccessorGone takes everything up again.
void Agent::OnSuccessorGone() {
  if (stopping_) return;
  engine::log::Write(Level::kError, "successor_failed",
                     {{"reason", "it ended, or was not connected to the relay in time"},
                      {"next_step", "its own lines in this log say why; this agent goes on"}});
  driver_.loop().Cancel(succession_op_);
  service_manager_.MainProcess(::getpid());
  const bool is_linked = link_ != nullptr && !link_->down();
  if (!is_linked && !retry_op_.in_flight()) {
    driver_.loop().StartTimer(retry_op_, driver_.loop().Now());
  }
}

void Agent::OnSuccessionDeadline(engine::Fired outcome) {
  if (outcome.error == engine::IoError::kCanceled) return;
  if (stopping_ || !succession_.has_begun() || succession_.has_succeeded()) return;
  succession_.GiveUp();
  OnSuccessorGone();
}

// OnPredecessorGone: it gave us up, or was told to stop, before we could take its place.
void Agent::OnPredecessorGone() {
  if (!was_ever_up_ && !stopping_) Stop();
}

void Agent::OnSuccessorSays(std::string_view json) {
  engine::ControlMessage message;
  if (engine::Decode(json, message)) OnRelayMessage(message);
}

void Agent::OnPredecessorSays(std::string_view json) {
  engine::ControlMessage message;
  if (engine::Decode(json, message)) sessions_.outbox().Push(message);
}

void Agent::LeaveWhenDone() {
  if (stopping_ || !succession_.has_succeeded() || link_ != nullptr || HasSessions()) return;
  if (succession_.has_predecessor() || sessions_.outbox().size() > 0) return;
  Stop();
}

// ------------------------------------------------------------------ stopping

void Agent::OnSignal(int signal) {
  if (stopping_) return;
  signal == SIGUSR2 ? BeginSuccession() : Stop();
}

void Agent::Stop() {
  stopping_ = true;
  engine::log::Write(
      Level::kInfo, "agent_stopping",
      {{"streams", uint64_t{targets_.count()}}, {"sealed_sessions", uint64_t{sessions_.count()}}});
  if (!succession_.has_succeeded()) service_manager_.Stopping("ending sessions");
  engine::Loop& loop = driver_.loop();
  loop.Cancel(retry_op_);
  loop.Cancel(renewal_op_);
  loop.Cancel(succession_op_);
  loop.Cancel(news_op_);
  loop.StartTimer(stop_op_, loop.Now() + kStopMax);
  succession_.LeavePredecessor();
  if (link_ != nullptr) {
    link_->Goaway(engine::CloseCode::kShuttingDown, engine::kAgentStoppedText);
  }
  sessions_.EndAll(engine::CloseCode::kShuttingDown, engine::kAgentStoppedText);
  targets_.EndAll(engine::CloseCode::kShuttingDown, engine::kAgentStoppedText);
  for (const auto& worker : workers_) {
    worker->EndTargets(engine::CloseCode::kShuttingDown, engine::kAgentStoppedText);
  }
}

bool Agent::WorkersAreIdle() const {
  return std::ranges::all_of(workers_, [](const auto& worker) { return worker->idle(); });
}

// HasLiveSessions is true while clients wait for this link when it is lost: of sessions here, or of
// those that a predecessor has.
bool Agent::HasLiveSessions() const {
  return sessions_.count() > 0 || succession_.has_predecessor();
}

bool Agent::HasSessions() const {
  return targets_.count() > 0 || sessions_.count() > 0 || !WorkersAreIdle();
}

// StopOn takes the next step once the one before is done: sessions, a predecessor's, what the relay
// is to know of their end, links, and what watches.
void Agent::StopOn() {
  if (HasSessions() && !stop_overdue_) return;
  if (succession_.has_predecessor() && stop_op_.in_flight()) return;
  const bool is_heard =
      link_ != nullptr ? link_->up() : succession_.has_succeeded() && stop_op_.in_flight();
  if (is_heard && sessions_.outbox().size() > 0) return;
  if (link_ != nullptr) return link_->CloseAfterOutput();
  if (!succession_.is_flushed() && stop_op_.in_flight()) return;
  succession_.Close();
  if (service_keys_ != nullptr) service_keys_->Close();
  driver_.loop().Cancel(stop_op_);
  signals_.Close();
  programs_->Close();
}

void Agent::OnStopDeadline(engine::Fired) {
  if (stopped() || signals_.closed()) return;
  stop_overdue_ = targets_.count() > 0 || !WorkersAreIdle();
  sessions_.Close();
  if (link_ != nullptr && !link_->down()) link_->Close();
}

bool Agent::stopped() const {
  return stopping_ && link_ == nullptr && !HasSessions() && succession_.closed() &&
         (service_keys_ == nullptr || service_keys_->joined()) && signals_.closed() &&
         programs_->closed() && !retry_op_.in_flight() && !renewal_op_.in_flight() &&
         !news_op_.in_flight() && !stop_op_.in_flight() && !succession_op_.in_flight();
}

}  // namespace agent
