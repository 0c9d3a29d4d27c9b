// Goal: a port session through the plugin gives each local connection every byte and its own end,
// over whatever the connection to the service does, and says what scripts wait for. Method: local
// clients on the simulated loop, and a FakeMachine whose target says everything back.

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <string>

#include "client/plugin/basic_port_user.h"
#include "client/plugin/mux_port_user.h"
#include "client/plugin/stdio_user.h"
#include "client/plugin/user_choice.h"
#include "client/say.h"
#include "engine/datachannel/smux_session.h"
#include "engine/wire/host_port.h"
#include "tests/unit/plugin/plugin_world.h"

namespace client {
namespace {

using engine::datachannel::HandshakeRequest;
using engine::datachannel::PayloadType;
using engine::datachannel::PortProperties;
using engine::datachannel::SessionFlag;
using engine::datachannel::SmuxSession;
using engine::sim::Faults;

std::string Noise(size_t size) {
  engine::Random random(size);
  std::string bytes(size, '\0');
  for (char& byte : bytes) byte = static_cast<char>(random.Next());
  return bytes;
}

HandshakeRequest Port(const PortProperties& properties, const std::string& version = "3.3.987.0") {
  return {.agent_version = version, .session_type = "Port", .properties = properties};
}

PluginWorld::MakeUser Chosen() {
  return [](PluginWorld& world, const SessionKind& kind, SessionUser::Events& events) {
    auto user = MakeUser(kind, world.loop(), world.session,
                         {.session_id = "s", .bind = "", .in = world.ours[0], .out = world.ours[1]},
                         events);
    if (!user.ok()) {
      world.failed = TextOf(user.status());
      return std::unique_ptr<SessionUser>();
    }
    return *std::move(user);
  };
}

// Target is the machine's end of a multiplexed session: it says everything back.
class Target final : private SmuxSession::Handler {
 public:
  explicit Target(FakeMachine& machine) : machine_(machine) {
    machine.on_bytes = [this](engine::ByteView bytes) { EXPECT_TRUE(smux.Receive(bytes)); };
  }
  ~Target() override {
    machine_.on_bytes = [](engine::ByteView) {};
  }
  void Step() {
    std::array<std::byte, 1024> bytes;
    while (smux.HasOutput()) {
      const size_t size = smux.Gather(bytes);
      machine_.Say(PayloadType::kOutput,
                   std::string(engine::AsText(engine::ByteView(bytes).first(size))));
    }
  }
  size_t opened_count = 0;
  bool refuses = false;
  SmuxSession smux{SmuxSession::Side::kMachine, {}, *this};

 private:
  void OnOpened(uint32_t id) override {
    ++opened_count;
    if (!refuses) return;
    machine_.Say(PayloadType::kFlag,
                 std::string(engine::AsText(Encode(SessionFlag::kConnectToPortError))));
    smux.Abort(id);
  }
  size_t OnData(uint32_t id, engine::ByteView bytes) override { return smux.Write(id, bytes); }
  void OnFinished(uint32_t id) override { smux.Finish(id); }
  void OnRoom(uint32_t id) override { smux.Resume(id); }

  FakeMachine& machine_;
};

// LocalClient connects to a local port of the plugin's.
class LocalClient {
 public:
  LocalClient(engine::sim::SimLoop& loop, const std::string& local)
      : loop_(loop),
        socket_(loop.OpenStream(AF_INET).socket),
        connect_op_(engine::Handler<engine::Connected>::To<&LocalClient::OnConnected>(this)) {
    const auto where = *engine::ParseHostPort(local);
    engine::Address address;
    EXPECT_TRUE(engine::Address::Parse(where.host, where.port, address));
    loop.Connect(connect_op_, socket_, address);
  }
  bool connected() const { return peer != nullptr; }
  std::unique_ptr<StreamPeer> peer;

