#include "tests/unit/plugin/fake_machine.h"

#include <algorithm>
#include <array>
#include <optional>

#include "engine/base/check.h"
#include "engine/http/http_server.h"
#include "engine/http/websocket.h"
#include "engine/http/websocket_handshake.h"
#include "engine/net/secure_connection.h"
#include "engine/tls/tls_channel.h"

namespace client {

using namespace engine::datachannel;  // The words of one protocol.
using engine::test::Must;

namespace {

constexpr char kAddress[] = "10.0.0.1";
constexpr uint16_t kPort = 443;

}  // namespace

// Connection is one of the client's: a data channel's, or a call of the API.
class FakeMachine::Connection final : private engine::SecureConnection::Events,
                                      private engine::HttpServerSession::Handler,
                                      private engine::WebSocket::Handler {
 public:
  Connection(FakeMachine& machine, engine::Socket socket)
      : machine_(machine),
        connection_(machine.driver_.loop(), static_cast<engine::SecureConnection::Events&>(*this)) {
    connection_.Adopt(
        socket,
        std::make_unique<engine::TlsChannel>(*machine.context_, machine.driver_.loop().buffers()),
        engine::BufferRef());
  }

  engine::WebSocket* socket() { return socket_.get(); }
  void Cut() {
    if (!is_over_) connection_.Close();
  }
  void CloseFrame() {
    socket_->Close(engine::WebSocketCode::kGoingAway, "moving", connection_.loop().Now());
  }
  bool is_over() const { return is_over_; }

 private:
  void OnSecured(engine::SecureConnection&) override {
    http_ = std::make_unique<engine::HttpServerSession>(
        connection_, static_cast<engine::HttpServerSession::Handler&>(*this),
        connection_.loop().Now());
    connection_.SetProtocol(*http_);
  }

  void OnRequest(engine::HttpServerSession& http, engine::HttpRequest request) override {
    if (!engine::IsWebSocketUpgrade(request)) {
      http.Respond(AnswerTo(request));
      machine_.calls.push_back(std::move(request));
      return;
    }
    machine_.urls.push_back(request.target);
    const engine::HttpResponse answer = engine::AnswerWebSocket(request, {});
    CHECK(answer.status == 101);
    const engine::Instant now = connection_.loop().Now();
    const std::string behind = http.Yield();
    socket_ = std::make_unique<engine::WebSocket>(connection_,
                                                  static_cast<engine::WebSocket::Handler&>(*this),
                                                  engine::WebSocketOptions(), answer, now);
    connection_.ReplaceProtocol(*socket_);
    socket_->ReceiveBytes(engine::AsBytes(behind), now);
  }

  engine::HttpResponse AnswerTo(const engine::HttpRequest& request) {
    const bool is_resume = request.headers.Get("X-Amz-Target") == "AmazonSSM.ResumeSession";
    if (is_resume && !machine_.resume_answers.empty()) {
      engine::HttpResponse answer = std::move(machine_.resume_answers.front());
      machine_.resume_answers.pop_front();
      return answer;
    }
    engine::HttpResponse answer;
    answer.status = 200;
    answer.body = is_resume ? R"({"SessionId":"s","TokenValue":"token-)" +
                                  std::to_string(machine_.calls.size() + 2) + "\"}"
                            : R"({"SessionId":"s"})";
    return answer;
  }

  void OnMessage(engine::WebSocketKind kind, engine::ByteView bytes) override {
    if (kind == engine::WebSocketKind::kText) {
      OpenDataChannel open;
      CHECK(Decode(engine::AsText(bytes), open));
      machine_.opens.push_back(open);
      machine_.current_ = this;  // The newest wins.
      machine_.channel_.Connected();
      return machine_.Pump();
    }
    AgentMessage message;
    CHECK(Decode(bytes, message) == AgentMessageError::kNone);
    machine_.channel_.Receive(message, connection_.loop().Now());
    machine_.Pump();
  }
  void OnRoom() override { machine_.Pump(); }
  void OnClosed(const engine::WebSocketEnd&) override {
    if (machine_.current_ != this) return;
    machine_.current_ = nullptr;
    machine_.channel_.Disconnected();
  }
  void OnClosed(engine::SecureConnection&, const engine::ConnectionEnd& end) override {
    is_over_ = true;
    if (socket_ != nullptr) socket_->HandleEnd(end.text);
  }

  FakeMachine& machine_;
  engine::SecureConnection connection_;
  std::unique_ptr<engine::HttpServerSession> http_;
  std::unique_ptr<engine::WebSocket> socket_;
  bool is_over_ = false;
};

