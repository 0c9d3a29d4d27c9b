// Goal: sealed sessions outlive the agent's link to the relay, and what happened in them is told on
// the next one; a signal to stop ends them with a reason inside, and the relay hears of it first.
// Method: the whole agent, a relay that joins and a client on one loop of the kernel, on loopback.

#include "agent/agent.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <memory>
#include <string>

#include "engine/net/loop_driver.h"
#include "engine/platform/create_loop.h"
#include "tests/support/temporary_folder.h"
#include "tests/unit/agent/joining_relay.h"
#include "tests/unit/agent/lane_client.h"

namespace agent {
namespace {

using engine::CloseCode;
using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::HasSubstr;

constexpr char kSession[] = "admin-1";
constexpr char kHost[] = "127.0.0.1";

// Port is a program behind the node that takes one connection and reads and writes when it is told.
class Port {
 public:
  Port() : listener_(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    EXPECT_EQ(::bind(listener_, reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(::listen(listener_, 8), 0);
    EXPECT_EQ(::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size), 0);
    number = ntohs(address.sin_port);
  }
  ~Port() {
    ::close(listener_);
    if (connection_ >= 0) ::close(connection_);
  }

  // Echo sends back what came; true once anything did.
  bool Echo() {
    if (connection_ < 0) connection_ = ::accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK);
    std::array<char, 4096> bytes;
    const ssize_t size = connection_ < 0 ? -1 : ::recv(connection_, bytes.data(), bytes.size(), 0);
    return size > 0 && ::send(connection_, bytes.data(), static_cast<size_t>(size), 0) == size;
  }

  uint16_t number = 0;

 private:
  const int listener_;
  int connection_ = -1;
};

class AgentTest : public ::testing::Test {
 public:
  static void SetUpTestSuite() { engine::SignalReceiver::Block({SIGCHLD, SIGTERM, SIGINT}); }

 protected:
  AgentTest() {
    engine::LoopOptions loop_options;
    loop_options.block_count = 2048;
    driver_ = std::make_unique<engine::LoopDriver>(*engine::CreateLoop(loop_options));
    relay_ = std::make_unique<JoiningRelay>(*driver_, *SharedTrust().relay_context, kHost, 0);
    NodeState state;
    state.relay = {kHost, relay_->port()};
    state.node_id = TestTrust::kNode;
    state.name = "web-1";
    state.private_key_pem = SharedTrust().node.private_key_pem;
    state.certificate_pem = SharedTrust().node.certificate_chain_pem;
    state.authority_pem = SharedTrust().authority_pem;
    state.identity_seed = engine::crypto::IdentityKey::Generate().seed_text();
    AgentOptions options;
    options.state_folder = folder_.path();
    options.version = "test";
    options.uid = ::geteuid();
    options.workers = 1;
    options.worker_loop = {.block_count = 2048, .is_logged = false};
    auto agent = Agent::Create(*driver_, std::move(state), std::move(options));
    EXPECT_TRUE(agent.ok()) << agent.status();
    agent_ = *std::move(agent);
    agent_->Start();
  }

  ~AgentTest() override {
    if (client_ != nullptr && !client_->over()) client_->Cut();
    if (!agent_->stopped()) Stop();
    EXPECT_TRUE(Run([&] {
      return agent_->stopped() && (client_ == nullptr || client_->over()) && relay_->Stop() &&
             driver_->loop().in_flight_count() == 0;
    }));
  }

  // Run goes on until `done`, for a while that is far longer than anything here takes.
  template <class Done>
  bool Run(Done done) {
    const engine::Instant end = driver_->loop().Now() + seconds(30);
    while (!done()) {
      if (driver_->loop().Now() >= end) return false;
      agent_->Step(milliseconds(20));
    }
    return true;
  }
  bool RunUntilLinked() {
    return Run([&] { return relay_->agent != nullptr && relay_->agent->hello.has_value(); });
  }
  static void Stop() { EXPECT_EQ(::raise(SIGTERM), 0); }

  // Meet makes a session of `cat` and its client's first lane.
  void Meet() {
    engine::SessionOffer offer;
    if (::geteuid() == 0) offer.run_as = "nobody";
    offer.kind = "exec";
    offer.command = "cat";
    Meet(std::move(offer));
  }
  // The same of a forward to `port`.
  void Meet(const Port& port) {
    engine::SessionOffer offer;
    offer.kind = "tcp";
    offer.host = kHost;
    offer.port = port.number;
    Meet(std::move(offer));
  }
  void Meet(engine::SessionOffer offer) {
    ASSERT_TRUE(RunUntilLinked());
    relay_->Expect("node", "client");
    offer.session_id = kSession;
    offer.principal = "arn:alice";
    offer.client_key = client_key_.hex();
    offer.join_token = "node";
    relay_->agent->Send(offer);
    const engine::SessionAnswer* answer = nullptr;
    ASSERT_TRUE(Run([&] {
      answer = relay_->agent->Find<engine::SessionAnswer>(kSession);
      return answer != nullptr;
    }));
    ASSERT_EQ(answer->error, "");
    engine::Hello hello;
    hello.role = "client";
    hello.session_id = kSession;
    client_ = std::make_unique<LaneClient>(*driver_, engine::HostPort{kHost, relay_->port()},
                                           "client", client_key_.Inner(answer->session_key), hello);
    ASSERT_TRUE(Run([&] { return client_->up() || client_->over(); }));
    ASSERT_TRUE(client_->up());
  }
  PeerStream& Cat() {
    engine::ExecRequest request;
    request.arguments = {"cat"};
    return client_->Open(request);
  }