 private:
  void OnConnected(engine::Connected outcome) {
    EXPECT_EQ(outcome.error, engine::IoError::kNone);
    peer = std::make_unique<StreamPeer>(loop_, socket_);
  }
  engine::sim::SimLoop& loop_;
  engine::Socket socket_;
  engine::ConnectOp connect_op_;
};

std::string LocalOf(PluginWorld& world) {
  return static_cast<MuxPortUser&>(*world.user).LocalText();
}

void CloseAll(PluginWorld& world, std::deque<LocalClient>& clients) {
  for (LocalClient& client : clients) client.peer->Close();
  EXPECT_TRUE(world.Run([&] {
    return std::ranges::all_of(clients, [](const auto& client) { return client.peer->idle(); });
  }));
}

TEST(MuxPortUserTest, EachOfManyConnectionsHasItsBytesAndItsEndOnEverySeed) {
  for (uint64_t seed = 1; seed <= 8 && !testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE(seed);
    PluginWorld world(seed, Chosen(), Faults::SwarmThatLasts(seed));
    Target target(world.machine);
    std::deque<LocalClient> clients;
    world.keeper.Start();
    world.machine.Shake(
        Port({.port_number = "80", .local_port_number = "8080", .type = "LocalPortForwarding"}));
    ASSERT_TRUE(world.Run([&] { return world.user != nullptr; }));
    EXPECT_EQ(world.text, "Port 8080 opened for sessionId s.\nWaiting for connections...\n");
    for (int i = 0; i < 20; ++i) clients.emplace_back(world.loop(), LocalOf(world));
    ASSERT_TRUE(world.Run([&] {
      return std::ranges::all_of(clients, [](const auto& client) { return client.connected(); });
    }));
    for (size_t i = 0; i < clients.size(); ++i) {
      clients[i].peer->Read();
      clients[i].peer->Type(Noise(20'000 + i));
    }
    size_t cuts = 0;
    std::vector<bool> finished(clients.size());
    EXPECT_TRUE(world.Run([&] {
      target.Step();
      size_t heard = 0;
      for (size_t i = 0; i < clients.size(); ++i) {
        heard += clients[i].peer->read.size();
        if (!finished[i] && clients[i].peer->sent()) {
          clients[i].peer->Finish();
          finished[i] = true;
        }
      }
      if (heard >= (cuts + 1) * 18'000 && cuts < 20) {
        ++cuts;
        world.machine.Cut(FakeMachine::Manner::kHard);
      }
      return std::ranges::all_of(clients, [](const auto& client) { return client.peer->ended; });
    })) << world.failed;
    EXPECT_GE(cuts, 10u);
    for (size_t i = 0; i < clients.size(); ++i) {
      EXPECT_TRUE(clients[i].peer->read == Noise(20'000 + i)) << i;
    }
    EXPECT_EQ(target.opened_count, clients.size());
    EXPECT_EQ(world.text.find("Connection accepted for session [s]"),
              world.text.rfind("Connection accepted for session [s]"))
        << "said once";
    CloseAll(world, clients);
  }
}

TEST(MuxPortUserTest, OneWhoDoesNotReadDoesNotStopTheOthers) {
  PluginWorld world(1, Chosen());
  Target target(world.machine);
  std::deque<LocalClient> clients;
  world.keeper.Start();
  world.machine.Shake(Port({.port_number = "80", .type = "LocalPortForwarding"}));
  ASSERT_TRUE(world.Run([&] { return world.user != nullptr; }));
  for (int i = 0; i < 2; ++i) clients.emplace_back(world.loop(), LocalOf(world));
  ASSERT_TRUE(world.Run([&] { return clients[0].connected() && clients[1].connected(); }));
  clients[0].peer->Type(Noise(3'000'000));  // And never reads what comes back.
  world.Run([&] {
    target.Step();
    return clients[0].peer->sent();
  });
  clients[1].peer->Read();
  clients[1].peer->Type("hello");
  EXPECT_TRUE(world.Run([&] {
    target.Step();
    return clients[1].peer->read == "hello";
  }));
  CloseAll(world, clients);
}

TEST(MuxPortUserTest, AConnectionThatBreaksIsToldToTheMachineAlone) {
  PluginWorld world(2, Chosen());
  Target target(world.machine);
  std::deque<LocalClient> clients;
  world.keeper.Start();
  world.machine.Shake(Port({.port_number = "80", .type = "LocalPortForwarding"}));
  ASSERT_TRUE(world.Run([&] { return world.user != nullptr; }));
  for (int i = 0; i < 2; ++i) clients.emplace_back(world.loop(), LocalOf(world));
  ASSERT_TRUE(world.Run([&] { return clients[0].connected() && clients[1].connected(); }));
  clients[0].peer->Type("x");
  ASSERT_TRUE(world.Run([&] {
    target.Step();
    return target.smux.stream_count() == 2;
  }));
  clients[0].peer->Close(engine::CloseMode::kReset);
  EXPECT_TRUE(world.Run([&] {
    target.Step();
    return target.smux.stream_count() == 1;
  }));
  clients[1].peer->Read();
  clients[1].peer->Type("hello");
  EXPECT_TRUE(world.Run([&] {
    target.Step();
    return clients[1].peer->read == "hello";
  }));
  CloseAll(world, clients);
}

TEST(MuxPortUserTest, ATargetThatRefusesIsSaidAndTheNextConnectionWorks) {
  PluginWorld world(3, Chosen());
  Target target(world.machine);
  target.refuses = true;
  std::deque<LocalClient> clients;
  world.keeper.Start();
  world.machine.Shake(Port({.port_number = "80", .type = "LocalPortForwarding"}));
  ASSERT_TRUE(world.Run([&] { return world.user != nullptr; }));
  clients.emplace_back(world.loop(), LocalOf(world));
  ASSERT_TRUE(world.Run([&] { return clients[0].connected(); }));
  clients[0].peer->Read();
  EXPECT_TRUE(world.Run([&] {
    target.Step();
    return clients[0].peer->ended;
  }));
  EXPECT_EQ(clients[0].peer->read, "");
  EXPECT_NE(world.text.find("\nConnection to destination port failed, check SSM Agent logs.\n"),
            std::string::npos);
  target.refuses = false;
  clients.emplace_back(world.loop(), LocalOf(world));
  ASSERT_TRUE(world.Run([&] { return clients[1].connected(); }));
  clients[1].peer->Read();
  clients[1].peer->Type("again");
  EXPECT_TRUE(world.Run([&] {
    target.Step();
    return clients[1].peer->read == "again";
  }));
  CloseAll(world, clients);
}

TEST(MuxPortUserTest, BytesThatAreNoSmuxEndTheSession) {
  PluginWorld world(4, Chosen());
  world.keeper.Start();
  world.machine.Shake(Port({.port_number = "80", .type = "LocalPortForwarding"}));
  ASSERT_TRUE(world.Run([&] { return world.user != nullptr; }));
  world.machine.Say(PayloadType::kOutput, "HTTP/1.1 400 Bad Request\r\n");
  ASSERT_TRUE(world.Run([&] { return world.user_end.has_value(); }));
  EXPECT_EQ(world.user_end->text, "what the machine sends is not smux, version 1");
}

TEST(BasicPortUserTest, OneConnectionAfterTheOtherIsJoinedToTheMachines) {
  PluginWorld world(5, Chosen());
  std::deque<LocalClient> clients;
  world.keeper.Start();
  world.machine.Shake(Port({.port_number = "80", .type = "LocalPortForwarding"}, "3.0.0.0"));
  ASSERT_TRUE(world.Run([&] { return world.user != nullptr; }));
  const std::string local = static_cast<BasicPortUser&>(*world.user).LocalText();
  world.machine.Say(PayloadType::kOutput, "banner");  // Before anybody is there.
  world.RunFor(std::chrono::seconds(1));
  EXPECT_FALSE(world.machine.AllTaken());
  for (int i = 0; i < 2; ++i) clients.emplace_back(world.loop(), local);
  ASSERT_TRUE(world.Run([&] { return clients[0].connected() && clients[1].connected(); }));
  for (LocalClient& client : clients) client.peer->Read();
  clients[0].peer->Type("one");
  EXPECT_TRUE(
      world.Run([&] { return clients[0].peer->read == "banner" && world.machine.bytes == "one"; }));
  clients[1].peer->Type("two");
  clients[0].peer->Finish();
  EXPECT_TRUE(world.Run([&] { return world.machine.bytes == "onetwo"; }));
  ASSERT_EQ(world.machine.others.back().first, PayloadType::kFlag);
  EXPECT_EQ(world.machine.others.back().second, std::string("\0\0\0\x01", 4));
  world.machine.Say(PayloadType::kOutput, "back");
  EXPECT_TRUE(world.Run([&] { return clients[1].peer->read == "back"; }));
  EXPECT_NE(world.text.find("Connection accepted for session s.\n"), std::string::npos);
  CloseAll(world, clients);
}

TEST(StdioUserTest, BothDirectionsCarryBytesAndTheEndOfTheInputIsTheEnd) {
  for (uint64_t seed = 1; seed <= 6 && !testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE(seed);
    PluginWorld world(seed, Chosen(), Faults::SwarmThatLasts(seed));
    world.keeper.Start();
    world.out->Read();
    world.machine.Shake(Port({.port_number = "22"}));
    ASSERT_TRUE(world.Run([&] { return world.user != nullptr; }));
    EXPECT_TRUE(world.user->has_stdout());
    const std::string there = Noise(90'001), back = Noise(120'003);
    world.in->Type(there);
    world.machine.Say(PayloadType::kOutput, back);
    EXPECT_TRUE(world.Run([&] {
      return world.machine.bytes.size() == there.size() && world.out->read.size() == back.size();
    }));
    EXPECT_TRUE(world.machine.bytes == there);
    EXPECT_TRUE(world.out->read == back);
    EXPECT_FALSE(world.user_end.has_value());
    world.in->Finish();
    EXPECT_TRUE(world.Run([&] { return world.user_end.has_value(); }));
  }
}

TEST(UserChoiceTest, TheLocalEndIsWhatTheDocumentSays) {
  const auto end = [](const PortProperties& properties, const std::string& bind = "") {
    const absl::StatusOr<ForwardSpec> spec = LocalEndOf(properties, bind);
    if (!spec.ok()) return TextOf(spec.status());
    return spec->bind + "|" + std::to_string(spec->local_port) + "|" + spec->socket_path;
  };
  EXPECT_EQ(end({.local_port_number = "8080"}), "|8080|");
  EXPECT_EQ(end({.local_port_number = ""}), "|0|");
  EXPECT_EQ(end({.local_port_number = "0"}), "|0|");
  EXPECT_EQ(end({.local_port_number = "65536"}), "localPortNumber is no port");
  EXPECT_EQ(end({.local_port_number = "1"}, "0.0.0.0"), "0.0.0.0|1|");
  EXPECT_EQ(end({.local_port_number = "1"}, "*"), "*|1|");
  EXPECT_EQ(end({.local_port_number = "1"}, "everywhere"),
            "ADIT_PLUGIN_BIND is no address of this machine, nor *");
  EXPECT_EQ(end({.local_unix_socket = "/tmp/x", .local_connection_type = "unix"}), "|0|/tmp/x");
  EXPECT_EQ(end({.local_unix_socket = "", .local_connection_type = "unix"}),
            "localUnixSocket is no path that a socket can have");
}

}  // namespace
}  // namespace client
