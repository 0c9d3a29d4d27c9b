// Goal: calls in a row share one connection, and whatever a server does to it between or inside
// them, each call is answered once, and is not made twice unless the server cannot have seen it.
// Method: a server of one page on the simulated network, whose manners a test sets.

#include "engine/net/https_client.h"

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/http/http_client.h"
#include "engine/http/http_server.h"
#include "engine/net/secure_connection.h"
#include "engine/sim/sim_loop.h"
#include "engine/tls/tls_channel.h"
#include "gtest/gtest.h"
#include "tests/support/tls_credentials.h"

namespace engine::test {
namespace {

using Kind = CallResult::Kind;

constexpr uint16_t kPort = 443;
constexpr uint16_t kBlockCount = 256;
constexpr char kServerAddress[] = "10.0.0.1";

// PageServer answers each request with its body.
class PageServer {
 public:
  PageServer(LoopDriver& driver, const TlsContext& tls)
      : driver_(driver), tls_(tls), accept_(Handler<Accepted>::To<&PageServer::OnAccepted>(this)) {
    Address address;
    CHECK(Address::Parse(kServerAddress, kPort, address));
    listener_ = driver.loop().Listen(address, 8).socket;
    driver.loop().Accept(accept_, listener_);
  }

  size_t connection_count() const { return guests_.size(); }
  // CloseInOrder and Cut end the connection that came last.
  void CloseInOrder() { guests_.back()->connection.CloseAfterOutput(); }
  void Cut() { guests_.back()->connection.Close(); }
  void Finish() { guests_.back()->session->Finish(); }
  void Answer() {
    HttpResponse response;
    response.body = "late";
    guests_.back()->session->Respond(response);
  }

  bool Stop() {
    driver_.loop().Cancel(accept_);
    bool idle = !accept_.in_flight();
    for (const auto& guest : guests_) {
      if (!guest->gone) guest->connection.Close();
      idle = idle && guest->gone;
    }
    if (idle && listener_.valid()) driver_.loop().Close(close_, std::exchange(listener_, {}));
    return idle && !close_.in_flight();
  }

  std::vector<std::string> asked;  // Bodies, in order.
  bool answers = true;

 private:
  struct Guest final : private SecureConnection::Events, private HttpServerSession::Handler {
    Guest(PageServer& server_in, Socket socket)
        : server(server_in),
          connection(server_in.driver_.loop(), static_cast<SecureConnection::Events&>(*this)) {
      connection.Adopt(socket,
                       std::make_unique<TlsChannel>(server.tls_, server.driver_.loop().buffers()),
                       BufferRef());
    }
    void OnSecured(SecureConnection&) override {
      session = std::make_unique<HttpServerSession>(
          connection, static_cast<HttpServerSession::Handler&>(*this), server.driver_.loop().Now());
      connection.SetProtocol(*session);
    }
    void OnRequest(HttpServerSession& asked, HttpRequest request) override {
      server.asked.push_back(request.body);
      if (!server.answers) return;
      HttpResponse response;
      response.body = "to " + request.body;
      asked.Respond(response);
    }
    void OnClosed(SecureConnection&, const ConnectionEnd&) override { gone = true; }

    PageServer& server;
    SecureConnection connection;
    std::unique_ptr<HttpServerSession> session;
    bool gone = false;
  };

  void OnAccepted(Accepted outcome) {
    if (outcome.error != IoError::kNone) return;
    guests_.push_back(std::make_unique<Guest>(*this, outcome.socket));
  }
  void OnListenerClosed(Closed) {}

  LoopDriver& driver_;
  const TlsContext& tls_;
  AcceptOp accept_;
  CloseOp close_{Handler<Closed>::To<&PageServer::OnListenerClosed>(this)};
  Socket listener_;
  std::vector<std::unique_ptr<Guest>> guests_;
};

class HttpsClientTest : public ::testing::Test {
 protected:
  bool Run(const std::function<bool()>& done) {
    const Instant start = driver_.loop().Now();
    while (!done()) {
      if (driver_.loop().Now() - start > std::chrono::minutes(5)) return false;
      driver_.RunOnce(std::chrono::milliseconds(100));
    }
    return true;
  }
  void RunFor(Duration time) {
    const Instant start = driver_.loop().Now();
    Run([&] { return driver_.loop().Now() - start >= time; });
  }
  void TearDown() override {
    client_.Close();
    EXPECT_TRUE(Run([&] { return client_.joined() && server_.Stop(); }));
  }