  TemporaryFolder folder_;
  ClientKey client_key_;
  std::unique_ptr<engine::LoopDriver> driver_;
  std::unique_ptr<JoiningRelay> relay_;
  std::unique_ptr<LaneClient> client_;
  std::unique_ptr<Agent> agent_;
};

TEST_F(AgentTest, ItSaysThatItKnowsSealedSessions) {
  ASSERT_TRUE(RunUntilLinked());
  EXPECT_THAT(relay_->agent->hello->features,
              ::testing::Contains(std::string(engine::kFeatureSealed)));
  EXPECT_EQ(relay_->agent->hello->role, "agent");
  EXPECT_EQ(relay_->agent->hello->node_name, "web-1");
}

TEST_F(AgentTest, AForwardRunsOnAThreadOfItsOwnAndIsReportedWhole) {
  Port port;
  ASSERT_NO_FATAL_FAILURE(Meet(port));
  PeerStream& stream = client_->Tcp(kHost, port.number);
  stream.Send("word");
  ASSERT_TRUE(Run([&] { return port.Echo(); })) << stream.reason;
  ASSERT_TRUE(Run([&] { return stream.output == "word"; }));
  relay_->agent->Send(engine::SessionStop{kSession, "enough"});
  ASSERT_TRUE(Run([&] { return relay_->agent->Find<engine::SessionOver>(kSession) != nullptr; }));
  EXPECT_EQ(relay_->agent->Find<engine::SessionOver>(kSession)->reason, "enough");
  ASSERT_TRUE(Run([&] { return client_->over(); }));
  const auto* news = relay_->agent->Find<engine::StreamNews>(kSession);
  ASSERT_NE(news, nullptr);
  EXPECT_EQ(news->what, "tcp 127.0.0.1:" + std::to_string(port.number));
}

TEST_F(AgentTest, AStreamIsReportedWhileItIsOpen) {
  Port port;
  ASSERT_NO_FATAL_FAILURE(Meet(port));
  PeerStream& stream = client_->Tcp(kHost, port.number);
  EXPECT_TRUE(Run([&] { return relay_->agent->Find<engine::StreamNews>(kSession) != nullptr; }));
  EXPECT_FALSE(stream.over());
}

TEST_F(AgentTest, LanesOutliveTheLinkAndTheNextOneHearsWhatHappened) {
  ASSERT_NO_FATAL_FAILURE(Meet());
  PeerStream& stream = Cat();
  stream.Send("one ");
  ASSERT_TRUE(Run([&] { return stream.output == "one "; })) << stream.reason;
  relay_->CutAgent();
  ASSERT_TRUE(Run([&] { return relay_->agent == nullptr; }));
  stream.Send("two ");
  ASSERT_TRUE(Run([&] { return stream.output == "one two "; }));
  stream.Send("", true);
  ASSERT_TRUE(Run([&] { return stream.over(); }));
  EXPECT_EQ(stream.closed, CloseCode::kNormal) << stream.reason;
  client_->Leave();
  ASSERT_TRUE(RunUntilLinked()) << "it dials again";
  ASSERT_TRUE(Run([&] { return relay_->agent->Find<engine::SessionOver>(kSession) != nullptr; }));
  // That it was opened comes before it, if the link was cut before it was told.
  const engine::StreamNews* news = nullptr;
  for (const engine::ControlMessage& message : relay_->agent->messages) {
    const auto* one = std::get_if<engine::StreamNews>(&message);
    if (one != nullptr && one->is_closed) news = one;
  }
  ASSERT_NE(news, nullptr);
  EXPECT_EQ(news->outcome, "normal");
  EXPECT_EQ(news->to_node_bytes, 8u);
  EXPECT_EQ(news->from_node_bytes, 8u);
  EXPECT_EQ(relay_->agent->Find<engine::SessionAnswer>(kSession), nullptr) << "nobody waits for it";
}

TEST_F(AgentTest, ASignalEndsSessionsWithAReasonAndTheRelayHearsOfItBeforeTheLinkEnds) {
  ASSERT_NO_FATAL_FAILURE(Meet());
  PeerStream& stream = Cat();
  stream.Send("one");
  ASSERT_TRUE(Run([&] { return stream.output == "one"; })) << stream.reason;
  Stop();
  bool was_told = false, stream_was_told = false;
  ASSERT_TRUE(Run([&] {
    if (relay_->agent != nullptr) {
      was_told = was_told || relay_->agent->Find<engine::SessionOver>(kSession) != nullptr;
      for (const engine::ControlMessage& message : relay_->agent->messages) {
        const auto* news = std::get_if<engine::StreamNews>(&message);
        stream_was_told = stream_was_told || (news != nullptr && news->is_closed);
      }
    }
    return agent_->stopped() && client_->over();
  }));
  EXPECT_TRUE(was_told);
  EXPECT_TRUE(stream_was_told);
  EXPECT_EQ(client_->goaway, CloseCode::kShuttingDown);
  EXPECT_THAT(client_->goaway_text, HasSubstr("stopped"));
  EXPECT_TRUE(stream.over());
}

TEST_F(AgentTest, ASignalWithoutALinkEndsSessionsAllTheSame) {
  ASSERT_NO_FATAL_FAILURE(Meet());
  relay_->CutAgent();
  ASSERT_TRUE(Run([&] { return relay_->agent == nullptr; }));
  Stop();
  ASSERT_TRUE(Run([&] { return agent_->stopped() && client_->over(); }));
  EXPECT_EQ(client_->goaway, CloseCode::kShuttingDown);
}

TEST_F(AgentTest, ASignalBeforeTheFirstLinkEndsItAtOnce) {
  Stop();
  EXPECT_TRUE(Run([&] { return agent_->stopped(); }));
}

}  // namespace
}  // namespace agent
