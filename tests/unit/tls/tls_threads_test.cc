// Goal: one context serves several loops while it is reloaded.
// Method: threads that shake hands over contexts of their process while another exchanges the
// server's identity. ThreadSanitizer is the judge.

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "tests/unit/tls/tls_pair.h"

namespace engine::test {
namespace {

TEST(TlsThreadsTest, ConnectionsOfSeveralThreadsAndAReloadDoNotDisturbOneAnother) {
  const TestAuthority authority;
  TlsServerOptions options = {.identity = authority.ServerIdentity(),
                              .client_authority_pem = authority.Pem(),
                              .protocols = {"adit/1"},
                              .clock = TestClock()};
  const std::unique_ptr<TlsContext> server_context = Must(TlsContext::Server(options));
  const std::unique_ptr<TlsContext> client_context =
      Must(TlsContext::Client({.trust = TlsTrust::Authority(authority.Pem()),
                               .identity = authority.ClientIdentity(),
                               .protocols = {"adit/1"},
                               .clock = TestClock()}));
  std::atomic<int> good = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i) {
    threads.emplace_back([&] {
      for (int j = 0; j < 20; ++j) {
        TlsEnd server(*server_context, "", 16);
        TlsEnd client(*client_context, "relay.test", 16);
        Shake(client, server);
        EXPECT_EQ(client.channel.Write(AsBytes("hello")), Outcome::kOk);
        Carry(client, server);
        if (server.received == "hello") ++good;
      }
    });
  }
  for (int i = 0; i < 10; ++i) {
    options.identity = authority.ServerIdentity();
    EXPECT_TRUE(server_context->Reload(options).ok());
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(good, 60);
}

}  // namespace
}  // namespace engine::test
