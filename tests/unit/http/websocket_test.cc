// Goal: two ends that open a WebSocket exchange messages, close in order, and neither holds more
// than its bounds whatever the other does.
// Method: two WebSockets between carriers of strings, and a clock that the test moves.

#include "engine/http/websocket.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

#include "engine/http/http_server.h"
#include "engine/http/websocket_handshake.h"
#include "tests/unit/http/http_harness.h"

namespace engine {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class Listener final : public WebSocket::Handler {
 public:
  void OnOpen() override { ++open_count; }
  void OnMessage(WebSocketKind kind, ByteView bytes) override {
    messages.push_back((kind == WebSocketKind::kText ? "text " : "binary ") +
                       std::string(AsText(bytes)));
  }
  void OnRoom() override { ++room_count; }
  void OnClosed(const WebSocketEnd& end) override {
    EXPECT_FALSE(ended.has_value());
    ended = end;
  }

  int open_count = 0;
  int room_count = 0;
  std::vector<std::string> messages;
  std::optional<WebSocketEnd> ended;
};

class WebSocketPair : public testing::Test {
 protected:
  // Accept answers the client's request as a server does, from an HTTP connection.
  class Door final : public HttpServerSession::Handler {
   public:
    void OnRequest(HttpServerSession& session, HttpRequest request) override {
      answer = AnswerWebSocket(request, {});
      first_bytes = session.Yield();
    }
    HttpResponse answer;
    std::string first_bytes;
  };
  void Open() {
    Door door;
    HttpServerSession http(server_carrier, door, server_carrier.now);
    server_carrier.Deliver(http, client_carrier.Collect(client));
    ASSERT_EQ(door.answer.status, 101);
    EXPECT_EQ(server_carrier.Collect(http), "");
    EXPECT_EQ(http.NextDeadline(), Instant::max());
    server.emplace(server_carrier, server_ear, options, door.answer, server_carrier.now);
    Exchange();
    ASSERT_EQ(client_ear.open_count, 1);
  }
  // Exchange lets both say all they have, in pieces that end anywhere.
  void Exchange() {
    for (int i = 0; i < 4; ++i) {
      client_carrier.Deliver(client, server_carrier.Collect(*server), 7);
      server_carrier.Deliver(*server, client_carrier.Collect(client), 11);
    }
  }
  void Pass(Duration time) {
    server_carrier.now += time;
    client_carrier.now += time;
  }

