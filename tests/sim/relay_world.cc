#include "tests/sim/relay_world.h"

#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "engine/base/log.h"
#include "engine/base/random.h"
#include "engine/net/loop_driver.h"
#include "engine/sim/sim_loop.h"
#include "relay/switchboard/switchboard.h"
#include "tests/sim/asking_client.h"
#include "tests/sim/echo_agent.h"
#include "tests/sim/link_control.h"
#include "tests/support/tls_credentials.h"

namespace sim {
namespace {

constexpr uint16_t kBlockCount = 2048;
constexpr uint32_t kBlockSize = 32 * 1024;
// Virtual time: slow links move a few MB at 100 kB/s, and a broken link is noticed after 15 s.
constexpr engine::Duration kRunMax = std::chrono::minutes(10);

// Credentials are made once: keys cost more than a run.
struct Credentials {
  engine::test::TestAuthority authority;
  std::unique_ptr<engine::TlsContext> server, agent, client;

  Credentials() {
    using engine::test::Must;
    engine::TlsServerOptions server_options;
    server_options.identity = authority.ServerIdentity();
    server_options.client_authority_pem = authority.Pem();
    server_options.protocols = {"adit/1", "http/1.1"};
    server_options.clock = engine::test::TestClock();
    server = Must(engine::TlsContext::Server(server_options));
    engine::TlsClientOptions options;
    options.trust = engine::TlsTrust::Authority(authority.Pem());
    options.protocols = {"adit/1"};
    options.clock = engine::test::TestClock();
    client = Must(engine::TlsContext::Client(options));
    options.identity = authority.ClientIdentity(kLinkNode);
    agent = Must(engine::TlsContext::Client(options));
  }
};

const Credentials& SharedCredentials() {
  static const Credentials credentials;
  return credentials;
}

relay::SessionGrant Grant() {
  relay::SessionGrant grant;
  grant.session_id = "admin-1";
  grant.node_id = kLinkNode;
  grant.principal = "arn:aws:iam::000000000000:user/admin";
  grant.token_sha256 = engine::crypto::Sha256(engine::AsBytes("token"));
  grant.plan = {.kind = engine::SessionKind::kTcp, .host = "db", .port = 5432};
  return grant;
}

// Tell says once of each stream that it is over, for a trace.
void Tell(const AskingClient& client, std::vector<bool>& told) {
  told.resize(client.questions.size());
  for (size_t i = 0; i < told.size(); ++i) {
    const auto& question = client.questions[i];
    if (told[i] || !question->over) continue;
    told[i] = true;
    engine::log::Write(engine::log::Level::kInfo, "stream_over",
                       {{"number", uint64_t{i}},
                        {"received", question->received()},
                        {"whole", question->whole ? "yes" : "no"},
                        {"text", question->end_text}});
  }
}

}  // namespace

WorldResult RunWorld(uint64_t seed, LogWatch& log) {
  engine::Random random(seed);
  const Credentials& credentials = SharedCredentials();
  const engine::sim::Faults faults = engine::sim::Faults::Swarm(seed);
  engine::LoopDriver driver(
      std::make_unique<engine::sim::SimLoop>(seed, faults, kBlockCount, kBlockSize));
  engine::Loop& loop = driver.loop();
  LinkControl control;
  relay::Switchboard::Options options;
  options.locate = [](const std::string&) { return std::nullopt; };
  relay::Switchboard switchboard(options, driver, *credentials.server, control);
  engine::Address address;
  CHECK(engine::Address::Parse(kLinkRelay, kLinkPort, address));
  const engine::Opened listener = loop.Listen(address, 64);
  CHECK(listener.error == engine::IoError::kNone);
  switchboard.Listen(listener.socket, [&](relay::Greeting greeting) {
    switchboard.Adopt(greeting.socket, std::move(greeting.first_bytes));
  });

  WorldResult result;
  EchoAgent agent(driver, *credentials.agent);
  AskingClient client(driver, *credentials.client, random);
  agent.Dial();
  bool client_dialed = false;
  const engine::Instant start = loop.Now();
  Witness unasked;  // What the log says is for a trace alone.
  std::vector<bool> told;
  const auto run = [&](const std::function<bool()>& done) {
    while (!done()) {
      if (loop.Now() - start > kRunMax) return false;
      driver.RunOnce(std::chrono::milliseconds(100));
      control.RunTasks();
      log.Poll(unasked, loop.Now());
      if (std::exchange(agent.wants_dial, false)) {
        engine::log::Write(engine::log::Level::kInfo, "agent_dials_again");
        agent.Dial();
      }
      Tell(client, told);
      if (client.connected()) {
        for (const auto& question : client.questions) {
          if (question->is_dry()) question->Fill();
        }
      }
    }
    return true;
  };

  const bool admitted = run([&] { return control.admissions > 0; });
  if (admitted) {
    switchboard.Prepare(Grant());
    engine::log::Write(engine::log::Level::kInfo, "client_dials");
    client.Dial();
    client_dialed = true;
  }
  const bool answered = admitted && run([&] {
                          if (client.is_over) return true;
                          for (const auto& question : client.questions) {
                            if (!question->over) return false;
                          }
                          return true;
                        });
  agent.Hang();
  client.Hang();
  switchboard.Stop(std::chrono::seconds(5));
  const bool stopped = run([&] {
    return switchboard.stopped() && agent.gone() && client.gone() && loop.in_flight_count() == 0;
  });

  const auto blame = [&result](bool wrong, std::string text) {
    if (wrong && result.problem.empty()) result.problem = std::move(text);
  };
  blame(!admitted, "the agent was never admitted");
  blame(!answered, "a stream neither ended nor went on");
  blame(!stopped, "the shutdown did not end: " + std::to_string(loop.in_flight_count()) +
                      " ops are in flight; the relay " +
                      (switchboard.stopped() ? "stopped" : "did not stop") + ", the agent " +
                      (agent.gone() ? "is gone" : "is there") + ", the client " +
                      (client.gone() ? "is gone" : "is there"));
  blame(!agent.failure().empty(), "the agent's link failed: " + agent.failure());
  blame(!client.failure().empty(), "the client's link failed: " + client.failure());
  blame(control.streams_open != 0, "a stream's end was not reported");
  blame(control.joined != control.ended, "a session's end was not reported");
  for (const auto& question : client.questions) {
    blame(!question->problem.empty(), question->problem);
    blame(client_dialed && !question->over && !client.is_over, "a stream was left open");
    result.echoed_bytes += question->received();
    blame(faults.reset == 0 && faults.refuse == 0 && !question->whole,
          "a stream ended early although no connection broke: " + question->end_text);
    question->whole ? ++result.streams_whole : ++result.streams_ended;
  }
  blame(stopped && loop.buffers().free_count() != kBlockCount, "a block was not given back");
  result.redials = agent.redials;
  if (!stopped) {  // Destroying ops in flight would only hide the first finding.
    std::fprintf(stderr, "seed %llu: %s\n", static_cast<unsigned long long>(seed),
                 result.problem.c_str());
    std::abort();
  }
  return result;
}

}  // namespace sim
