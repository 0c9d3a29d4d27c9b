#include <unistd.h>

#include <csignal>
#include <string>
#include <vector>

#include "client/environment.h"
#include "client/plugin/plugin_arguments.h"
#include "client/plugin/plugin_run.h"
#include "client/plugin/plugin_text.h"
#include "engine/base/log.h"

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);  // A closed pipe is an error of one write, not the end of us.
  engine::log::SetLevel(engine::log::Level::kWarning);
  const client::Environment environment = client::ProcessEnvironment();
  const client::PluginTask task =
      client::ReadPluginArguments({argv + (argc > 0 ? 1 : 0), argv + argc}, environment);
  if (const auto* reply = std::get_if<client::PluginReply>(&task)) {
    client::PrintTo(STDOUT_FILENO, reply->text);
    return reply->exit_code;
  }
  return client::RunPlugin(std::get<client::PluginStart>(task), environment);
}
