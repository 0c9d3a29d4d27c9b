// `calls prepare ...` and `calls run ...`; bench/macro/calls/run puts them together.

#include <csignal>
#include <cstdio>
#include <deque>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "bench/macro/calls/calls_caller.h"
#include "bench/macro/calls/calls_prepare.h"
#include "bench/macro/fleet/fleet_roll.h"
#include "bench/macro/loadgen/percentiles.h"
#include "engine/base/log.h"
#include "engine/platform/create_loop.h"

namespace {

struct RunOptions {
  std::string roll;
  std::string keys;
  calls::Wish wish;
  size_t connections = 64;
  uint64_t sessions = 0;
  double seconds = 0;
};

constexpr uint64_t kNoEnd = UINT64_MAX;

std::vector<engine::AwsCredentials> ReadKeys(const std::string& path) {
  std::vector<engine::AwsCredentials> keys;
  std::ifstream file(path);
  for (std::string id, secret; file >> id >> secret;) keys.push_back({id, secret, {}});
  if (keys.empty()) fleet::Die("no keys in " + path);
  return keys;
}

void Run(const RunOptions& options) {
  std::signal(SIGPIPE, SIG_IGN);
  engine::log::SetLevel(engine::log::Level::kWarning);
  engine::LoopOptions loop_options;
  loop_options.io = *engine::LoopIoFrom("");
  auto loop = engine::CreateLoop(loop_options);
  if (!loop.ok()) fleet::Die(std::string(loop.status().message()));
  engine::LoopDriver driver(*std::move(loop));
  engine::TlsClientOptions tls;
  tls.trust = engine::TlsTrust::Authority(std::string(fleet::Roll(options.roll).authority_pem()));
  tls.protocols = {"http/1.1"};
  const auto context = engine::TlsContext::Client(tls);
  if (!context.ok()) fleet::Die(std::string(context.status().message()));

  const std::vector<engine::AwsCredentials> keys = ReadKeys(options.keys);
  calls::Tally tally;
  uint64_t left = options.sessions == 0 ? kNoEnd : options.sessions;
  std::deque<calls::Caller> callers;
  const engine::Instant begin = driver.loop().Now();
  for (size_t i = 0; i < options.connections; ++i) {
    callers.emplace_back(driver, **context, options.wish, keys[i % keys.size()], left, tally);
    callers.back().Dial();
  }
  const engine::Instant end = options.seconds > 0
                                  ? begin + std::chrono::duration_cast<engine::Duration>(
                                                std::chrono::duration<double>(options.seconds))
                                  : engine::Instant::max();
  const auto is_idle = [](const calls::Caller& caller) { return caller.is_idle(); };
  while (!std::ranges::all_of(callers, is_idle)) {
    driver.RunOnce(std::chrono::milliseconds(50));
    if (driver.loop().Now() < end) continue;
    for (calls::Caller& caller : callers) caller.Stop();
  }
  const double seconds = std::chrono::duration<double>(driver.loop().Now() - begin).count();
  std::printf("{\"seconds\":%.3f,\"started\":%lu,\"ended\":%lu,\"refused\":%lu,\"why\":%s,%s}\n",
              seconds, tally.started, tally.ended, tally.refused,
              nlohmann::json(tally.first_refusal).dump().c_str(),
              loadgen::PercentilesJson(tally.start_durations_ns).c_str());
  std::fflush(stdout);
  std::_Exit(0);  // The kernel closes the connections at once.
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"Signed calls to a relay: see bench/macro/calls/README.md", "calls"};
  app.require_subcommand(1);

  calls::PrepareOptions prepare_options;
  CLI::App* prepare = app.add_subcommand("prepare", "Users and policies for a relay at rest");
  prepare->add_option("--state", prepare_options.state_directory, "The relay's state")->required();
  prepare->add_option("--port", prepare_options.port, "Where it will listen")->required();
  prepare->add_option("--keys", prepare_options.keys, "File to write the keys to")->required();
  prepare->add_option("--users", prepare_options.user_count, "How many")->required();
  prepare->add_option("--statements", prepare_options.statement_count, "Of each")->required();

  RunOptions options;
  bool keeps = false;
  CLI::App* run = app.add_subcommand("run", "Start sessions, and end them");
  run->add_option("--roll", options.roll, "File with the relay's authority")->required();
  run->add_option("--keys", options.keys, "File of prepare")->required();
  run->add_option("--port", options.wish.port, "The relay's")->required();
  run->add_option("--node", options.wish.node_id, "On which node")->required();
  run->add_option("--document", options.wish.document, "Under which document");
  run->add_option("--parameters", options.wish.parameters, "JSON of its parameters");
  run->add_option("--connections", options.connections, "How many call at once");
  run->add_option("--sessions", options.sessions, "How many are started in all; 0: no end");
  run->add_option("--seconds", options.seconds, "When to stop; 0: at the last session");
  run->add_flag("--keep", keeps, "Do not end the sessions");

  CLI11_PARSE(app, argc, argv);
  if (*prepare) {
    calls::Prepare(prepare_options);
    return 0;
  }
  options.wish.host = "127.0.0.1";
  options.wish.ends_sessions = !keeps;
  Run(options);
}
