// Goal: a port session goes over Adit's own protocol where it can, leaves the ticket as it was
// where it cannot, and says what the plugin says. Method: a relay of the test's own on the
// simulated network, and a local client.

#include "client/plugin/native_port.h"

#include <gtest/gtest.h>

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "client/memory_plan.h"
#include "client/plugin/native_wish.h"
#include "client/plugin/session_response.h"
#include "engine/sim/sim_loop.h"
#include "tests/unit/client/fake_relay.h"
#include "tests/unit/client/stream_peer.h"

namespace client {
namespace {

using engine::sim::SimLoop;

// NoLanes has no lane but the first.
class NoLanes final : public LaneSource {
 public:
  void AskForLane(const std::string&, Done) override { ADD_FAILURE() << "a lane was asked for"; }
  void AskToRejoin(const std::string&, uint32_t, Done done) override { rejoins.push_back(done); }
  void HurryLanes(const std::string&) override {}

  std::vector<Done> rejoins;
};

class NativePortTest : public testing::Test, private NativePort::Events {
 protected:
  NativePortTest() {
    auto loop = std::make_unique<SimLoop>(1, engine::sim::Faults(), 2048, 32768);
    loop_ = loop.get();
    driver_ = std::make_unique<engine::LoopDriver>(std::move(loop));
    relay_ = std::make_unique<FakeRelay>(*driver_);
  }
  void Start() { Start(relay_->Inspected()); }
  void Start(LinkTarget target) {
    loops_ = std::make_unique<LaneLoops>(*driver_);
    port_ = std::make_unique<NativePort>(
        NativePort::Surroundings{.loops = *loops_,
                                 .lanes = lanes_,
                                 .reserve = reserve_,
                                 .events = static_cast<NativePort::Events&>(*this)},
        std::move(target), ForwardSpec{.local_port = 8080, .port = 80});
    port_->Start();
  }
  void TearDown() override {
    if (peer_ != nullptr) peer_->Close();
    if (port_ != nullptr) port_->Stop();
    EXPECT_TRUE(Run([this] { return port_ == nullptr || port_->joined(); }));
    port_.reset();
    loops_.reset();
    EXPECT_TRUE(Run([this] { return relay_->Stop(); }));
    EXPECT_TRUE(Run([this] { return loop_->in_flight_count() == 0; }));
    relay_.reset();
    EXPECT_EQ(loop_->buffers().free_count(), loop_->buffers().block_count());
  }
  template <class Done>
  bool Run(Done done) {
    const engine::Instant begin = loop_->Now();
    while (!done()) {
      if (loop_->Now() - begin > std::chrono::minutes(3)) return false;
      driver_->RunOnce(std::chrono::milliseconds(50));
      relay_->Step();
    }
    return true;
  }
  void Connect() {
    engine::Address address;
    ASSERT_TRUE(engine::Address::Parse("127.0.0.1", port_->local_port(), address));
    socket_ = loop_->OpenStream(AF_INET).socket;
    loop_->Connect(connect_op_, socket_, address);
    ASSERT_TRUE(Run([this] { return !connect_op_.in_flight(); }));
    peer_ = std::make_unique<StreamPeer>(*loop_, socket_);
    peer_->Read();
  }

  void OnNativeUnavailable() override { unavailable_ = true; }
  void OnNativeOver(End end, const std::string& why) override {
    over_ = end;
    why_ = why;
  }
  void OnNativeText(const std::string& text) override { text_ += text; }
  void OnConnected(engine::Connected) {}