FakeMachine::FakeMachine(engine::LoopDriver& driver)
    : driver_(driver),
      context_(Must(engine::TlsContext::Server(
          {.identity = authority_.ServerIdentity({"relay", {"relay.test"}, {kAddress}}),
           .protocols = {"http/1.1"},
           .clock = engine::test::TestClock()}))),
      channel_(DataChannel::Side::kMachine, {}, *this, 1),
      accept_op_(engine::Handler<engine::Accepted>::To<&FakeMachine::OnAccepted>(this)),
      close_op_(engine::Handler<engine::Closed>::To<&FakeMachine::OnListenerClosed>(this)) {
  channel_.Disconnected();
  engine::Address address;
  CHECK(engine::Address::Parse(kAddress, kPort, address));
  listener_ = driver_.loop().Listen(address, 8).socket;
  driver_.loop().Accept(accept_op_, listener_);
}

FakeMachine::~FakeMachine() = default;

SessionTicket FakeMachine::Ticket() const {
  return {.session_id = "s",
          .token = "token-1",
          .stream = *engine::ParseSecureUrl(
              "wss", "wss://10.0.0.1/v1/data-channel/s?role=publish_subscribe")};
}

std::unique_ptr<engine::TlsContext> FakeMachine::ClientContext() const {
  return Must(engine::TlsContext::Client({.trust = engine::TlsTrust::Authority(authority_.Pem()),
                                          .identity = std::nullopt,
                                          .protocols = {},
                                          .clock = engine::test::TestClock()}));
}

void FakeMachine::Say(PayloadType type, const std::string& text) {
  for (size_t i = 0; i < text.size(); i += kStreamPayloadMax) {
    unsent_.emplace_back(type, text.substr(i, kStreamPayloadMax));
  }
  Pump();
}

void FakeMachine::Shake(HandshakeRequest request) {
  completes_handshake_ = true;
  Say(PayloadType::kHandshakeRequest, Encode(request));
}

void FakeMachine::Close(const std::string& output) {
  const std::string json =
      Encode(ChannelClosed{.message_id = "00112233-4455-6677-8899-aabbccddeeff",
                           .destination_id = "mi-1",
                           .session_id = "s",
                           .created = "2026-11-23T10:36:40.001Z",
                           .output = output});
  std::string frame(kAgentPayloadOffset + json.size(), '\0');
  Encode({.type = MessageType::kChannelClosed, .created_ms = 1, .payload = engine::AsBytes(json)},
         std::as_writable_bytes(std::span(frame)));
  CHECK(current_->socket()->Send(engine::WebSocketKind::kBinary, engine::AsBytes(frame)));
}

void FakeMachine::Cut(Manner manner) {
  if (current_ == nullptr) return;
  manner == Manner::kHard ? current_->Cut() : current_->CloseFrame();
}

void FakeMachine::Step() {
  if (channel_.NextDeadline() <= driver_.loop().Now())
    channel_.HandleDeadline(driver_.loop().Now());
  if (!is_deaf) channel_.Retry();
  Pump();
}

bool FakeMachine::Stop() {
  driver_.loop().Cancel(accept_op_);
  for (const auto& connection : connections_) connection->Cut();
  if (accept_op_.in_flight()) return false;
  if (!std::ranges::all_of(connections_, [](const auto& c) { return c->is_over(); })) return false;
  if (listener_.valid()) driver_.loop().Close(close_op_, std::exchange(listener_, {}));
  return !close_op_.in_flight();
}

bool FakeMachine::OnStreamData(PayloadType type, engine::ByteView payload) {
  if (is_deaf) return false;
  if (type == PayloadType::kOutput) {
    on_bytes ? on_bytes(payload) : void(bytes += engine::AsText(payload));
    return true;
  }
  others.emplace_back(type, engine::AsText(payload));
  if (type == PayloadType::kHandshakeResponse && completes_handshake_) {
    unsent_.emplace_front(PayloadType::kHandshakeComplete,
                          Encode(HandshakeComplete{.duration_ns = 1, .customer_message = {}}));
  }
  return true;
}

void FakeMachine::OnAccepted(engine::Accepted outcome) {
  if (outcome.error != engine::IoError::kNone) return;
  connections_.push_back(std::make_unique<Connection>(*this, outcome.socket));
}

void FakeMachine::Pump() {
  while (!unsent_.empty() && channel_.HasRoom()) {
    channel_.Send(unsent_.front().first, engine::AsBytes(unsent_.front().second));
    unsent_.pop_front();
  }
  std::array<std::byte, DataChannel::kOutgoingSizeMax> message;
  while (current_ != nullptr && channel_.HasNext() && current_->socket()->HasRoom(message.size())) {
    const size_t size = channel_.NextMessage(driver_.loop().Now(), 1, message);
    CHECK(current_->socket()->Send(engine::WebSocketKind::kBinary,
                                   engine::ByteView(message).first(size)));
  }
}

}  // namespace client