  static HttpRequest Post(const std::string& body) {
    HttpRequest request;
    request.method = "POST";
    request.headers.Add("Host", "relay");
    request.body = body;
    return request;
  }
  uint64_t Start(const std::string& body) {
    return client_.Call(Post(body),
                        [this](CallResult result) { results_.push_back(std::move(result)); });
  }
  CallResult Ask(const std::string& body) {
    Start(body);
    const size_t count = results_.size() + 1;
    EXPECT_TRUE(Run([&] { return results_.size() == count; }));
    return results_.empty() ? CallResult{} : results_.back();
  }

  TestAuthority authority_;
  std::unique_ptr<TlsContext> server_tls_ =
      Must(TlsContext::Server({.identity = authority_.ServerIdentity(),
                               .protocols = {"adit-api/1", "http/1.1"},
                               .clock = TestClock()}));
  std::unique_ptr<TlsContext> client_tls_ =
      Must(TlsContext::Client({.trust = TlsTrust::Authority(authority_.Pem()),
                               .protocols = {"http/1.1"},
                               .clock = TestClock()}));
  LoopDriver driver_{std::make_unique<sim::SimLoop>(
      7, sim::Faults{.latency_max = std::chrono::milliseconds(3)}, kBlockCount, 32 * 1024)};
  PageServer server_{driver_, *server_tls_};
  HttpsClient client_{driver_, *client_tls_, {kServerAddress, kPort}};
  std::vector<CallResult> results_;
};

TEST_F(HttpsClientTest, CallsInARowShareAConnection) {
  for (const char* body : {"a", "b", "c"}) {
    const CallResult result = Ask(body);
    ASSERT_EQ(result.kind, Kind::kResponse) << result.text;
    EXPECT_EQ(result.response.body, std::string("to ") + body);
  }
  EXPECT_EQ(server_.connection_count(), 1U);
}

TEST_F(HttpsClientTest, TheNextCallMayComeFromInsideTheAnswer) {
  client_.Call(Post("a"), [this](CallResult) { Start("b"); });
  ASSERT_TRUE(Run([&] { return !results_.empty(); }));
  EXPECT_EQ(results_.front().response.body, "to b");
  EXPECT_EQ(server_.connection_count(), 1U);
}

TEST_F(HttpsClientTest, CallsAtTheSameTimeDoNotWaitForOneAnotherAndOneConnectionIsKept) {
  for (const char* body : {"a", "b", "c"}) Start(body);
  ASSERT_TRUE(Run([&] { return results_.size() == 3; }));
  EXPECT_EQ(server_.connection_count(), 3U);
  for (const CallResult& result : results_) EXPECT_EQ(result.kind, Kind::kResponse);
  for (const char* body : {"d", "e"}) Start(body);
  ASSERT_TRUE(Run([&] { return results_.size() == 5; }));
  EXPECT_EQ(server_.connection_count(), 4U);
}

TEST_F(HttpsClientTest, WhatAServerOfPlainHttpKeepsCannotJoin) {
  EXPECT_FALSE(client_.can_join());
  Ask("a");
  EXPECT_FALSE(client_.can_join());
}

// Taker is who takes a kept connection: it says a word of its own, and closes.
class Taker final : private SecureConnection::Events, private RecordProtocol {
 public:
  void Take(HttpsClient& calls) {
    connection = calls.TakeKept(static_cast<SecureConnection::Events&>(*this));
    connection->ReplaceProtocol(static_cast<RecordProtocol&>(*this));
    connection->OutputReady();
  }
  std::unique_ptr<SecureConnection> connection;
  bool has_spoken = false;