  WebSocketOptions options{.message_size_max = 1000, .output_size_max = 4000};
  StringCarrier client_carrier;
  StringCarrier server_carrier;
  Listener client_ear;
  Listener server_ear;
  const std::string key = NewWebSocketKey();
  WebSocket client{
      client_carrier,    client_ear, options, WebSocketRequest("relay", "/channel", key), key,
      client_carrier.now};
  std::optional<WebSocket> server;
};

TEST_F(WebSocketPair, MessagesPassBothWaysInOrder) {
  EXPECT_FALSE(client.Send(WebSocketKind::kText, AsBytes("too early")));
  Open();
  EXPECT_TRUE(client.Send(WebSocketKind::kText, AsBytes("open")));
  EXPECT_TRUE(client.Send(WebSocketKind::kBinary, AsBytes(std::string(900, 'b'))));
  EXPECT_TRUE(server->Send(WebSocketKind::kBinary, AsBytes("")));
  Exchange();
  EXPECT_EQ(server_ear.messages,
            (std::vector<std::string>{"text open", "binary " + std::string(900, 'b')}));
  EXPECT_EQ(client_ear.messages, (std::vector<std::string>{"binary "}));
}

TEST_F(WebSocketPair, WhatComesBehindTheAnswerInTheSameBytesIsRead) {
  Door door;
  HttpServerSession http(server_carrier, door, server_carrier.now);
  server_carrier.Deliver(http, client_carrier.Collect(client));
  server.emplace(server_carrier, server_ear, options, door.answer, server_carrier.now);
  EXPECT_TRUE(server->Send(WebSocketKind::kText, AsBytes("first")));
  client_carrier.Deliver(client, server_carrier.Collect(*server));
  EXPECT_EQ(client_ear.open_count, 1);
  EXPECT_EQ(client_ear.messages, (std::vector<std::string>{"text first"}));
}

TEST_F(WebSocketPair, ACloseIsAnsweredAndBothHearItsCode) {
  Open();
  server->Send(WebSocketKind::kText, AsBytes("last"));
  server->Close(WebSocketCode::kGoingAway, "the relay restarts", server_carrier.now);
  EXPECT_FALSE(server->Send(WebSocketKind::kText, AsBytes("after")));
  EXPECT_FALSE(server_ear.ended.has_value());
  Exchange();
  EXPECT_EQ(client_ear.messages, (std::vector<std::string>{"text last"}));
  ASSERT_TRUE(client_ear.ended.has_value());
  EXPECT_EQ(client_ear.ended->code, WebSocketCode::kGoingAway);
  EXPECT_EQ(client_ear.ended->text, "the relay restarts");
  EXPECT_TRUE(client_ear.ended->is_peers);
  ASSERT_TRUE(server_ear.ended.has_value());
  EXPECT_EQ(server_ear.ended->code, WebSocketCode::kGoingAway);
  EXPECT_TRUE(client_carrier.closed);
  EXPECT_TRUE(server_carrier.closed);
  server->HandleEnd("and nothing is said twice");
}

TEST_F(WebSocketPair, ACloseThatIsNotAnsweredEndsAfterTwoSeconds) {
  Open();
  Pass(seconds(20));
  server->Close(WebSocketCode::kNormal, "", server_carrier.now);
  server_carrier.Collect(*server);
  EXPECT_EQ(server->NextDeadline(), server_carrier.now + WebSocket::kCloseMax);
  client.Send(WebSocketKind::kText, AsBytes("not heard any more"));
  server_carrier.Deliver(*server, client_carrier.Collect(client));
  Pass(WebSocket::kCloseMax);
  server->HandleDeadline(server_carrier.now);
  EXPECT_TRUE(server_carrier.closed);
  ASSERT_TRUE(server_ear.ended.has_value());
  EXPECT_EQ(server_ear.ended->code, WebSocketCode::kCut);
  EXPECT_TRUE(server_ear.messages.empty());
}

TEST_F(WebSocketPair, AReasonIsCutBetweenCharacters) {
  Open();
  std::string reason(122, 'r');
  reason += "\xE2\x82\xAC";
  server->Close(WebSocketCode::kPolicy, reason, server_carrier.now);
  Exchange();
  ASSERT_TRUE(client_ear.ended.has_value());
  EXPECT_EQ(client_ear.ended->code, WebSocketCode::kPolicy);
  EXPECT_EQ(client_ear.ended->text, std::string(122, 'r'));
}

TEST_F(WebSocketPair, AMessageOverTheLimitIsClosedWithItsCode) {
  Open();
  server->set_message_size_max(10);
  client.Send(WebSocketKind::kText, AsBytes("eleven byte"));
  client.Send(WebSocketKind::kText, AsBytes("small"));
  Exchange();
  EXPECT_TRUE(server_ear.messages.empty());
  ASSERT_TRUE(server_ear.ended.has_value());
  EXPECT_EQ(server_ear.ended->code, WebSocketCode::kTooLarge);
  EXPECT_FALSE(server_ear.ended->is_peers);
  ASSERT_TRUE(client_ear.ended.has_value());
  EXPECT_EQ(client_ear.ended->code, WebSocketCode::kTooLarge);
  EXPECT_NE(client_ear.ended->text, "");
}

TEST_F(WebSocketPair, WhatWaitsIsBoundedAndRoomIsToldOnce) {
  Open();
  const std::string message(998 - kWebSocketFrameHeaderMax, 'm');
  int count = 0;
  while (server->Send(WebSocketKind::kBinary, AsBytes(message))) ++count;
  EXPECT_EQ(count, 4);
  EXPECT_FALSE(server->Send(WebSocketKind::kBinary, AsBytes("x")) &&
               server->Send(WebSocketKind::kBinary, AsBytes(message)));
  EXPECT_EQ(server_ear.room_count, 0);
  Exchange();
  EXPECT_EQ(server_ear.room_count, 1);
  EXPECT_GE(client_ear.messages.size(), 4u);
  EXPECT_TRUE(server->Send(WebSocketKind::kBinary, AsBytes(message)));
  Exchange();
  EXPECT_EQ(server_ear.room_count, 1);
}

TEST_F(WebSocketPair, APingIsAnsweredWithItsPayloadAndAFloodWithTheNewest) {
  Open();
  WebSocketFrames theirs(WebSocketSide::kClient);
  std::string flood;
  for (int i = 0; i < 10'000; ++i) {
    theirs.Append(flood, WebSocketOpcode::kPing, AsBytes("keepalive" + std::to_string(i)));
  }
  server_carrier.Deliver(*server, flood);
  std::string expected;
  WebSocketFrames(WebSocketSide::kServer)
      .Append(expected, WebSocketOpcode::kPong, AsBytes("keepalive9999"));
  EXPECT_EQ(server_carrier.Collect(*server), expected);
}

TEST_F(WebSocketPair, AControlFrameNeverStandsInsideAnother) {
  Open();
  server->Send(WebSocketKind::kBinary, AsBytes(std::string(900, 'm')));
  std::string ping;
  WebSocketFrames(WebSocketSide::kClient).Append(ping, WebSocketOpcode::kPing, AsBytes("p"));
  server_carrier.Deliver(*server, ping);
  std::string expected;
  WebSocketFrames ours(WebSocketSide::kServer);
  ours.Append(expected, WebSocketOpcode::kBinary, AsBytes(std::string(900, 'm')));
  ours.Append(expected, WebSocketOpcode::kPong, AsBytes("p"));
  EXPECT_EQ(server_carrier.Collect(*server), expected);
}

TEST_F(WebSocketPair, ASilentPeerIsPingedAndItsPongIsEnough) {
  Open();
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(server->NextDeadline(), server_carrier.now + options.ping_interval);
    Pass(options.ping_interval);
    server->HandleDeadline(server_carrier.now);
    Exchange();
  }
  EXPECT_FALSE(server_ear.ended.has_value());
}

