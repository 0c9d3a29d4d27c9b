#include "client/plugin/plugin_run.h"

#include <unistd.h>

#include <csignal>
#include <optional>
#include <utility>

#include "client/credentials.h"
#include "client/exit_code.h"
#include "client/memory_plan.h"
#include "client/plugin/key_service.h"
#include "client/plugin/native_wish.h"
#include "client/plugin/plugin_access.h"
#include "client/plugin/plugin_text.h"
#include "client/plugin/session_run.h"
#include "client/say.h"
#include "engine/net/loop_driver.h"
#include "engine/platform/create_loop.h"
#include "engine/platform/signal_source.h"
#include "engine/platform/turns.h"
#include "engine/tls/tls_context.h"

namespace client {
namespace {

int Fail(const absl::Status& status) {
  PrintTo(STDOUT_FILENO, CannotText(TextOf(status)));
  return kOwnFailure;
}

int RunHonestly(const PluginStart& start, const Environment& environment) {
  // Before anything that starts threads.
  engine::SignalSource signals({SIGINT, SIGQUIT, SIGTERM, SIGHUP, SIGWINCH, SIGCONT},
                               engine::SignalSource::Ignored::kTaken);
  const ClientConfig config = ConfigOf(environment, start.endpoint.server);
  const PluginTrust trust = TrustOf(environment, config);
  const auto context = engine::TlsContext::Client(
      {.trust = trust.ForTls(), .identity = std::nullopt, .protocols = {}});
  if (!context.ok()) return Fail(context.status());
  const auto io = engine::LoopIoFrom("");
  if (!io.ok()) return Fail(io.status());
  const auto patience = PatienceFrom(environment);
  if (!patience.ok()) return Fail(patience.status());
  const engine::LoopOptions loop_options{
      .io = *io, .block_count = kPoolBlocks, .block_size = kPoolBlockSize, .is_logged = false};
  auto loop = engine::CreateLoop(loop_options);
  if (!loop.ok()) return Fail(loop.status());
  engine::TakeShortTurns();
  engine::LoopDriver driver(*std::move(loop));
  driver.network().Start();
  absl::StatusOr<Credentials> credentials = FindCredentials(environment, start.profile, config);
  if (credentials.ok()) {
    credentials =
        EnterRole(driver, **context, start.endpoint, environment, *std::move(credentials));
  }
  std::optional<NativePlan> native;
  if (std::optional<ForwardSpec> spec = NativeWishOf(start, environment)) {
    native = NativePlan{.spec = *std::move(spec),
                        .trust = trust,
                        .target = start.request.target,
                        .credentials = credentials.ok() ? *credentials : Credentials{},
                        .config_folder = ConfigFolder(environment),
                        .patience_max = *patience,
                        .worker_options = loop_options};
  }
  SessionRun run(driver, **context, signals, start,
                 {.bind = environment("ADIT_PLUGIN_BIND").value_or(""),
                  .credentials = std::move(credentials),
                  .key_service = KeyServiceOf(environment, start.endpoint, start.region),
                  .native = std::move(native)});
  return run.Run();
}

}  // namespace

int RunPlugin(const PluginStart& start, const Environment& environment) {
  const int exit_code = RunHonestly(start, environment);
  return environment("ADIT_PLUGIN_EXIT_CODE").value_or("") == "1" ? exit_code : 0;
}

}  // namespace client
