#include "tests/unit/agent/joining_relay.h"

#include <array>
#include <deque>
#include <utility>

#include "engine/base/check.h"
#include "engine/loop/loop.h"
#include "engine/tls/tls_channel.h"
#include "engine/tls/tls_context.h"

namespace agent {

using engine::BufferRef;
using engine::ByteView;
using engine::Instant;
using engine::SecureConnection;

// ------------------------------------------------------------------- the agent

AgentLink::AgentLink(SecureConnection& connection, engine::BufferPool& pool, Instant now)
    : multiplexer_(engine::Side::kAccepted, {}, static_cast<engine::LinkEvents&>(*this), pool,
                   now) {
  multiplexer_.Attach(connection);
  connection.SetProtocol(multiplexer_);
}

void AgentLink::OnControl(ByteView message) {
  engine::ControlMessage decoded;
  ASSERT_TRUE(engine::Decode(engine::AsText(message), decoded)) << engine::AsText(message);
  if (const auto* said = std::get_if<engine::Hello>(&decoded)) {
    hello = *said;
    engine::Hello answer;
    answer.role = "relay";
    answer.features = {std::string(engine::kFeatureSealed)};
    return Send(answer);
  }
  messages.push_back(std::move(decoded));
}

void AgentLink::Send(const engine::ControlMessage& message) {
  EXPECT_TRUE(multiplexer_.SendControl(engine::kLinkStream, engine::Encode(message)));
}

void AgentLink::Lost() {
  multiplexer_.Disconnected(engine::CloseCode::kNodeGone, "the agent's link ended");
}

// ---------------------------------------------------------------------- one leg

// A leg begins as TLS with one frame each way. Then it is a raw socket, or stays in TLS.
class JoiningRelay::Leg final : private SecureConnection::Events,
                                private engine::JoinExchange::Events,
                                private engine::RecordProtocol {
 public:
  Leg(JoiningRelay& relay, engine::Socket socket)
      : relay_(relay),
        loop_(relay.driver_.loop()),
        receive_op_(engine::Handler<engine::Received>::To<&Leg::OnReceived>(this)),
        send_op_(engine::Handler<engine::Sent>::To<&Leg::OnSent>(this)),
        close_op_(engine::Handler<engine::Closed>::To<&Leg::OnRawClosed>(this)) {
    connection_ =
        std::make_unique<SecureConnection>(loop_, static_cast<SecureConnection::Events&>(*this));
    connection_->Adopt(socket, std::make_unique<engine::TlsChannel>(relay.tls_, loop_.buffers()),
                       BufferRef());
  }

  void Join(Leg& other) {
    other_ = &other;
    exchange_->Send(engine::Joined{});
    if (!wrapped_) connection_->Detach();
  }
  bool joined() const { return other_ != nullptr; }
  bool can_join() const { return !gone_ && !cut_ && connection_->open(); }
  bool is_agent() const { return is_agent_; }
  bool gone() const { return gone_; }

  // Cut ends it without a word.
  void Cut() {
    if (gone_ || cut_) return;
    cut_ = true;
    if (!raw_.valid()) return connection_->Close();
    loop_.Cancel(receive_op_);
    loop_.Cancel(send_op_);
    CloseIfIdle();
  }

 private:
  // Push is what the other leg received.
  void Push(BufferRef bytes) {
    if (gone_ || cut_) return;
    queue_.push_back(std::move(bytes));
    Send();
  }
  void Finish() {
    finished_ = true;
    Send();
  }
  void Send() {
    if (gone_ || cut_) return;
    if (wrapped_) return queue_.empty() ? EndWrapped() : connection_->OutputReady();
    if (!raw_.valid() || send_op_.in_flight()) return;
    if (!queue_.empty()) {
      const ByteView bytes = queue_.front().bytes();
      return loop_.Send(send_op_, raw_, {&bytes, 1}, engine::SendMode::kCopy);
    }
    if (finished_) loop_.Shutdown(raw_, engine::ShutdownSide::kSend);
  }
  void EndWrapped() {
    if (finished_) connection_->CloseAfterOutput();
  }

  void OnSecured(SecureConnection& connection) override {
    if (connection.channel().protocol() == "adit/1") {
      is_agent_ = true;
      relay_.agent = std::make_unique<AgentLink>(connection, loop_.buffers(), loop_.Now());
      return;
    }
    exchange_ = std::make_unique<engine::JoinExchange>(
        connection, static_cast<engine::JoinExchange::Events&>(*this), Instant::max());
    connection.SetProtocol(*this);
  }
  void OnMessage(const engine::ControlMessage& message) override {
    const auto* join = std::get_if<engine::Join>(&message);
    ASSERT_NE(join, nullptr);
    wrapped_ = join->is_wrapped;
    relay_.OnJoin(*this, *join);
  }
  void OnGoaway(engine::CloseCode, std::string_view) override {}
  void OnBroken(std::string_view text) override {
    exchange_->Goaway(engine::CloseCode::kProtocolError, text);
  }

  void Receive(BufferRef plaintext, Instant now) override {
    if (!joined()) return exchange_->Receive(std::move(plaintext), now);
    other_->Push(std::move(plaintext));
  }
  size_t GatherRecord(std::span<ByteView> slices, Instant now) override {
    const size_t count = exchange_->GatherRecord(slices, now);
    from_exchange_ = count > 0;
    if (count > 0 || !wrapped_ || queue_.empty()) return count;
    taking_ = std::min(queue_.front().size(), engine::kRecordSizeMax);
    slices[0] = queue_.front().bytes().first(taking_);
    return 1;
  }
  void RecordTaken() override {
    if (from_exchange_) return exchange_->RecordTaken();
    BufferRef& front = queue_.front();
    front = front.Share(taking_, front.size() - taking_);
    if (front.size() == 0) queue_.pop_front();
    if (queue_.empty()) EndWrapped();
  }
  Instant NextDeadline() const override { return Instant::max(); }
  void HandleDeadline(Instant) override {}

  void OnDetached(SecureConnection&, engine::DetachedSocket detached) override {
    raw_ = detached.socket;
    if (cut_) return CloseIfIdle();
    // What the end said right after `joined`, while TLS was still being laid aside.
    for (BufferRef& bytes : detached.unread) {
      if (!relay_.swallows) other_->Push(std::move(bytes));
    }
    loop_.Receive(receive_op_, raw_, engine::ReceiveMode::kOnce);
    Send();
  }
  void OnReceived(engine::Received outcome) {
    if (cut_) return CloseIfIdle();
    if (outcome.error != engine::IoError::kNone) return other_->Finish();
    if (!relay_.swallows) other_->Push(std::move(outcome.data));
    outcome.data = {};
    loop_.Receive(receive_op_, raw_, engine::ReceiveMode::kOnce);
  }
  void OnSent(engine::Sent outcome) {
    if (cut_) return CloseIfIdle();
    queue_.pop_front();
    if (outcome.error == engine::IoError::kNone) Send();
  }
  void CloseIfIdle() {
    if (receive_op_.in_flight() || send_op_.in_flight() || close_op_.in_flight()) return;
    queue_.clear();
    loop_.Close(close_op_, raw_, engine::CloseMode::kReset);
  }
  void OnRawClosed(engine::Closed) { gone_ = true; }
  void OnClosed(SecureConnection&, const engine::ConnectionEnd&) override {
    gone_ = true;
    queue_.clear();
    if (is_agent_ && relay_.agent != nullptr) {
      relay_.agent->Lost();
      relay_.agent.reset();
    }
    if (joined()) other_->Finish();
  }

  JoiningRelay& relay_;
  engine::Loop& loop_;
  std::unique_ptr<SecureConnection> connection_;
  std::unique_ptr<engine::JoinExchange> exchange_;
  engine::Socket raw_;
  engine::ReceiveOp receive_op_;
  engine::SendOp send_op_;
  engine::CloseOp close_op_;
  Leg* other_ = nullptr;
  std::deque<BufferRef> queue_;
  size_t taking_ = 0;
  bool from_exchange_ = false;
  bool is_agent_ = false;
  bool wrapped_ = false;
  bool finished_ = false;
  bool cut_ = false;
  bool gone_ = false;
};

// -------------------------------------------------------------------- the relay

JoiningRelay::JoiningRelay(engine::LoopDriver& driver, const engine::TlsContext& tls,
                           const std::string& host, uint16_t port)
    : driver_(driver),
      tls_(tls),
      accept_op_(engine::Handler<engine::Accepted>::To<&JoiningRelay::OnAccepted>(this)),
      close_op_(engine::Handler<engine::Closed>::To<&JoiningRelay::OnListenerClosed>(this)) {
  CHECK(engine::Address::Parse(host, port, address_));
  const engine::Opened opened = driver.loop().Listen(address_, 64);
  CHECK(opened.error == engine::IoError::kNone);
  listener_ = opened.socket;
  address_ = driver.loop().LocalAddress(listener_);
  driver.loop().Accept(accept_op_, listener_);
}

JoiningRelay::~JoiningRelay() = default;

uint16_t JoiningRelay::port() const { return address_.port(); }

void JoiningRelay::Expect(const std::string& one, const std::string& other) {
  partners_[one] = other;
  partners_[other] = one;
}

void JoiningRelay::OnAccepted(engine::Accepted outcome) {
  if (outcome.error != engine::IoError::kNone) return;
  legs_.push_back(std::make_unique<Leg>(*this, outcome.socket));
}

void JoiningRelay::OnJoin(Leg& leg, const engine::Join& join) {
  joins.push_back(join);
  const auto partner = partners_.find(join.token);
  if (partner == partners_.end()) return leg.Cut();
  const auto other = waiting_.find(partner->second);
  if (other == waiting_.end() || !other->second->can_join()) {
    waiting_[join.token] = &leg;
    return;
  }
  other->second->Join(leg);
  leg.Join(*other->second);
  waiting_.erase(other);
}

void JoiningRelay::CutLanes() {
  for (const auto& leg : legs_) {
    if (leg->joined()) leg->Cut();
  }
}

void JoiningRelay::CutAgent() {
  for (const auto& leg : legs_) {
    if (leg->is_agent()) leg->Cut();
  }
}

bool JoiningRelay::Stop() {
  driver_.loop().Cancel(accept_op_);
  bool idle = !accept_op_.in_flight();
  for (const auto& leg : legs_) {
    leg->Cut();
    idle = idle && leg->gone();
  }
  if (!idle) return false;
  if (listener_.valid()) driver_.loop().Close(close_op_, std::exchange(listener_, {}));
  return !close_op_.in_flight();
}

}  // namespace agent
