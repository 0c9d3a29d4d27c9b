#include "client/plugin/session_run.h"

#include <unistd.h>

#include <csignal>
#include <utility>

#include "client/plugin/plugin_text.h"
#include "client/plugin/user_choice.h"
#include "client/say.h"
#include "engine/crypto/random_bytes.h"
#include "engine/datachannel/agent_version.h"
#include "engine/platform/wall_clock.h"

namespace client {

using engine::datachannel::ChannelClosed;
using engine::datachannel::PayloadType;
using engine::datachannel::SessionFlag;

namespace {

// How long the other side may take to hear our last word.
constexpr engine::Duration kGoodbyeMax = std::chrono::seconds(2);
// How long what was sent before may take to arrive.
constexpr engine::Duration kDrainMax = std::chrono::seconds(60);

}  // namespace

SessionRun::SessionRun(engine::LoopDriver& driver, const engine::TlsContext& context,
                       engine::SignalSource& signals, const PluginStart& start,
                       SessionRunOptions options)
    : driver_(driver),
      wait_(driver),
      signals_(signals),
      ticket_(start.ticket),
      session_id_(start.ticket.session_id),
      node_label_(start.request.target),
      bind_(std::move(options.bind)),
      api_(driver, context,
           {.url = start.endpoint, .region = start.region, .session_id = session_id_},
           options.credentials, UnixNow),
      keys_(driver, context, std::move(options.key_service), start.region,
            std::move(options.credentials), UnixNow),
      session_(driver.loop(), engine::UnixNowMs, engine::crypto::RandomNumber(),
               static_cast<ChannelSession::Events&>(*this)),
      keeper_(driver, context, start.ticket, api_, session_, engine::crypto::RandomNumber(),
              static_cast<ChannelKeeper::Events&>(*this)),
      restart_(driver.loop(), api_, start.request_json, engine::crypto::RandomNumber(),
               static_cast<SessionRestart::Events&>(*this)) {
  if (!options.native.has_value()) return;
  natives_.emplace(driver, context, ticket_.stream.server, *std::move(options.native),
                   static_cast<NativePort::Events&>(*this));
}

SessionRun::~SessionRun() = default;

int SessionRun::Run() {
  PrintTo(STDOUT_FILENO, StartText(session_id_));
  signals_.Start(driver_.loop(), *this);
  StartChannel();
  wait_.Until([this] { return is_over_; });
  // What came before the end is printed before it.
  if (user_ != nullptr) {
    wait_.For(user_->patience(), [this] { return user_->idle() || is_user_over_; });
  }
  Finish();
  return exit_code_;
}

void SessionRun::StartChannel() {
  if (!natives_.has_value()) return keeper_.StartWith(ticket_);
  natives_->Start(ticket_);
}

// -------------------------------------------------------------- the data channel

void SessionRun::OnSessionKind(const SessionKind& kind) {
  if (!kind.customer_message.empty()) {
    PrintTo(STDOUT_FILENO, PrintableLines(kind.customer_message) + "\n");
  }
  engine::Loop& loop = driver_.loop();
  auto user = MakeUser(kind, loop, session_,
                       {.session_id = session_id_,
                        .bind = bind_,
                        .local_port = natives_ ? natives_->local_port() : uint16_t{0},
                        .in = loop.Adopt(STDIN_FILENO),
                        .out = loop.Adopt(STDOUT_FILENO),
                        .terminal = STDIN_FILENO},
                       static_cast<SessionUser::Events&>(*this));
  if (!user.ok()) return Conclude(CannotText(TextOf(user.status())), kOwnFailure);
  user_ = *std::move(user);
  takes_flag_ = kind.type == engine::datachannel::kSessionPort &&
                engine::datachannel::TakesTerminateFlag(kind.agent_version);
}

bool SessionRun::OnSessionData(PayloadType type, engine::ByteView bytes) {
  return user_ == nullptr || user_->TakeData(type, bytes);
}

void SessionRun::OnSessionRoom() {
  if (user_ != nullptr) user_->OnRoom();
}

void SessionRun::OnSessionKeyWanted(const std::string& key_id, const std::string& challenge) {
  keys_.Generate(
      {.key_id = key_id, .session_id = session_id_, .target = node_label_, .challenge = challenge},
      [this](const absl::StatusOr<DataKey>& key) { session_.ProvideKey(key); });
}

void SessionRun::OnSessionClosed(const ChannelClosed& closed) {
  is_ended_there_ = true;
  has_reason_ = !closed.output.empty();
  int exit_code = 0;
  if (closed.exit_status.has_value()) {
    exit_code = ExitCodeOf(
        {.status = static_cast<uint8_t>(*closed.exit_status), .signal = closed.exit_signal});
  }
  Conclude(ClosedText(session_id_, closed.output), exit_code);
}

void SessionRun::OnSessionBroken(const std::string& why) { Conclude(CannotText(why), kOwnFailure); }

void SessionRun::OnTimedOut() {
  is_ended_there_ = true;
  Conclude(TimedOutText(session_id_), 0);
}

// The service may still be there when its data channel is not.
void SessionRun::OnKeeperFailed(const std::string& why) { Conclude(CannotText(why), kOwnFailure); }

// ------------------------------------------------------------ Adit's own protocol

void SessionRun::OnNativeOver(End end, const std::string& why) {
  switch (end) {
    case End::kCannotListen:
    case End::kRefused:
      return Conclude(CannotText(why), kOwnFailure);
    case End::kEnded:
      is_ended_there_ = true;
      return Conclude(ClosedText(session_id_, why), 0);
    case End::kCut:
      return restart_.Begin();
  }
}

void SessionRun::OnNativeText(const std::string& text) { PrintTo(STDOUT_FILENO, text); }

void SessionRun::OnRestarted(const SessionTicket& ticket) {
  ticket_ = ticket;
  session_id_ = ticket.session_id;
  api_.set_session_id(session_id_);
  PrintTo(STDOUT_FILENO, StartText(session_id_));
  StartChannel();
}

void SessionRun::OnRestartFailed(const std::string& why) {
  is_ended_there_ = true;
  Conclude(CannotText(why), kOwnFailure);
}

// ------------------------------------------------------------- the user, and us

void SessionRun::OnUserEnded(const UserEnd& end) {
  is_user_over_ = true;
  if (end.kind == UserEnd::Kind::kFailed) return Conclude(CannotText(end.text), kOwnFailure);
  Conclude(ClosedText(session_id_, ""), 0);
}

void SessionRun::OnUserText(const std::string& text) { PrintTo(STDOUT_FILENO, text); }

void SessionRun::OnSignal(int number) {
  if (user_ != nullptr && !is_over_ && user_->TakeSignal(number)) return;
  if (number == SIGWINCH || number == SIGCONT) return;
  if (std::exchange(signal_, number) != 0) {  // It was asked for twice: no more patience.
    if (user_ != nullptr) user_->Stop();
    engine::DieBySignal(number);
  }
  is_user_over_ = true;
  Conclude(std::string(kTerminatedText) + ClosedText(session_id_, ""), 128 + number);
}

void SessionRun::Conclude(std::string text, int exit_code) {
  if (std::exchange(is_over_, true)) return;
  last_text_ = std::move(text);
  exit_code_ = exit_code;
  if (exit_code == 0 && user_ != nullptr) exit_code_ = user_->exit_code().value_or(0);
}

// ------------------------------------------------------------------- the end

void SessionRun::Finish() {
  if (user_ != nullptr) user_->Stop();  // The terminal is its owner's again.
  SayLastText();
  if (!is_ended_there_ && takes_flag_) TellMachine();
  session_.Stop();
  keeper_.Stop(ChannelKeeper::Manner::kInOrder);
  restart_.Stop();
  if (natives_.has_value()) natives_->Stop();
  const auto joined = [this] {
    return keeper_.joined() && restart_.joined() && (!natives_.has_value() || natives_->joined());
  };
  if (!wait_.For(kGoodbyeMax, joined)) {
    keeper_.Stop(ChannelKeeper::Manner::kAtOnce);
    if (natives_.has_value()) natives_->Abort();
    wait_.Until(joined);
  }
  if (!is_ended_there_) TellService();
  signals_.Stop();
  api_.Close();
  keys_.Close();
  if (natives_.has_value()) natives_->Close();
  wait_.Until([this] {
    return session_.joined() && api_.joined() && keys_.joined() && signals_.joined() &&
           (user_ == nullptr || user_->joined()) && (!natives_.has_value() || natives_->gone());
  });
}

void SessionRun::SayLastText() {
  const bool has_stdout = user_ != nullptr && user_->has_stdout();
  if (!has_stdout) {
    PrintTo(STDOUT_FILENO, last_text_);
  } else if (has_reason_ || exit_code_ == kOwnFailure) {
    PrintTo(STDERR_FILENO, last_text_);
  }
}

// TellMachine says, behind everything else, that nobody comes back.
void SessionRun::TellMachine() {
  const engine::Duration patience = signal_ == 0 ? kDrainMax : kGoodbyeMax;
  const auto is_cut = [this] { return is_ended_there_ || !session_.attached(); };
  wait_.For(patience, [&] { return is_cut() || session_.HasRoom(); });
  if (is_cut() || !session_.HasRoom()) return;
  session_.Send(PayloadType::kFlag, Encode(SessionFlag::kTerminateSession));
  wait_.For(patience, [&] { return is_cut() || session_.drained(); });
  is_ended_there_ = is_ended_there_ || session_.drained();
}

void SessionRun::TellService() {
  bool is_told = false;
  api_.Terminate([&](const absl::Status&) { is_told = true; });
  if (wait_.For(kGoodbyeMax, [&] { return is_told; })) return;
  api_.Cancel();
  wait_.Until([&] { return is_told; });
}

}  // namespace client
