// Goal: each request brings one response, or one named failure, whatever the other side does, and a
// connection carries the next one only when both sides said so.
// Method: a carrier of strings and a clock that the test moves.

#include "engine/http/http_client.h"

#include <gtest/gtest.h>

#include <memory>
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
    request.keep_alive = false;
    return request;
  }

  void SetUp() override { session.Ask(Request(), carrier.now); }
  // Asked is one more session, which has asked already.
  std::unique_ptr<HttpClientSession> Asked(StringCarrier& on, bool keep_alive = false) {
    auto other = std::make_unique<HttpClientSession>(on, *this);
    HttpRequest request = Request();
    request.keep_alive = keep_alive;
    other->Ask(request, on.now);
    return other;
  }

  int call_count = 0;
  std::optional<HttpResponse> response;
  std::optional<HttpFailure> failure;
  HttpError error = HttpError::kNone;
  StringCarrier carrier;
  HttpClientSession session{carrier, *this};
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
  const auto second = Asked(other);
  for (int i = 0; i < 20; ++i) other.Deliver(*second, "HTTP/1.1 103 Early Hints\r\n\r\n");
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
  const auto second = Asked(other);
  other.Deliver(*second, "HTTP/1.0 200 OK\r\n\r\nhalf of");
  second->HandleEnd(HttpClientSession::End::kCut);
  EXPECT_EQ(failure, HttpFailure::kEnded);
}

TEST_F(HttpClient, GarbageAndOversizedResponsesAreBadAnswers) {
  carrier.Deliver(session, "SSH-2.0-OpenSSH_9.2\r\n");
  EXPECT_EQ(failure, HttpFailure::kBadAnswer);
  EXPECT_EQ(error, HttpError::kMalformed);

  StringCarrier other;
  const auto second = Asked(other);
  other.Deliver(*second, "HTTP/1.1 200 OK\r\nContent-Length: 4194305\r\n\r\n");
  EXPECT_EQ(error, HttpError::kBodyTooLarge);
}

constexpr std::string_view kShortAnswer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

TEST_F(HttpClient, AConnectionThatBothSidesKeepCarriesTheNextRequest) {
  StringCarrier kept;
  const auto other = Asked(kept, /*keep_alive=*/true);
  EXPECT_FALSE(other->idle());
  const std::string first = kept.Collect(*other);
  EXPECT_EQ(first.find("Connection"), std::string::npos);
  kept.Deliver(*other, kShortAnswer, 1);
  EXPECT_TRUE(other->idle());
  EXPECT_FALSE(kept.closed);

  HttpRequest next = Request();
  next.body = "[]";
  other->Ask(next, kept.now);
  EXPECT_FALSE(other->heard_answer());
  EXPECT_TRUE(kept.Collect(*other).ends_with("Connection: close\r\n\r\n[]"));
  kept.Deliver(*other, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
  EXPECT_EQ(response->status, 404);
  EXPECT_EQ(call_count, 2);
  EXPECT_FALSE(other->idle());
  EXPECT_TRUE(kept.closed);
}

TEST_F(HttpClient, AConnectionThatTheServerDoesNotKeepIsClosed) {
  for (const char* answer : {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
                             "HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n"}) {
    StringCarrier kept;
    const auto other = Asked(kept, /*keep_alive=*/true);
    kept.Collect(*other);
    kept.Deliver(*other, answer);
    EXPECT_TRUE(kept.closed);
    EXPECT_FALSE(other->idle());
  }
}

TEST_F(HttpClient, AnAnswerBeforeTheWholeRequestIsTheLastOne) {
  StringCarrier kept;
  const auto other = Asked(kept, /*keep_alive=*/true);
  kept.Deliver(*other, kShortAnswer);
  EXPECT_EQ(call_count, 1);
  EXPECT_TRUE(kept.closed);
}

TEST_F(HttpClient, BytesThatNobodyAskedForEndTheConnectionAndAnswerNothing) {
  StringCarrier behind;
  const auto other = Asked(behind, /*keep_alive=*/true);
  behind.Collect(*other);
  behind.Deliver(*other, std::string(kShortAnswer) + std::string(kShortAnswer));
  EXPECT_EQ(call_count, 1);
  EXPECT_TRUE(behind.closed);

  StringCarrier later;
  const auto another = Asked(later, /*keep_alive=*/true);
  later.Collect(*another);
  later.Deliver(*another, kShortAnswer);
  EXPECT_FALSE(later.closed);
  later.Deliver(*another, "H");
  EXPECT_EQ(call_count, 2);
  EXPECT_TRUE(later.closed);
  EXPECT_FALSE(another->idle());
}

TEST_F(HttpClient, AKeptConnectionIsKeptForAWhile) {
  StringCarrier kept;
  const auto other = Asked(kept, /*keep_alive=*/true);
  kept.Collect(*other);
  kept.Deliver(*other, kShortAnswer);
  EXPECT_EQ(other->NextDeadline(), kept.now + HttpClientSession::kIdleMax);
  other->HandleDeadline(kept.now + HttpClientSession::kIdleMax);
  EXPECT_TRUE(kept.closed);
  EXPECT_FALSE(other->idle());
  other->HandleEnd(HttpClientSession::End::kOrderly);
  EXPECT_EQ(call_count, 1);
}

}  // namespace
}  // namespace engine
