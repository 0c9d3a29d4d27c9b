// Goal: a WebSocket opens exactly when both sides asked for the same, and no page of somebody
// else's opens one. Method: requests and answers as values, one of them wrong in one point at a
// time.

#include "engine/http/websocket_handshake.h"

#include <gtest/gtest.h>

#include <string>

#include "engine/http/message_parser.h"

namespace engine {
namespace {

constexpr std::string_view kKey = "dGhlIHNhbXBsZSBub25jZQ==";  // RFC 6455, section 1.3.

HttpRequest Request() {
  return WebSocketRequest("relay.example", "/v1/data-channel/s?role=r", kKey);
}

// AsReceived is what a server reads of the request: with the headers that serializing adds.
HttpRequest AsReceived(const HttpRequest& request) {
  HttpMessageParser parser(HttpMessageParser::Kind::kRequest, 1024);
  parser.Consume(Serialize(request));
  EXPECT_EQ(parser.progress(), HttpMessageParser::Progress::kDone);
  return parser.TakeRequest();
}
HttpResponse AsReceived(const HttpResponse& response) {
  HttpMessageParser parser(HttpMessageParser::Kind::kResponse, 1024);
  parser.Consume(Serialize(response, /*keep_alive=*/true));
  EXPECT_EQ(parser.progress(), HttpMessageParser::Progress::kDone);
  return parser.TakeResponse();
}
int StatusFor(const HttpRequest& request, const WebSocketOrigins& origins = {}) {
  return AnswerWebSocket(request, origins).status;
}

TEST(WebSocketHandshake, TheAcceptKeyIsThatOfTheStandard) {
  EXPECT_EQ(WebSocketAccept(kKey), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}

TEST(WebSocketHandshake, OurTwoSidesUnderstandEachOther) {
  const std::string key = NewWebSocketKey();
  EXPECT_NE(key, NewWebSocketKey());
  const HttpRequest request = AsReceived(WebSocketRequest("a", "/x", key));
  EXPECT_TRUE(IsWebSocketUpgrade(request));
  const HttpResponse answer = AnswerWebSocket(request, {});
  EXPECT_EQ(answer.status, 101);
  EXPECT_EQ(WebSocketRefusal(AsReceived(answer), key), "");
}

TEST(WebSocketHandshake, AClientThatListsMoreAndOffersCompressionIsServedWithoutIt) {
  HttpRequest request = AsReceived(Request());
  request.headers.Set("Connection", "keep-alive, UPGRADE");
  request.headers.Set("Upgrade", "h2c , WebSocket");
  request.headers.Add("Sec-WebSocket-Extensions", "permessage-deflate; client_max_window_bits");
  request.headers.Add("Sec-WebSocket-Protocol", "chat");
  const HttpResponse answer = AnswerWebSocket(request, {});
  EXPECT_EQ(answer.status, 101);
  EXPECT_EQ(answer.headers.Find("Sec-WebSocket-Extensions"), nullptr);
  EXPECT_EQ(answer.headers.Find("Sec-WebSocket-Protocol"), nullptr);
}

TEST(WebSocketHandshake, WhatIsNoUpgradeIsRefusedWithItsStatus) {
  const HttpRequest good = AsReceived(Request());
  ASSERT_EQ(StatusFor(good), 101);
  HttpRequest request = good;
  request.method = "POST";
  EXPECT_EQ(StatusFor(request), 405);
  request = good;
  request.minor_version = 0;
  EXPECT_EQ(StatusFor(request), 400);
  request = good;
  request.headers.Set("Connection", "keep-alive");
  EXPECT_EQ(StatusFor(request), 400);
  request = good;
  request.headers.Set("Upgrade", "websockets");
  EXPECT_FALSE(IsWebSocketUpgrade(request));
  EXPECT_EQ(StatusFor(request), 400);
  request = good;
  request.body = "x";
  EXPECT_EQ(StatusFor(request), 400);
}

TEST(WebSocketHandshake, AnotherVersionIsToldTheOneThatIsSpoken) {
  HttpRequest request = AsReceived(Request());
  request.headers.Set("Sec-WebSocket-Version", "8");
  const HttpResponse answer = AnswerWebSocket(request, {});
  EXPECT_EQ(answer.status, 426);
  EXPECT_EQ(answer.headers.Get("Sec-WebSocket-Version"), "13");
}

TEST(WebSocketHandshake, AKeyThatIsNot16BytesInBase64OrThereTwiceIsRefused) {
  for (const std::string_view key : {"", "AAAA", "dGhlIHNhbXBsZSBub25jZQ", "!!!!"}) {
    HttpRequest request = AsReceived(Request());
    request.headers.Set("Sec-WebSocket-Key", key);
    EXPECT_EQ(StatusFor(request), 400) << key;
  }
  HttpRequest request = AsReceived(Request());
  request.headers.Add("Sec-WebSocket-Key", kKey);
  EXPECT_EQ(StatusFor(request), 400);
}

TEST(WebSocketHandshake, OnlyPagesOfAllowedOriginsOpenOne) {
  const WebSocketOrigins origins{.allowed = {"https://relay.example", "https://other:8443"}};
  HttpRequest request = AsReceived(Request());
  EXPECT_EQ(StatusFor(request, origins), 101) << "a program sends no origin";
  for (const std::string_view origin : {"https://relay.example", "HTTPS://Other:8443"}) {
    request.headers.Set("Origin", origin);
    EXPECT_EQ(StatusFor(request, origins), 101) << origin;
  }
  for (const std::string_view origin :
       {"https://relay.example.evil", "http://relay.example", "https://other", "null", ""}) {
    request.headers.Set("Origin", origin);
    EXPECT_EQ(StatusFor(request, origins), 403) << origin;
  }
  request.headers.Set("Origin", "https://relay.example");
  EXPECT_EQ(StatusFor(request, {}), 403) << "nothing is allowed by default";
  request.headers.Add("Origin", "https://relay.example");
  EXPECT_EQ(StatusFor(request, origins), 403) << "two origins are none";
}

TEST(WebSocketHandshake, AClientTakesNoAnswerButTheOneToItsRequest) {
  const HttpResponse good = AsReceived(AnswerWebSocket(AsReceived(Request()), {}));
  ASSERT_EQ(WebSocketRefusal(good, kKey), "");
  EXPECT_NE(WebSocketRefusal(good, NewWebSocketKey()), "");
  HttpResponse answer = good;
  answer.headers.Set("Upgrade", "h2c");
  EXPECT_NE(WebSocketRefusal(answer, kKey), "");
  answer = good;
  answer.headers.Set("Connection", "close");
  EXPECT_NE(WebSocketRefusal(answer, kKey), "");
  for (const std::string_view name : {"Sec-WebSocket-Extensions", "Sec-WebSocket-Protocol"}) {
    answer = good;
    answer.headers.Add(name, "permessage-deflate");
    EXPECT_NE(WebSocketRefusal(answer, kKey), "") << name;
  }
}

TEST(WebSocketHandshake, ARefusalSaysWhatTheServerSaid) {
  HttpResponse answer;
  answer.status = 403;
  answer.body = "this token is used up\n";
  EXPECT_EQ(WebSocketRefusal(answer, kKey),
            "the server answered 403 Forbidden instead of a WebSocket: this token is used up");
}

}  // namespace
}  // namespace engine