  SimLoop* loop_;
  std::unique_ptr<engine::LoopDriver> driver_;
  std::unique_ptr<FakeRelay> relay_;
  NoLanes lanes_;
  engine::WindowReserve reserve_{kWindowsReserve, kWindowsReserveParts};
  std::unique_ptr<LaneLoops> loops_;
  std::unique_ptr<NativePort> port_;
  engine::Socket socket_;
  engine::ConnectOp connect_op_{
      engine::Handler<engine::Connected>::To<&NativePortTest::OnConnected>(this)};
  std::unique_ptr<StreamPeer> peer_;
  bool unavailable_ = false;
  std::optional<NativePort::Events::End> over_;
  std::string why_;
  std::string text_;
};

TEST_F(NativePortTest, AConnectionIsAStreamAndTheWordsAreThePlugins) {
  Start();
  ASSERT_TRUE(Run([this] { return !text_.empty(); }));
  const std::string session = relay_->Inspected().session_id;
  EXPECT_EQ(text_, "Port 8080 opened for sessionId " + session + ".\nWaiting for connections...\n");
  Connect();
  peer_->Type("hello");
  EXPECT_TRUE(Run([this] { return peer_->read == "hello"; }));
  EXPECT_NE(text_.find("Connection accepted for session [" + session + "]"), std::string::npos);
  const auto* request = std::get_if<engine::TcpRequest>(&relay_->stream(0, 0).request);
  ASSERT_NE(request, nullptr);
  EXPECT_EQ(request->host, "localhost");
  EXPECT_EQ(request->port, 80);
}

TEST_F(NativePortTest, ARelayThatIsNotOursLeavesEverythingAsItWas) {
  LinkTarget target = relay_->Inspected();
  target.ca_pem = engine::test::TestAuthority("Another").Pem();
  Start(std::move(target));
  EXPECT_TRUE(Run([this] { return unavailable_; }));
  EXPECT_EQ(text_, "");
  EXPECT_FALSE(over_.has_value());
  EXPECT_TRUE(Run([this] { return port_->joined(); }));
}

TEST_F(NativePortTest, ALinkThatIsCutIsToldFromASessionThatEnded) {
  Start();
  ASSERT_TRUE(Run([this] { return !text_.empty(); }));
  EXPECT_EQ(port_->local_port(), 8080);
  relay_->Cut(0);
  EXPECT_TRUE(Run([this] { return over_.has_value() && port_->joined(); }));
  EXPECT_EQ(*over_, NativePort::Events::End::kCut);
}

TEST_F(NativePortTest, ASealedOneGoesToTheNodeItselfInTheSameWords) {
  Start(relay_->Sealed());
  ASSERT_TRUE(Run([this] { return !text_.empty(); }));
  EXPECT_TRUE(port_->sealed());
  EXPECT_TRUE(port_->opened());
  Connect();
  peer_->Type("hello");
  EXPECT_TRUE(Run([this] { return peer_->read == "hello"; }));
  EXPECT_EQ(relay_->seen(0).protocol, "adit-join/1");
}

TEST_F(NativePortTest, ASealedOneThatDoesNotGetThroughIsOverAndNotInspectedInstead) {
  relay_->manners = {FakeRelay::Manner::kOtherKey};
  Start(relay_->Sealed());
  ASSERT_TRUE(Run([this] { return over_.has_value(); }));
  EXPECT_EQ(*over_, NativePort::Events::End::kCut) << why_;
  EXPECT_FALSE(unavailable_);
  EXPECT_FALSE(port_->opened());
  EXPECT_EQ(text_, "");
}

PluginStart StartOf(const std::string& document, std::map<std::string, std::string> parameters,
                    const std::string& url = "wss://relay.example.com/x") {
  PluginStart start;
  start.ticket.stream = *engine::ParseSecureUrl("wss", url);
  start.request = {.target = "mi-1", .document = document, .parameters = std::move(parameters)};
  return start;
}

std::string Wish(const PluginStart& start, std::map<std::string, std::string> variables = {}) {
  const auto spec = NativeWishOf(start, [&](const char* name) -> std::optional<std::string> {
    const auto found = variables.find(name);
    if (found == variables.end()) return std::nullopt;
    return found->second;
  });
  if (!spec.has_value()) return "no";
  return spec->bind + "|" + std::to_string(spec->local_port) + "|" + spec->socket_path + "|" +
         spec->host + ":" + std::to_string(spec->port);
}

TEST(NativeWishTest, OnlyPortsOfFixedDocumentsGoNativelyAndNeverToAws) {
  const std::string port = "AWS-StartPortForwardingSession";
  EXPECT_EQ(Wish(StartOf(port, {})), "|0||localhost:80");
  EXPECT_EQ(Wish(StartOf(port, {{"portNumber", "22"}, {"localPortNumber", "99"}, {"host", "x"}})),
            "|99||localhost:22");
  EXPECT_EQ(Wish(StartOf(port + "ToRemoteHost", {{"host", "db"}, {"portNumber", "5432"}}),
                 {{"ADIT_PLUGIN_BIND", "*"}}),
            "*|0||db:5432");
  EXPECT_EQ(Wish(StartOf(port + "ToSocket", {{"localUnixSocket", "/tmp/x"}})),
            "|0|/tmp/x|localhost:80");
  EXPECT_EQ(Wish(StartOf(port, {{"portNumber", "0"}})), "no");
  EXPECT_EQ(Wish(StartOf(port, {}), {{"ADIT_PLUGIN_NATIVE", "0"}}), "no");
  EXPECT_EQ(Wish(StartOf(port, {}, "wss://ssmmessages.eu-west-1.amazonaws.com/x")), "no");
  EXPECT_EQ(Wish(StartOf("", {})), "no");
  EXPECT_EQ(Wish(StartOf("Own-Port", {})), "no");
}

}  // namespace
}  // namespace client
