// Goal: one request brings one response, or one named failure, whatever the other side does.
// Method: a carrier of strings and a clock that the test moves.

#include "engine/http/http_client.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>

#include "tests/unit/http/http_harness.h"

namespace engine {
namespace {

class HttpClient : public testing::Test, public HttpClientSession::Handler {
 protected:
  void OnResponse(HttpResponse got) override {
    ++call_count;
    response = std::move(got);
  }
  void OnFailure(HttpFailure why, HttpError what) override {
    ++call_count;
    failure = why;
    error = what;
  }
  static HttpRequest Request() {
    HttpRequest request;
    request.method = "POST";
    request.headers.Add("Host", "relay");
    request.body = "{}";
    return request;
  }

  StringCarrier carrier;
  int call_count = 0;
  std::optional<HttpResponse> response;
  std::optional<HttpFailure> failure;
  HttpError error = HttpError::kNone;
  HttpClientSession session{carrier, *this, Request(), carrier.now};
};

TEST_F(HttpClient, TheRequestIsSentAndTheResponseDelivered) {
  EXPECT_EQ(carrier.Collect(session),
            "POST / HTTP/1.1\r\nHost: relay\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}");
  carrier.Deliver(session, "HTTP/1.1 400 Bad Request\r\nX-Id: 7\r\nContent-Length: 4\r\n\r\noops",
                  1);
  ASSERT_TRUE(response.has_value());
  EXPECT_EQ(response->status, 400);
  EXPECT_EQ(response->headers.Get("x-id"), "7");
  EXPECT_EQ(response->body, "oops");
  EXPECT_TRUE(carrier.closed);
  session.HandleEnd(HttpClientSession::End::kCut);
  EXPECT_EQ(call_count, 1);
}

TEST_F(HttpClient, InformationalResponsesAreSkippedUpToABound) {
  carrier.Deliver(session, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n");
  ASSERT_TRUE(response.has_value());
  EXPECT_EQ(response->status, 204);

  StringCarrier other;
  response.reset();
  HttpClientSession second(other, *this, Request(), other.now);
  for (int i = 0; i < 20; ++i) other.Deliver(second, "HTTP/1.1 103 Early Hints\r\n\r\n");
  EXPECT_FALSE(response.has_value());
  EXPECT_EQ(failure, HttpFailure::kBadAnswer);
}

TEST_F(HttpClient, ASwitchOfProtocolsThatNobodyAskedForIsABadAnswer) {
  carrier.Deliver(session,
                  "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n"
                  "Upgrade: websocket\r\n\r\n\x81\x01x");
  EXPECT_FALSE(response.has_value());
  EXPECT_EQ(failure, HttpFailure::kBadAnswer);
  EXPECT_TRUE(carrier.closed);
}

TEST_F(HttpClient, SilenceIsATimeout) {
  carrier.now += HttpClientSession::kAnswerMax;
  EXPECT_EQ(session.NextDeadline(), carrier.now);
  session.HandleDeadline(carrier.now);
  EXPECT_EQ(failure, HttpFailure::kTimeout);
  EXPECT_EQ(session.NextDeadline(), Instant::max());
}

TEST_F(HttpClient, AnEndBeforeTheResponseIsNamed) {
  carrier.Deliver(session, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf");
  session.HandleEnd(HttpClientSession::End::kOrderly);
  EXPECT_EQ(failure, HttpFailure::kEnded);
  EXPECT_EQ(call_count, 1);
}

TEST_F(HttpClient, AResponseWithoutLengthNeedsAnOrderlyEnd) {
  carrier.Deliver(session, "HTTP/1.0 200 OK\r\n\r\nall of it");
  session.HandleEnd(HttpClientSession::End::kOrderly);
  ASSERT_TRUE(response.has_value());
  EXPECT_EQ(response->body, "all of it");

  StringCarrier other;
  HttpClientSession second(other, *this, Request(), other.now);
  other.Deliver(second, "HTTP/1.0 200 OK\r\n\r\nhalf of");
  second.HandleEnd(HttpClientSession::End::kCut);
  EXPECT_EQ(failure, HttpFailure::kEnded);
}

TEST_F(HttpClient, GarbageAndOversizedResponsesAreBadAnswers) {
  carrier.Deliver(session, "SSH-2.0-OpenSSH_9.2\r\n");
  EXPECT_EQ(failure, HttpFailure::kBadAnswer);
  EXPECT_EQ(error, HttpError::kMalformed);

  StringCarrier other;
  HttpClientSession second(other, *this, Request(), other.now);
  other.Deliver(second, "HTTP/1.1 200 OK\r\nContent-Length: 4194305\r\n\r\n");
  EXPECT_EQ(error, HttpError::kBodyTooLarge);
}

}  // namespace
}  // namespace engine