TEST_F(WebSocketPair, APeerThatAnswersNoPingIsGivenUp) {
  Open();
  Pass(seconds(10'000));  // The machine slept: the peer still gets its time to answer.
  server->HandleDeadline(server_carrier.now);
  EXPECT_NE(server_carrier.Collect(*server), "");
  EXPECT_FALSE(server_ear.ended.has_value());
  Pass(options.answer_max - milliseconds(1));
  server->HandleDeadline(server_carrier.now);
  EXPECT_FALSE(server_ear.ended.has_value());
  Pass(milliseconds(1));
  server->HandleDeadline(server_carrier.now);
  ASSERT_TRUE(server_ear.ended.has_value());
  EXPECT_EQ(server_ear.ended->code, WebSocketCode::kCut);
  EXPECT_TRUE(server_carrier.closed);
  EXPECT_TRUE(server_carrier.given_up);
}

TEST_F(WebSocketPair, APeerThatReadsNothingIsGivenUp) {
  Open();
  server->Send(WebSocketKind::kText, AsBytes("never read"));
  for (Duration waited{}; waited <= WebSocket::kStallMax; waited += seconds(10)) {
    Pass(seconds(10));
    client.Send(WebSocketKind::kText, AsBytes("but I talk"));
    server_carrier.Deliver(*server, client_carrier.Collect(client));
    server->HandleDeadline(server_carrier.now);
  }
  ASSERT_TRUE(server_ear.ended.has_value());
  EXPECT_EQ(server_ear.ended->code, WebSocketCode::kCut);
}

TEST_F(WebSocketPair, AConnectionThatEndsWithoutACloseFrameIsCut) {
  Open();
  client.HandleEnd("the connection was reset");
  ASSERT_TRUE(client_ear.ended.has_value());
  EXPECT_EQ(client_ear.ended->code, WebSocketCode::kCut);
  EXPECT_EQ(client_ear.ended->text, "the connection was reset");
  client_carrier.Deliver(client, "anything");
  EXPECT_FALSE(client.Send(WebSocketKind::kText, AsBytes("x")));
}

TEST_F(WebSocketPair, ARefusalReachesTheClientAsText) {
  client_carrier.Collect(client);
  HttpResponse refusal;
  refusal.status = 403;
  refusal.body = "no such session\n";
  client_carrier.Deliver(client, Serialize(refusal, /*keep_alive=*/false), 3);
  ASSERT_TRUE(client_ear.ended.has_value());
  EXPECT_EQ(client_ear.ended->text,
            "the server answered 403 Forbidden instead of a WebSocket: no such session");
  EXPECT_EQ(client_ear.open_count, 0);
  EXPECT_TRUE(client_carrier.closed);
}

TEST_F(WebSocketPair, AServerThatDoesNotAnswerOrAnswersNonsenseIsGivenUp) {
  Listener other_ear;
  StringCarrier carrier;
  WebSocket other(carrier, other_ear, options, WebSocketRequest("a", "/", key), key, carrier.now);
  carrier.Deliver(other, "SSH-2.0-OpenSSH_9.2\r\n");
  EXPECT_TRUE(other_ear.ended.has_value());

  EXPECT_EQ(client.NextDeadline(), client_carrier.now + WebSocket::kOpenMax);
  Pass(WebSocket::kOpenMax);
  client.HandleDeadline(client_carrier.now);
  EXPECT_TRUE(client_ear.ended.has_value());
}

}  // namespace
}  // namespace engine
