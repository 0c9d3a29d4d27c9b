// Goal: one connection serves one request after another, in order, within its times and bounds.
// Method: a carrier of strings and a clock that the test moves; the handler answers when told to.

#include "engine/http/http_server.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

#include "tests/unit/http/http_harness.h"

namespace engine {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class HttpServer : public testing::Test, public HttpServerSession::Handler {
 protected:
  void OnRequest(HttpServerSession& session, HttpRequest request) override {
    requests.push_back(std::move(request));
    if (answers_at_once) Answer(session);
  }
  void Answer(HttpServerSession& to) {
    HttpResponse response;
    response.body = "answer " + std::to_string(++answer_count);
    to.Respond(response);
  }
  static std::string Post(std::string_view body, std::string_view more = "") {
    return "POST / HTTP/1.1\r\nHost: a\r\n" + std::string(more) +
           "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + std::string(body);
  }

  StringCarrier carrier;
  std::vector<HttpRequest> requests;
  bool answers_at_once = true;
  int answer_count = 0;
  HttpServerSession session{carrier, *this, carrier.now};
};

TEST_F(HttpServer, ARequestThatArrivesByteByByteIsAnsweredOnce) {
  carrier.Deliver(session, Post("hello"), 1);
  ASSERT_EQ(requests.size(), 1u);
  EXPECT_EQ(requests[0].body, "hello");
  EXPECT_EQ(carrier.Collect(session), "HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nanswer 1");
  EXPECT_FALSE(carrier.closed);
}

TEST_F(HttpServer, RequestsSentAheadAreAnsweredInOrderOneAtATime) {
  answers_at_once = false;
  carrier.Deliver(session, Post("one") + Post("two") + Post("three"));
  ASSERT_EQ(requests.size(), 1u);
  Answer(session);
  EXPECT_EQ(requests.size(), 1u) << "the answer has not left yet";
  carrier.Collect(session);
  ASSERT_EQ(requests.size(), 2u);
  EXPECT_EQ(requests[1].body, "two");
  Answer(session);
  EXPECT_NE(carrier.Collect(session).find("answer 2"), std::string::npos);
  ASSERT_EQ(requests.size(), 3u);
  EXPECT_EQ(requests[2].body, "three");
}

TEST_F(HttpServer, TooMuchSentAheadEndsTheConnectionAfterTheAnswer) {
  answers_at_once = false;
  carrier.Deliver(session, Post("one"));
  carrier.Deliver(session, std::string(HttpServerSession::kPipelinedSizeMax, 'x'));
  EXPECT_FALSE(carrier.closed);
  carrier.Deliver(session, "x");
  Answer(session);
  EXPECT_TRUE(carrier.closed);
  EXPECT_NE(carrier.Collect(session).find("Connection: close\r\n"), std::string::npos);
  EXPECT_EQ(requests.size(), 1u);
}

TEST_F(HttpServer, AClientThatAsksToCloseIsAnsweredAndClosed) {
  carrier.Deliver(session, Post("x", "Connection: close\r\n"));
  EXPECT_TRUE(carrier.closed);
  EXPECT_NE(carrier.Collect(session).find("Connection: close\r\n"), std::string::npos);
}

TEST_F(HttpServer, OneThatFinishesAnswersWhatItHasAndTakesNothingMore) {
  answers_at_once = false;
  carrier.Deliver(session, Post("one") + Post("two"));
  session.Finish();
  EXPECT_FALSE(carrier.closed) << "the client would take it for a request that was not taken";
  Answer(session);
  EXPECT_TRUE(carrier.closed);
  EXPECT_NE(carrier.Collect(session).find("Connection: close\r\n"), std::string::npos);
  EXPECT_EQ(requests.size(), 1u);
}

TEST_F(HttpServer, OneThatFinishesBetweenRequestsClosesAtOnce) {
  carrier.Deliver(session, Post("one"));
  session.Finish();  // The answer has not left yet.
  EXPECT_TRUE(carrier.closed);
  EXPECT_NE(carrier.Collect(session).find("answer 1"), std::string::npos);
  carrier.Deliver(session, Post("two"));
  EXPECT_EQ(requests.size(), 1u);
}

TEST_F(HttpServer, AnAnswerToHeadHasNoBody) {
  carrier.Deliver(session, "HEAD /healthz HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(carrier.Collect(session), "HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n");
}

TEST_F(HttpServer, AClientThatWaitsForContinueGetsIt) {
  carrier.Deliver(
      session, "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
  EXPECT_EQ(carrier.Collect(session), "HTTP/1.1 100 Continue\r\n\r\n");
  carrier.Deliver(session, "h");
  EXPECT_EQ(carrier.Collect(session), "");
  carrier.Deliver(session, "i");
  EXPECT_EQ(requests.at(0).body, "hi");
}

TEST_F(HttpServer, ALargeAnswerGoesOutInRecords) {
  answers_at_once = false;
  carrier.Deliver(session, Post(""));
  HttpResponse response;
  response.body = std::string(100'000, 'b');
  session.Respond(response);
  EXPECT_GT(carrier.Collect(session).size(), 100'000u);
  EXPECT_EQ(carrier.largest_record, kRecordSizeMax);
}

TEST_F(HttpServer, ABadRequestIsAnsweredWithItsStatusAndClosed) {
  carrier.Deliver(session,
                  "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n"
                  "Transfer-Encoding: chunked\r\n\r\n");
  EXPECT_TRUE(carrier.closed);
  EXPECT_TRUE(carrier.Collect(session).starts_with("HTTP/1.1 400 Bad Request\r\n"));
  carrier.Deliver(session, Post("after"));
  EXPECT_TRUE(requests.empty());
}

TEST_F(HttpServer, AnOversizedHeadIs431AndAnOversizedBodyIs413) {
  carrier.Deliver(session, "GET / HTTP/1.1\r\nX: " + std::string(kHttpHeadSizeMax, 'x'));
  EXPECT_TRUE(carrier.Collect(session).starts_with("HTTP/1.1 431 "));

  StringCarrier other;
  HttpServerSession second(other, *this, other.now);
  other.Deliver(second, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1048577\r\n\r\n");
  EXPECT_TRUE(other.Collect(second).starts_with("HTTP/1.1 413 "));
  EXPECT_TRUE(requests.empty());
}

TEST_F(HttpServer, AHeadThatDripsIsRefusedTenSecondsAfterItsFirstByte) {
  const std::string head = "GET / HTTP/1.1\r\nHost: a\r\nX: slow";
  const Instant start = carrier.now;
  for (const char c : head) {
    carrier.Deliver(session, std::string(1, c));
    EXPECT_EQ(session.NextDeadline(), start + seconds(10));
    carrier.now += milliseconds(200);
  }
  carrier.now = start + seconds(10);
  session.HandleDeadline(carrier.now);
  EXPECT_TRUE(carrier.closed);
  EXPECT_TRUE(carrier.Collect(session).starts_with("HTTP/1.1 408 "));
}

TEST_F(HttpServer, ABodyThatDripsIsRefused) {
  carrier.Deliver(session, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n");
  const Instant start = carrier.now;
  for (int i = 0; i < 5; ++i) {
    carrier.now += seconds(5);
    carrier.Deliver(session, "x");
  }
  EXPECT_EQ(session.NextDeadline(), start + HttpServerSession::kBodyMax);
  carrier.now = session.NextDeadline();
  session.HandleDeadline(carrier.now);
  EXPECT_TRUE(carrier.Collect(session).starts_with("HTTP/1.1 408 "));
}

TEST_F(HttpServer, AnIdleConnectionIsClosedAfterAMinuteWithoutAWord) {
  carrier.now += seconds(59);
  session.HandleDeadline(carrier.now);
  EXPECT_FALSE(carrier.closed);
  carrier.Deliver(session, Post("x"));
  carrier.Collect(session);
  EXPECT_EQ(session.NextDeadline(), carrier.now + seconds(60));
  carrier.now += seconds(60);
  session.HandleDeadline(carrier.now);
  EXPECT_TRUE(carrier.closed);
  EXPECT_EQ(carrier.Collect(session), "");
}

TEST_F(HttpServer, ARequestInHandHasNoDeadline) {
  answers_at_once = false;
  carrier.Deliver(session, Post("x"));
  EXPECT_EQ(session.NextDeadline(), Instant::max());
}

TEST_F(HttpServer, AClientThatDoesNotReadItsAnswerIsClosed) {
  carrier.Deliver(session, Post("x"));
  carrier.now += HttpServerSession::kSendStallMax;
  session.HandleDeadline(carrier.now);
  EXPECT_TRUE(carrier.closed);
}

TEST_F(HttpServer, AnAnswerThatComesAfterTheEndIsDropped) {
  answers_at_once = false;
  carrier.Deliver(session, Post("x"));
  carrier.Deliver(session, std::string(HttpServerSession::kPipelinedSizeMax + 1, 'x'));
  Answer(session);
  session.Respond(HttpResponse());
  EXPECT_TRUE(carrier.closed);
}

TEST_F(HttpServer, ASessionThatYieldsHandsOverWhatCameBehindTheRequest) {
  answers_at_once = false;
  carrier.Deliver(session,
                  "GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\n"
                  "Upgrade: websocket\r\n\r\n");
  carrier.Deliver(session, "behind");
  ASSERT_EQ(requests.size(), 1u);
  EXPECT_EQ(session.Yield(), "behind");
  EXPECT_EQ(carrier.Collect(session), "");
  EXPECT_EQ(session.NextDeadline(), Instant::max());
  EXPECT_FALSE(carrier.closed);
}

TEST(HttpMessage, ASwitchOfProtocolsIsSaidInBothDirections) {
  HttpResponse response;
  response.status = 101;
  response.headers.Add("Upgrade", "websocket");
  EXPECT_EQ(Serialize(response, true),
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
            "Connection: Upgrade\r\n\r\n");
  HttpRequest request;
  request.keep_alive = false;
  request.headers.Add("Upgrade", "websocket");
  EXPECT_EQ(Serialize(request),
            "GET / HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n");
}

TEST(HttpMessage, NoValueCanForgeAHeader) {
  HttpResponse response;
  response.headers.Add("X-Name", "a\r\nX-Evil: 1");
  EXPECT_EQ(Serialize(response, true).find("\r\nX-Evil"), std::string::npos);
}

}  // namespace
}  // namespace engine
