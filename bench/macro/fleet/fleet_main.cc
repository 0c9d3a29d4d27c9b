// `fleet enroll ...` and `fleet agents ...`; bench/macro/fleet/run puts them together.

#include <csignal>
#include <string>

#include "CLI/CLI.hpp"
#include "bench/macro/fleet/fleet_crowd.h"
#include "bench/macro/fleet/fleet_enroll.h"
#include "bench/macro/fleet/fleet_roll.h"
#include "engine/base/log.h"
#include "engine/platform/create_loop.h"

namespace {

// What is under way at once: dials and keepalives, not agents.
constexpr uint16_t kBlocks = 8 * 1024;

[[noreturn]] void RunCrowd(const fleet::CrowdOptions& options) {
  std::signal(SIGPIPE, SIG_IGN);
  engine::log::SetLevel(engine::log::Level::kWarning);
  const auto io = engine::LoopIoFrom("");
  if (!io.ok()) fleet::Die(std::string(io.status().message()));
  engine::LoopOptions loop_options;
  loop_options.io = *io;
  loop_options.block_count = kBlocks;
  auto loop = engine::CreateLoop(loop_options);
  if (!loop.ok()) fleet::Die(std::string(loop.status().message()));
  engine::LoopDriver driver(*std::move(loop));
  fleet::Crowd(driver, options).Run();
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"Many agents against one relay: see bench/macro/fleet/README.md", "fleet"};
  app.require_subcommand(1);

  fleet::EnrollOptions enroll_options;
  CLI::App* enroll = app.add_subcommand("enroll", "Make nodes known to a relay that does not run");
  enroll->add_option("--state", enroll_options.state_directory, "The relay's state")->required();
  enroll->add_option("--roll", enroll_options.roll, "File to write the identities to")->required();
  enroll->add_option("--agents", enroll_options.count, "How many")->required();
  enroll->add_option("--port", enroll_options.port, "Where the relay will listen")->required();

  fleet::CrowdOptions crowd_options;
  CLI::App* agents = app.add_subcommand("agents", "Be agents until standard input ends");
  agents->add_option("--roll", crowd_options.roll, "File of the identities")->required();
  agents->add_option("--first", crowd_options.first, "Which of the roll's agents is the first");
  agents->add_option("--count", crowd_options.count, "How many from there on")->required();
  agents->add_option("--port", crowd_options.port, "The relay's port")->required();
  agents->add_option("--addresses", crowd_options.address_count, "Dial 127.0.0.1 to 127.0.0.N");
  agents->add_option("--arriving", crowd_options.arriving_max, "Dials under way at first");
  agents->add_option("--returning", crowd_options.returning_max, "Dials under way later");

  CLI11_PARSE(app, argc, argv);
  if (*enroll) {
    fleet::Enroll(enroll_options);
    return 0;
  }
  RunCrowd(crowd_options);
}
