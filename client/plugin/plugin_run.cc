#include "client/plugin/plugin_run.h"

#include <unistd.h>

#include <csignal>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "client/credentials.h"
#include "client/exit_code.h"
#include "client/memory_plan.h"
#include "client/plugin/channel_keeper.h"
#include "client/plugin/channel_session.h"
#include "client/plugin/plugin_access.h"
#include "client/plugin/plugin_text.h"
#include "client/plugin/session_api.h"
#include "client/plugin/shell_user.h"
#include "client/say.h"
#include "client/signal_source.h"
#include "engine/crypto/random_bytes.h"
#include "engine/net/loop_driver.h"
#include "engine/platform/create_loop.h"
#include "engine/platform/wall_clock.h"
#include "engine/tls/tls_context.h"

namespace client {
namespace {

using engine::datachannel::ChannelClosed;
using engine::datachannel::PayloadType;

// How long the other side may take to hear our last word.
constexpr engine::Duration kGoodbyeMax = std::chrono::seconds(2);
constexpr engine::Duration kWaitMax = std::chrono::seconds(1);

uint64_t NewSeed() {
  uint64_t seed = 0;
  engine::crypto::FillRandom(std::as_writable_bytes(std::span(&seed, 1)));
  return seed;
}

// PluginRun joins channel, user and signals.
class PluginRun final : private ChannelSession::Events,
                        private ChannelKeeper::Events,
                        private SessionUser::Events,
                        private SignalSource::Events {
 public:
  PluginRun(engine::LoopDriver& driver, const engine::TlsContext& context, SignalSource& signals,
            const PluginStart& start, absl::StatusOr<Credentials> credentials)
      : driver_(driver),
        signals_(signals),
        session_id_(start.ticket.session_id),
        api_(driver, context,
             {.url = start.endpoint, .region = start.region, .session_id = session_id_},
             std::move(credentials), UnixNow),
        session_(driver.loop(), engine::UnixNowMs, NewSeed(),
                 static_cast<ChannelSession::Events&>(*this)),
        keeper_(driver, context, start.ticket, api_, session_, NewSeed(),
                static_cast<ChannelKeeper::Events&>(*this)) {}

  // Run returns what an honest exit code would be.
  int Run() {
    PrintTo(STDOUT_FILENO, StartText(session_id_));
    signals_.Start(driver_.loop(), *this);
    keeper_.Start();
    // What came before the end is printed before it, however slow its reader is.
    RunUntil([this] { return is_over_ && (user_ == nullptr || user_->idle() || is_user_over_); });
    Finish();
    return exit_code_;
  }

 private:
  void OnSessionKind(const SessionKind& kind) override {
    if (!kind.customer_message.empty()) {
      PrintTo(STDOUT_FILENO, PrintableLines(kind.customer_message) + "\n");
    }
    if (kind.type == engine::datachannel::kSessionPort) {
      return End(CannotText("ports are not forwarded yet"), kOwnFailure);
    }
    engine::Loop& loop = driver_.loop();
    const bool is_pipe = kind.type == engine::datachannel::kSessionNonInteractive;
    auto shell = std::make_unique<ShellUser>(
        loop, session_, loop.Adopt(STDIN_FILENO), loop.Adopt(STDOUT_FILENO), STDIN_FILENO,
        is_pipe ? ShellUser::FarSide::kPipe : ShellUser::FarSide::kTerminal,
        static_cast<SessionUser::Events&>(*this));
    shell_ = shell.get();
    user_ = std::move(shell);
  }

  bool OnSessionData(PayloadType type, engine::ByteView bytes) override {
    return user_ == nullptr || user_->TakeData(type, bytes);
  }

  void OnSessionRoom() override {
    if (user_ != nullptr) user_->OnRoom();
  }

  void OnSessionClosed(const ChannelClosed& closed) override {
    is_ended_there_ = true;
    End(ClosedText(session_id_, closed.output), 0);
  }

  void OnSessionBroken(const std::string& why) override { End(CannotText(why), kOwnFailure); }

  void OnTimedOut() override {
    is_ended_there_ = true;
    End(TimedOutText(session_id_), 0);
  }

  void OnKeeperFailed(const std::string& why) override {
    is_ended_there_ = true;  // There is no way to end it.
    End(CannotText(why), kOwnFailure);
  }

  void OnUserEnded(const UserEnd& end) override {
    is_user_over_ = true;
    if (end.kind == UserEnd::Kind::kFailed) return End(CannotText(end.text), kOwnFailure);
    End(ClosedText(session_id_, ""), 0);
  }

  void OnUserText(const std::string& text) override { PrintTo(STDOUT_FILENO, text); }

  void OnSignal(int number) override {
    if (user_ != nullptr && !is_over_ && user_->TakeSignal(number)) return;
    if (number == SIGWINCH || number == SIGCONT) return;
    if (std::exchange(signal_, number) != 0) {  // It was asked for twice: no more patience.
      user_.reset();
      DieBySignal(number);
    }
    is_user_over_ = true;
    End(std::string(kTerminatedText) + ClosedText(session_id_, ""), 128 + number);
  }

  void End(std::string text, int exit_code) {
    if (std::exchange(is_over_, true)) return;
    last_text_ = std::move(text);
    exit_code_ = exit_code;
    if (exit_code == 0 && shell_ != nullptr) exit_code_ = shell_->exit_code().value_or(0);
  }

  // Finish says what is to be said here and there, and awaits everything in flight.
  void Finish() {
    if (user_ != nullptr) user_->Stop();  // The terminal is its owner's again.
    PrintTo(STDOUT_FILENO, last_text_);
    if (!is_ended_there_) EndThere();
    session_.Stop();
    keeper_.Stop(ChannelKeeper::Manner::kInOrder);
    signals_.Stop();
    api_.Close();
    const auto joined = [this] {
      return keeper_.joined() && session_.joined() && api_.joined() && signals_.joined() &&
             (user_ == nullptr || user_->joined());
    };
    if (RunFor(kGoodbyeMax, joined)) return;
    keeper_.Stop(ChannelKeeper::Manner::kAtOnce);
    api_.Cancel();
    RunUntil(joined);
  }

  // EndThere tells the service that nobody comes back.
  void EndThere() {
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
  const std::string session_id_;
  EndpointApi api_;
  ChannelSession session_;
  ChannelKeeper keeper_;
  std::unique_ptr<SessionUser> user_;
  const ShellUser* shell_ = nullptr;  // user_, if it is one.
  bool is_over_ = false;
  bool is_ended_there_ = false;  // The service knows, or cannot be told.
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
  const auto context = engine::TlsContext::Client(
      {.trust = TrustOf(environment, config), .identity = std::nullopt, .protocols = {}});
  if (!context.ok()) return Fail(context.status());
  const auto io = engine::LoopIoFrom("");
  if (!io.ok()) return Fail(io.status());
  auto loop = engine::CreateLoop(
      {.io = *io, .block_count = kPoolBlocks, .block_size = kPoolBlockSize, .is_logged = false});
  if (!loop.ok()) return Fail(loop.status());
  engine::LoopDriver driver(*std::move(loop));
  return PluginRun(driver, **context, signals, start,
                   FindCredentials(environment, start.profile, config))
      .Run();
}

}  // namespace

int RunPlugin(const PluginStart& start, const Environment& environment) {
  const int exit_code = RunHonestly(start, environment);
  return environment("ADIT_PLUGIN_EXIT_CODE").value_or("") == "1" ? exit_code : 0;
}

}  // namespace client
