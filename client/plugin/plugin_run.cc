#include "client/plugin/plugin_run.h"

#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "client/credentials.h"
#include "client/exit_code.h"
#include "client/memory_plan.h"
#include "client/plugin/channel_keeper.h"
#include "client/plugin/channel_session.h"
#include "client/plugin/native_port.h"
#include "client/plugin/native_wish.h"
#include "client/plugin/plugin_access.h"
#include "client/plugin/plugin_text.h"
#include "client/plugin/session_api.h"
#include "client/plugin/session_restart.h"
#include "client/plugin/user_choice.h"
#include "client/say.h"
#include "client/signal_source.h"
#include "engine/crypto/random_bytes.h"
#include "engine/datachannel/agent_version.h"
#include "engine/net/loop_driver.h"
#include "engine/platform/create_loop.h"
#include "engine/platform/wall_clock.h"
#include "engine/tls/tls_context.h"

namespace client {
namespace {

using engine::datachannel::ChannelClosed;
using engine::datachannel::PayloadType;
using engine::datachannel::SessionFlag;

// How long the other side may take to hear our last word.
constexpr engine::Duration kGoodbyeMax = std::chrono::seconds(2);
// How long what was sent before may take to arrive.
constexpr engine::Duration kDrainMax = std::chrono::seconds(60);
constexpr engine::Duration kWaitMax = std::chrono::seconds(1);

// PluginRun joins channel, user and signals.
class PluginRun final : private ChannelSession::Events,
                        private ChannelKeeper::Events,
                        private NativePort::Events,
                        private SessionRestart::Events,
                        private SessionUser::Events,
                        private SignalSource::Events {
 public:
  PluginRun(engine::LoopDriver& driver, const engine::TlsContext& context, SignalSource& signals,
            const PluginStart& start, std::string bind, absl::StatusOr<Credentials> credentials)
      : driver_(driver),
        signals_(signals),
        ticket_(start.ticket),
        session_id_(start.ticket.session_id),
        node_label_(start.request.target),
        bind_(std::move(bind)),
        api_(driver, context,
             {.url = start.endpoint, .region = start.region, .session_id = session_id_},
             std::move(credentials), UnixNow),
        session_(driver.loop(), engine::UnixNowMs, engine::crypto::RandomNumber(),
                 static_cast<ChannelSession::Events&>(*this)),
        keeper_(driver, context, start.ticket, api_, session_, engine::crypto::RandomNumber(),
                static_cast<ChannelKeeper::Events&>(*this)),
        restart_(driver.loop(), api_, start.request_json, engine::crypto::RandomNumber(),
                 static_cast<SessionRestart::Events&>(*this)) {}

  // TryNative goes over Adit's own protocol if the other side speaks it.
  void TryNative(ForwardSpec spec, PluginTrust trust) {
    native_spec_ = std::move(spec);
    trust_ = std::move(trust);
  }

  // Run returns what an honest exit code would be.
  int Run() {
    PrintTo(STDOUT_FILENO, StartText(session_id_));
    signals_.Start(driver_.loop(), *this);
    StartChannel();
    RunUntil([this] { return is_over_; });
    // What came before the end is printed before it.
    if (user_ != nullptr) {
      RunFor(user_->patience(), [this] { return user_->idle() || is_user_over_; });
    }
    Finish();
    return exit_code_;
  }

 private:
  void OnSessionKind(const SessionKind& kind) override {
    if (!kind.customer_message.empty()) {
      PrintTo(STDOUT_FILENO, PrintableLines(kind.customer_message) + "\n");
    }
    engine::Loop& loop = driver_.loop();
    auto user = MakeUser(kind, loop, session_,
                         {.session_id = session_id_,
                          .bind = bind_,
                          .local_port = native_spec_ ? native_spec_->local_port : uint16_t{0},
                          .in = loop.Adopt(STDIN_FILENO),
                          .out = loop.Adopt(STDOUT_FILENO),
                          .terminal = STDIN_FILENO},
                         static_cast<SessionUser::Events&>(*this));
    if (!user.ok()) return Conclude(CannotText(TextOf(user.status())), kOwnFailure);
    user_ = *std::move(user);
    takes_flag_ = kind.type == engine::datachannel::kSessionPort &&
                  engine::datachannel::TakesTerminateFlag(kind.agent_version);
  }

  bool OnSessionData(PayloadType type, engine::ByteView bytes) override {
    return user_ == nullptr || user_->TakeData(type, bytes);
  }

  void OnSessionRoom() override {
    if (user_ != nullptr) user_->OnRoom();
  }

  void OnSessionClosed(const ChannelClosed& closed) override {
    is_ended_there_ = true;
    has_reason_ = !closed.output.empty();
    Conclude(ClosedText(session_id_, closed.output), 0);
  }

  void OnSessionBroken(const std::string& why) override { Conclude(CannotText(why), kOwnFailure); }

  void OnTimedOut() override {
    is_ended_there_ = true;
    Conclude(TimedOutText(session_id_), 0);
  }

  void OnKeeperFailed(const std::string& why) override {
    is_ended_there_ = true;  // There is no way to end it.
    Conclude(CannotText(why), kOwnFailure);
  }

  void OnNativeUnavailable() override { keeper_.StartWith(ticket_); }

  void OnNativeOver(End end, const std::string& why) override {
    switch (end) {
      case End::kCannotListen:
        return Conclude(CannotText(why), kOwnFailure);
      case End::kEnded:
        is_ended_there_ = true;
        return Conclude(ClosedText(session_id_, why), 0);
      case End::kCut:
        return restart_.Begin();
    }
  }

  void OnRestarted(const SessionTicket& ticket) override {
    ticket_ = ticket;
    session_id_ = ticket.session_id;
    api_.set_session_id(session_id_);
    PrintTo(STDOUT_FILENO, StartText(session_id_));
    // The port that was taken is kept.
    if (native_spec_->local_port == 0) native_spec_->local_port = natives_.back()->local_port();
    StartChannel();
  }

  void OnRestartFailed(const std::string& why) override {
    is_ended_there_ = true;
    Conclude(CannotText(why), kOwnFailure);
  }

  void OnNativeText(const std::string& text) override { PrintTo(STDOUT_FILENO, text); }

  void OnUserEnded(const UserEnd& end) override {
    is_user_over_ = true;
    if (end.kind == UserEnd::Kind::kFailed) return Conclude(CannotText(end.text), kOwnFailure);
    Conclude(ClosedText(session_id_, ""), 0);
  }

  void OnUserText(const std::string& text) override { PrintTo(STDOUT_FILENO, text); }

  void OnSignal(int number) override {
    if (user_ != nullptr && !is_over_ && user_->TakeSignal(number)) return;
    if (number == SIGWINCH || number == SIGCONT) return;
    if (std::exchange(signal_, number) != 0) {  // It was asked for twice: no more patience.
      if (user_ != nullptr) user_->Stop();
      DieBySignal(number);
    }
    is_user_over_ = true;
    Conclude(std::string(kTerminatedText) + ClosedText(session_id_, ""), 128 + number);
  }

  void StartChannel() {
    if (!native_spec_.has_value()) return keeper_.StartWith(ticket_);
    std::erase_if(natives_, [](const auto& native) { return native->joined(); });
    natives_.push_back(
        std::make_unique<NativePort>(driver_,
                                     LinkTarget{.relay = ticket_.stream.server,
                                                .ca_pem = trust_.authority_pem,
                                                .ca_files = trust_.lists,
                                                .node_label = node_label_,
                                                .session_id = session_id_,
                                                .ticket = {.token = ticket_.token, .loop = 0},
                                                .node_context = nullptr,
                                                .wrapped = false,
                                                .clock = {},
                                                .options = {}},
                                     *native_spec_, static_cast<NativePort::Events&>(*this)));
    natives_.back()->Start();
  }

  bool NativesJoined() const {
    return std::ranges::all_of(natives_, [](const auto& native) { return native->joined(); });
  }

  void Conclude(std::string text, int exit_code) {
    if (std::exchange(is_over_, true)) return;
    last_text_ = std::move(text);
    exit_code_ = exit_code;
    if (exit_code == 0 && user_ != nullptr) exit_code_ = user_->exit_code().value_or(0);
  }

  // Finish says what is to be said here and there, and awaits everything in flight.
  void Finish() {
    if (user_ != nullptr) user_->Stop();  // The terminal is its owner's again.
    const bool has_stdout = user_ != nullptr && user_->has_stdout();
    if (!has_stdout) {
      PrintTo(STDOUT_FILENO, last_text_);
    } else if (has_reason_ || exit_code_ == kOwnFailure) {
      PrintTo(STDERR_FILENO, last_text_);
    }
    if (!is_ended_there_ && takes_flag_) TellMachine();
    session_.Stop();
    keeper_.Stop(ChannelKeeper::Manner::kInOrder);
    restart_.Stop();
    for (const auto& native : natives_) native->Stop();
    const auto joined = [this] { return keeper_.joined() && restart_.joined() && NativesJoined(); };
    if (!RunFor(kGoodbyeMax, joined)) {
      keeper_.Stop(ChannelKeeper::Manner::kAtOnce);
      for (const auto& native : natives_) native->Abort();
      RunUntil(joined);
    }
    if (!is_ended_there_) TellService();
    signals_.Stop();
    api_.Close();
    RunUntil([this] {
      return session_.joined() && api_.joined() && signals_.joined() &&
             (user_ == nullptr || user_->joined());
    });
  }

  // TellMachine says, behind everything else, that nobody comes back.
  void TellMachine() {
    const engine::Duration patience = signal_ == 0 ? kDrainMax : kGoodbyeMax;
    const auto is_cut = [this] { return is_ended_there_ || !session_.attached(); };
    RunFor(patience, [&] { return is_cut() || session_.HasRoom(); });
    if (is_cut() || !session_.HasRoom()) return;
    session_.Send(PayloadType::kFlag, Encode(SessionFlag::kTerminateSession));
    RunFor(patience, [&] { return is_cut() || session_.drained(); });
    is_ended_there_ = is_ended_there_ || session_.drained();
  }

  void TellService() {
    bool is_told = false;
    api_.Terminate([&](const absl::Status&) { is_told = true; });
    if (RunFor(kGoodbyeMax, [&] { return is_told; })) return;
    api_.Cancel();
    RunUntil([&] { return is_told; });
  }

  void RunUntil(const std::function<bool()>& done) {
    while (!done()) driver_.RunOnce(kWaitMax);
  }
  bool RunFor(engine::Duration limit, const std::function<bool()>& done) {
    const engine::Instant end = driver_.loop().Now() + limit;
    while (!done()) {
      const engine::Instant now = driver_.loop().Now();
      if (now >= end) return false;
      driver_.RunOnce(end - now);
    }
    return true;
  }

  engine::LoopDriver& driver_;
  SignalSource& signals_;
  SessionTicket ticket_;
  std::string session_id_;
  const std::string node_label_;
  const std::string bind_;
  std::optional<ForwardSpec> native_spec_;  // Where the session may go natively.
  PluginTrust trust_;
  EndpointApi api_;
  ChannelSession session_;
  ChannelKeeper keeper_;
  SessionRestart restart_;
  std::unique_ptr<SessionUser> user_;
  std::vector<std::unique_ptr<NativePort>> natives_;  // The last one is the session's.
  bool is_over_ = false;
  bool is_ended_there_ = false;  // The service knows, or cannot be told.
  bool has_reason_ = false;      // The service said why.
  bool takes_flag_ = false;      // The machine ends its session when we say so.
  bool is_user_over_ = false;    // Nobody waits for what was not printed yet.
  int signal_ = 0;
  int exit_code_ = kOwnFailure;
  std::string last_text_;
};

int Fail(const absl::Status& status) {
  PrintTo(STDOUT_FILENO, CannotText(TextOf(status)));
  return kOwnFailure;
}

int RunHonestly(const PluginStart& start, const Environment& environment) {
  // Before anything that starts threads.
  SignalSource signals({SIGINT, SIGQUIT, SIGTERM, SIGHUP, SIGWINCH, SIGCONT});
  const ClientConfig config = ConfigOf(environment, start.endpoint.server);
  const PluginTrust trust = TrustOf(environment, config);
  const auto context = engine::TlsContext::Client(
      {.trust = trust.ForTls(), .identity = std::nullopt, .protocols = {}});
  if (!context.ok()) return Fail(context.status());
  const auto io = engine::LoopIoFrom("");
  if (!io.ok()) return Fail(io.status());
  auto loop = engine::CreateLoop(
      {.io = *io, .block_count = kPoolBlocks, .block_size = kPoolBlockSize, .is_logged = false});
  if (!loop.ok()) return Fail(loop.status());
  engine::LoopDriver driver(*std::move(loop));
  absl::StatusOr<Credentials> credentials = FindCredentials(environment, start.profile, config);
  if (credentials.ok()) {
    credentials =
        EnterRole(driver, **context, start.endpoint, environment, *std::move(credentials));
  }
  PluginRun run(driver, **context, signals, start, environment("ADIT_PLUGIN_BIND").value_or(""),
                std::move(credentials));
  if (std::optional<ForwardSpec> spec = NativeWishOf(start, environment)) {
    run.TryNative(*std::move(spec), trust);
  }
  return run.Run();
}

}  // namespace

int RunPlugin(const PluginStart& start, const Environment& environment) {
  const int exit_code = RunHonestly(start, environment);
  return environment("ADIT_PLUGIN_EXIT_CODE").value_or("") == "1" ? exit_code : 0;
}

}  // namespace client