 private:
  void OnSecured(SecureConnection&) override { FAIL() << "it was before"; }
  void OnClosed(SecureConnection&, const ConnectionEnd&) override { connection.reset(); }
  void Receive(BufferRef, Instant) override {}
  size_t GatherRecord(std::span<ByteView> slices, Instant) override {
    if (has_spoken) return 0;
    slices[0] =
        AsBytes(std::string_view("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nmine"));
    return 1;
  }
  void RecordTaken() override { has_spoken = true; }
  Instant NextDeadline() const override { return Instant::max(); }
  void HandleDeadline(Instant) override {}
};

TEST_F(HttpsClientTest, WhatIsKeptMayBeTakenOnceAlsoFromInsideTheAnswer) {
  const auto tls = Must(TlsContext::Client({.trust = TlsTrust::Authority(authority_.Pem()),
                                            .protocols = {"adit-api/1", "http/1.1"},
                                            .clock = TestClock()}));
  HttpsClient calls(driver_, *tls, {kServerAddress, kPort});
  for (const bool is_inside : {true, false}) {
    server_.asked.clear();
    Taker taker;
    bool is_answered = false;
    calls.Call(Post("a"), [&](CallResult result) {
      is_answered = result.kind == Kind::kResponse;
      EXPECT_TRUE(calls.can_join());
      if (is_inside) taker.Take(calls);
    });
    ASSERT_TRUE(Run([&] { return is_answered; }));
    if (!is_inside) taker.Take(calls);
    EXPECT_FALSE(calls.can_join());
    EXPECT_TRUE(calls.joined()) << "it is another's to close";
    ASSERT_TRUE(Run([&] { return server_.asked.size() == 2; }));
    EXPECT_EQ(server_.asked.back(), "mine");
    RunFor(2 * HttpClientSession::kIdleMax);
    EXPECT_TRUE(taker.connection->open()) << "the calls' deadlines are none of its";
    taker.connection->Close();
    ASSERT_TRUE(Run([&] { return taker.connection == nullptr; }));
  }
  calls.Close();
}

TEST_F(HttpsClientTest, AConnectionIsNotKeptForEver) {
  Ask("a");
  RunFor(HttpClientSession::kIdleMax + std::chrono::seconds(1));
  EXPECT_TRUE(client_.joined());
  EXPECT_EQ(Ask("b").response.body, "to b");
  EXPECT_EQ(server_.connection_count(), 2U);
}

TEST_F(HttpsClientTest, WhoNeedsItNoMoreClosesTheKeptConnectionAlone) {
  Ask("a");
  Start("b");
  client_.CloseKept();  // It carries a call now.
  ASSERT_TRUE(Run([&] { return results_.size() == 2; }));
  EXPECT_EQ(results_.back().response.body, "to b");
  client_.CloseKept();
  ASSERT_TRUE(Run([&] { return client_.joined(); }));
  EXPECT_EQ(Ask("c").response.body, "to c");
  EXPECT_EQ(server_.connection_count(), 2U);
}

TEST_F(HttpsClientTest, ACallThatMetAnOrderlyEndIsMadeOnceMore) {
  Ask("a");
  server_.CloseInOrder();  // Its end and our request pass each other.
  EXPECT_EQ(Ask("b").response.body, "to b");
  EXPECT_EQ(server_.connection_count(), 2U);
  EXPECT_EQ(server_.asked, (std::vector<std::string>{"a", "b"}));
}

TEST_F(HttpsClientTest, ACallThatTheServerMayHaveSeenIsNotRepeated) {
  Ask("a");
  server_.answers = false;
  Start("b");
  ASSERT_TRUE(Run([&] { return server_.asked.size() == 2; }));
  server_.Cut();
  ASSERT_TRUE(Run([&] { return results_.size() == 2; }));
  EXPECT_EQ(results_.back().kind, Kind::kBadAnswer);
  RunFor(std::chrono::seconds(1));
  EXPECT_EQ(server_.asked.size(), 2U);
}

TEST_F(HttpsClientTest, ACallThatIsInHandWhenTheServerStopsIsAnsweredAndNotRepeated) {
  Ask("a");
  server_.answers = false;
  Start("b");
  ASSERT_TRUE(Run([&] { return server_.asked.size() == 2; }));
  server_.Finish();
  RunFor(std::chrono::seconds(1));
  EXPECT_EQ(results_.size(), 1U);
  server_.Answer();
  ASSERT_TRUE(Run([&] { return results_.size() == 2; }));
  EXPECT_EQ(results_.back().response.body, "late");
  EXPECT_EQ(server_.asked.size(), 2U);
  EXPECT_EQ(server_.connection_count(), 1U);
}

TEST_F(HttpsClientTest, ACancelledCallEndsAndIsNotRepeated) {
  Ask("a");
  server_.answers = false;
  const uint64_t call = Start("b");
  ASSERT_TRUE(Run([&] { return server_.asked.size() == 2; }));
  client_.Cancel(call);
  ASSERT_TRUE(Run([&] { return results_.size() == 2; }));
  EXPECT_NE(results_.back().kind, Kind::kResponse);
  EXPECT_EQ(server_.connection_count(), 1U);
}

TEST_F(HttpsClientTest, AWaitThatIsStoppedEndsWithoutAnAnswer) {
  server_.answers = false;
  const bool stops = true;
  const Instant start = driver_.loop().Now();
  EXPECT_NE(CallAndWait(driver_, *client_tls_, {kServerAddress, kPort}, Post("a"), stops).kind,
            Kind::kResponse);
  EXPECT_LT(driver_.loop().Now() - start, std::chrono::seconds(5)) << "it did not wait for one";
}

TEST_F(HttpsClientTest, AServerThatIsNotThereAndOneOfAnotherAuthorityAreToldApart) {
  const TestAuthority other;
  const auto distrustful = Must(TlsContext::Client({.trust = TlsTrust::Authority(other.Pem()),
                                                    .protocols = {"http/1.1"},
                                                    .clock = TestClock()}));
  EXPECT_EQ(CallAndWait(driver_, *distrustful, {kServerAddress, kPort}, Post("a")).kind,
            Kind::kTls);
  EXPECT_EQ(CallAndWait(driver_, *client_tls_, {kServerAddress, 1}, Post("a")).kind,
            Kind::kUnreachable);
  EXPECT_TRUE(server_.asked.empty());
}

TEST_F(HttpsClientTest, WhatIsKeptIsNotTrustedWhenTheNetworkHasChanged) {
  Ask("a");
  Start("b");
  driver_.network().Tell(true);
  ASSERT_TRUE(Run([&] { return results_.size() == 2; }));
  EXPECT_EQ(results_.back().response.body, "to b") << "a call is not cut for that";
  driver_.network().Tell(true);
  ASSERT_TRUE(Run([&] { return client_.joined(); }));
  EXPECT_EQ(Ask("c").response.body, "to c");
  EXPECT_EQ(server_.connection_count(), 2U);
}

TEST_F(HttpsClientTest, ACallWhoseAddressIsGoneFailsAtOnce) {
  server_.answers = false;
  Start("a");
  ASSERT_TRUE(Run([&] { return !server_.asked.empty(); }));
  Start("b");
  const Instant start = driver_.loop().Now();
  driver_.network().AskInstead([](Socket) { return Footing::kStuck; });
  driver_.network().Tell(false);
  driver_.network().AskInstead([](Socket) { return Footing::kGone; });
  driver_.RunOnce(Duration::zero());
  EXPECT_TRUE(results_.empty()) << "one that is slow may still be answered";
  driver_.network().Tell(false);
  driver_.network().AskInstead(nullptr);
  ASSERT_TRUE(Run([&] { return results_.size() == 2; }));
  EXPECT_LT(driver_.loop().Now() - start, std::chrono::seconds(1));
  for (const CallResult& result : results_) EXPECT_NE(result.kind, Kind::kResponse);
}

TEST_F(HttpsClientTest, ACallMayOfferAHint) {
  client_.Call(Post("a"), [this](CallResult result) { results_.push_back(std::move(result)); },
               {.offer = "adit-live"});
  ASSERT_TRUE(Run([&] { return !results_.empty(); }));
  EXPECT_EQ(results_.back().response.body, "to a") << "which is not picked";
}

}  // namespace
}  // namespace engine::test
