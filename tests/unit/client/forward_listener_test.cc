// Goal: local addresses are really taken, and what cannot be had is explained. Method: the kernel's
// own sockets through the epoll loop, on ports the kernel picks.

#include "client/forward_listener.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <string>

#include "client/port_owner.h"
#include "client/say.h"
#include "engine/epoll/epoll_loop.h"

namespace client {
namespace {

class ForwardListenerTest : public testing::Test, private ForwardListener::Events {
 protected:
  ForwardListenerTest() : loop_(64, 16 * 1024) {}

  std::unique_ptr<ForwardListener> Make() {
    return std::make_unique<ForwardListener>(loop_, static_cast<ForwardListener::Events&>(*this));
  }
  void Stop(ForwardListener& listener) {
    listener.Stop();
    while (!listener.joined()) loop_.RunOnce(std::chrono::seconds(1));
  }
  // Dial connects to a loopback port and says whether somebody is there.
  static bool Dial(const std::string& host, uint16_t port) {
    engine::Address address;
    EXPECT_TRUE(engine::Address::Parse(host, port, address));
    const int socket = ::socket(address.family(), SOCK_STREAM | SOCK_CLOEXEC, 0);
    const bool connected = ::connect(socket, address.raw(), address.raw_size()) == 0;
    ::close(socket);
    return connected;
  }
  static uint16_t PortOf(const ForwardListener& listener) {
    const std::string text = listener.LocalText();
    return static_cast<uint16_t>(std::stoi(text.substr(text.rfind(':') + 1)));
  }

  void OnLocalConnection(engine::Socket socket) override {
    ++accepted_;
    loop_.Release(socket);
    ::close(static_cast<int>(socket.handle));
  }

  engine::EpollLoop loop_;
  int accepted_ = 0;
};

TEST_F(ForwardListenerTest, PortZeroTakesAFreeOneOnBothLoopbackAddresses) {
  const auto listener = Make();
  ASSERT_TRUE(listener->Listen({.local_port = 0, .port = 1}).ok());
  const uint16_t port = PortOf(*listener);
  EXPECT_EQ(listener->LocalText(), "127.0.0.1:" + std::to_string(port));
  listener->Start();
  EXPECT_TRUE(Dial("127.0.0.1", port));
  Dial("::1", port);  // Where there is IPv6.
  while (accepted_ < 1) loop_.RunOnce(std::chrono::seconds(1));
  Stop(*listener);
  EXPECT_FALSE(Dial("127.0.0.1", port));
}

TEST_F(ForwardListenerTest, ATakenPortIsExplainedWithItsOwner) {
  const auto first = Make();
  ASSERT_TRUE(first->Listen({.local_port = 0, .port = 1}).ok());
  const auto second = Make();
  const absl::Status status = second->Listen({.local_port = PortOf(*first), .port = 1});
  ASSERT_FALSE(status.ok());
  EXPECT_NE(TextOf(status).find("pid " + std::to_string(::getpid())), std::string::npos)
      << TextOf(status);
  Stop(*first);
  EXPECT_TRUE(second->joined());
}

TEST_F(ForwardListenerTest, ASocketPathIsForItsOwnerAloneAndRemovedAtTheEnd) {
  std::string folder = testing::TempDir() + "adit-listen-XXXXXX";
  ASSERT_NE(::mkdtemp(folder.data()), nullptr);
  const std::string path = folder + "/s";
  const auto listener = Make();
  ASSERT_TRUE(listener->Listen({.socket_path = path, .port = 1}).ok());
  struct stat status {};
  ASSERT_EQ(::stat(path.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0077, 0u);
  const auto second = Make();
  EXPECT_NE(TextOf(second->Listen({.socket_path = path, .port = 1})).find("rm " + path),
            std::string::npos);
  Stop(*listener);
  EXPECT_NE(::stat(path.c_str(), &status), 0);
  std::filesystem::remove_all(folder);
}

TEST_F(ForwardListenerTest, AnAddressOfAnotherMachineIsRefused) {
  const auto listener = Make();
  const absl::Status status = listener->Listen({.bind = "192.0.2.1", .local_port = 0, .port = 1});
  ASSERT_FALSE(status.ok());
  EXPECT_NE(TextOf(status).find("192.0.2.1"), std::string::npos);
}

TEST_F(ForwardListenerTest, NobodyOwnsAFreePort) {
  uint16_t port = 0;
  {
    const auto listener = Make();
    ASSERT_TRUE(listener->Listen({.local_port = 0, .port = 1}).ok());
    port = PortOf(*listener);
    EXPECT_NE(PortOwnerText(port).find("(pid "), std::string::npos);
    Stop(*listener);
  }
  EXPECT_EQ(PortOwnerText(port), "");
}

}  // namespace
}  // namespace client
