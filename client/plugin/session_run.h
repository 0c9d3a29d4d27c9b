// One session: joins channel, user and signals, from the ticket to the exit code.

#pragma once

#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "client/credentials.h"
#include "client/exit_code.h"
#include "client/plugin/channel_keeper.h"
#include "client/plugin/channel_session.h"
#include "client/plugin/key_service.h"
#include "client/plugin/loop_wait.h"
#include "client/plugin/native_attempts.h"
#include "client/plugin/plugin_arguments.h"
#include "client/plugin/session_api.h"
#include "client/plugin/session_restart.h"
#include "client/plugin/session_user.h"
#include "engine/net/loop_driver.h"
#include "engine/platform/signal_source.h"
#include "engine/tls/tls_context.h"

namespace client {

// SessionRunOptions are what the environment says.
struct SessionRunOptions {
  std::string bind;  // Where ports are opened, instead of the loopback addresses.
  absl::StatusOr<Credentials> credentials;
  absl::StatusOr<engine::SecureUrl> key_service;
  // How it goes over Adit's own protocol if the other side speaks that.
  std::optional<NativePlan> native;
};

class SessionRun final : private ChannelSession::Events,
                         private ChannelKeeper::Events,
                         private NativePort::Events,
                         private SessionRestart::Events,
                         private SessionUser::Events,
                         private engine::SignalSource::Events {
 public:
  // The references outlive it.
  SessionRun(engine::LoopDriver& driver, const engine::TlsContext& context,
             engine::SignalSource& signals, const PluginStart& start, SessionRunOptions options);
  ~SessionRun();

  // Run returns what an honest exit code would be.
  int Run();

 private:
  void OnSessionKind(const SessionKind& kind) override;
  bool OnSessionData(engine::datachannel::PayloadType type, engine::ByteView bytes) override;
  void OnSessionRoom() override;
  void OnSessionKeyWanted(const std::string& key_id, const std::string& challenge) override;
  void OnSessionClosed(const engine::datachannel::ChannelClosed& closed) override;
  void OnSessionBroken(const std::string& why) override;
  void OnTimedOut() override;
  void OnKeeperFailed(const std::string& why) override;
  void OnNativeUnavailable() override { keeper_.StartWith(ticket_); }
  void OnNativeOver(End end, const std::string& why) override;
  void OnNativeText(const std::string& text) override;
  void OnRestarted(const SessionTicket& ticket) override;
  void OnRestartFailed(const std::string& why) override;
  void OnUserEnded(const UserEnd& end) override;
  void OnUserText(const std::string& text) override;
  void OnSignal(int number) override;

  void StartChannel();
  void Conclude(std::string text, int exit_code);
  // Finish says what is to be said here and there, and awaits everything in flight.
  void Finish();
  void SayLastText();
  void TellMachine();
  void TellService();

  engine::LoopDriver& driver_;
  LoopWait wait_;
  engine::SignalSource& signals_;
  SessionTicket ticket_;
  std::string session_id_;
  const std::string node_label_;
  const std::string bind_;
  EndpointApi api_;
  KeyService keys_;
  ChannelSession session_;
  ChannelKeeper keeper_;
  SessionRestart restart_;
  std::optional<NativeAttempts> natives_;
  std::unique_ptr<SessionUser> user_;
  bool is_over_ = false;
  bool is_ended_there_ = false;  // The service knows, or cannot be told.
  bool has_reason_ = false;      // The service said why.
  bool takes_flag_ = false;      // The machine ends its session when we say so.
  bool is_user_over_ = false;    // Nobody waits for what was not printed yet.
  int signal_ = 0;
  int exit_code_ = kOwnFailure;
  std::string last_text_;
};

}  // namespace client
