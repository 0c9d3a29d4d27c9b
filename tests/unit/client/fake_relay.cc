#include "tests/unit/client/fake_relay.h"

#include <gtest/gtest.h>

#include <cstring>
#include <deque>
#include <type_traits>
#include <utility>

#include "engine/http/http_server.h"
#include "engine/tls/tls_channel.h"
#include "engine/wire/protocol_names.h"

namespace client {

using engine::CloseCode;
using engine::SecureConnection;
using engine::test::Must;

namespace {

constexpr char kAddress[] = "10.0.0.1";
constexpr uint16_t kPort = 443;
constexpr engine::ResumeSecret kLaneSecret{std::byte{7}};

}  // namespace

class FakeRelay::Connection final : private SecureConnection::Events,
                                    private engine::JoinExchange::Events,
                                    private engine::TlsTunnel::Events,
                                    private engine::HttpServerSession::Handler,
                                    private engine::LinkEvents {
 public:
  Connection(FakeRelay& relay, engine::Socket socket, Manner manner)
      : relay_(relay), manner_(manner) {
    outer_ = NewConnection();
    outer_->Adopt(socket, std::make_unique<engine::TlsChannel>(*relay.context_, loop().buffers()),
                  engine::BufferRef());
  }

  void Step() {
    if (swallow_ && inner_ != nullptr) inner_->Close();
    if (relay_.inspects_ && joined_ && exchange_->sent() && !spoken_ && !seen.over) {
      spoken_ = true;
      secret_ = kLaneSecret;
      return relay_.waiting_ != nullptr ? AwaitResume() : Speak(*outer_);
    }
    if (relay_.inspects_) return;
    // `joined` must be out before the tunnel speaks.
    if (!seen.wrapped || tunnel_ != nullptr || !joined_ || !exchange_->sent() || seen.over) return;
    tunnel_ = std::make_unique<engine::TlsTunnel>(*outer_, InnerChannel(),
                                                  static_cast<engine::TlsTunnel::Events&>(*this));
    outer_->ReplaceProtocol(*tunnel_);
    tunnel_->Start(loop().Now());
  }
  void Close() {
    if (seen.over) return;
    (inner_ != nullptr ? inner_ : outer_)->Close();
  }
  engine::Multiplexer& multiplexer() { return *multiplexer_; }
  FakeStream& stream(size_t number) { return *streams_.at(number); }
  bool Answer() {
    const Held held = held_.front();
    held_.pop_front();
    seen.held_count = held_.size();
    return Accept(held.id, held.request);
  }

  Seen seen;

 private:
  engine::Loop& loop() { return relay_.driver_.loop(); }
  std::unique_ptr<SecureConnection> NewConnection() {
    return std::make_unique<SecureConnection>(loop(),
                                              static_cast<SecureConnection::Events&>(*this));
  }
  std::unique_ptr<engine::TlsChannel> InnerChannel() {
    const SessionSide& side = manner_ == Manner::kOtherKey ? relay_.stranger : relay_.node;
    inner_context_ =
        Must(engine::TlsContext::Server({.identity = side.identity,
                                         .client_public_key = relay_.client.key.PublicFingerprint(),
                                         .protocols = {"adit/1"}}));
    return std::make_unique<engine::TlsChannel>(*inner_context_, loop().buffers());
  }

  void OnSecured(SecureConnection& connection) override {
    if (&connection == inner_.get()) {
      if (relay_.waiting_ != nullptr) return AwaitResume();
      secret_ = engine::ResumeSecretOf(inner_->channel());
      return Speak(*inner_);
    }
    seen.protocol = connection.channel().protocol();
    if (seen.protocol == "adit/1") return Speak(*outer_);
    if (seen.protocol == engine::kApiProtocol) {
      calls_ = std::make_unique<engine::HttpServerSession>(
          connection, static_cast<engine::HttpServerSession::Handler&>(*this), loop().Now());
      return connection.SetProtocol(*calls_);
    }
    exchange_ = std::make_unique<engine::JoinExchange>(
        connection, static_cast<engine::JoinExchange::Events&>(*this), engine::Instant::max());
    connection.SetProtocol(*exchange_);
  }
  void OnRequest(engine::HttpServerSession& calls, engine::HttpRequest request) override {
    if (request.target != engine::kJoinTarget) return calls.Respond({.status = 200});
    const std::string behind = calls.Yield();
    if (manner_ == Manner::kClosesJoin) return outer_->CloseAfterOutput();
    if (manner_ == Manner::kCutsJoin) return outer_->Close();
    exchange_ = std::make_unique<engine::JoinExchange>(
        *outer_, static_cast<engine::JoinExchange::Events&>(*this), engine::Instant::max());
    outer_->ReplaceProtocol(*exchange_);
    if (behind.empty()) return;
    engine::BufferRef block = loop().buffers().Take();
    std::memcpy(block.bytes().data(), behind.data(), behind.size());
    exchange_->Receive(block.Share(0, behind.size()), loop().Now());
  }
  // TakeOver makes `protocol` speak, perhaps in the place of the exchange.
  void TakeOver(SecureConnection& connection, engine::RecordProtocol& protocol) {
    relay_.inspects_ ? connection.ReplaceProtocol(protocol) : connection.SetProtocol(protocol);
  }
  // Where the node's frames flow.
  SecureConnection& far_end() { return relay_.inspects_ ? *outer_ : *inner_; }
  void AwaitResume() {
    resume_exchange_ = std::make_unique<engine::JoinExchange>(
        far_end(), static_cast<engine::JoinExchange::Events&>(*this), engine::Instant::max());
    TakeOver(far_end(), *resume_exchange_);
  }
  void OnResume(const engine::Resume& resume) {
    if (manner_ == Manner::kForgetful) {
      return resume_exchange_->Goaway(CloseCode::kSessionEnded, "the lane is over");
    }
    carried_ = std::exchange(relay_.waiting_, nullptr);
    const auto proof = [&](engine::ResumeSide side, uint64_t position) {
      const engine::ResumeClaim claim{
          .side = side, .lane = kLane, .epoch = resume.epoch, .position = position};
      return relay_.inspects_ ? engine::ResumeProofThroughRelay(carried_->secret_, claim)
                              : engine::ResumeProof(carried_->secret_, claim, inner_->channel());
    };
    EXPECT_TRUE(engine::IsProof(resume.proof, proof(engine::ResumeSide::kClient, resume.position)));
    const uint64_t position = carried_->multiplexer_->received_position();
    const std::string said = engine::Encode(
        engine::Resumed{.position = position, .proof = proof(engine::ResumeSide::kNode, position)});
    const std::string preface =
        engine::LinkFrame(engine::FrameType::kControl, engine::AsBytes(said));
    EXPECT_TRUE(carried_->multiplexer_->Resume(resume.position, engine::AsBytes(preface), far_end(),
                                               loop().Now()));
    far_end().ReplaceProtocol(*carried_->multiplexer_);
    far_end().OutputReady();
    seen.went_on = true;
  }
  void OnMessage(const engine::ControlMessage& message) override {
    if (const auto* resume = std::get_if<engine::Resume>(&message)) return OnResume(*resume);
    const auto& join = std::get<engine::Join>(message);
    seen.token = join.token;
    seen.wrapped = join.is_wrapped;
    if (manner_ == Manner::kElsewhere) return exchange_->Goaway(CloseCode::kElsewhere, "7");
    if (manner_ == Manner::kRefuse) return exchange_->Goaway(CloseCode::kBadToken, "too old");
    joined_ = true;
    exchange_->Send(engine::Joined{});
    if (!seen.wrapped && manner_ != Manner::kEndsTls) outer_->Detach();
    EXPECT_TRUE(seen.wrapped || !relay_.inspects_);
  }
  void OnGoaway(CloseCode, std::string_view) override { seen.said_goodbye = true; }
  void OnBroken(std::string_view text) override { ADD_FAILURE() << text; }
  void OnDetached(SecureConnection&, engine::DetachedSocket detached) override {
    inner_ = NewConnection();
    inner_->Adopt(detached.socket, InnerChannel(), std::move(detached.unread));
    swallow_ = manner_ == Manner::kSwallow;
    old_ = std::move(outer_);
  }
  void OnInnerSecured() override { Speak(*tunnel_); }
  void OnInnerEnded(const engine::ConnectionEnd&) override { outer_->CloseAfterOutput(); }

  template <class Carrier>
  void Speak(Carrier& carrier) {
    multiplexer_ = std::make_unique<engine::Multiplexer>(
        engine::Side::kAccepted,
        engine::MultiplexerOptions{.resume_bytes_max = engine::kResumeBytesMin},
        static_cast<engine::LinkEvents&>(*this), loop().buffers(), loop().Now());
    multiplexer_->Attach(carrier);
    if constexpr (std::is_same_v<Carrier, SecureConnection>) {
      TakeOver(carrier, *multiplexer_);
    } else {
      carrier.SetProtocol(*multiplexer_);
    }
    if (manner_ == Manner::kElsewhere) {
      multiplexer_->Goaway(CloseCode::kElsewhere, "7");
      return carrier.OutputReady();
    }
    const bool as_node = (seen.protocol != "adit/1") != (manner_ == Manner::kWrongRole);
    std::vector<std::string> features = {std::string(engine::kFeatureResume)};
    if (relay_.takes_early) features.emplace_back(engine::kFeatureEarlyData);
    const engine::Hello hello{.features = std::move(features),
                              .software = "fake/1",
                              .role = as_node ? "node" : "relay",
                              .lane = kLane};
    EXPECT_TRUE(multiplexer_->SendControl(engine::kLinkStream, engine::Encode(hello)));
    carrier.OutputReady();
  }
  void OnOpen(engine::StreamId id, engine::Priority, engine::ByteView request) override {
    if (relay_.holds) {
      held_.push_back({id, std::string(engine::AsText(request))});
      seen.held_count = held_.size();
      return;
    }
    EXPECT_TRUE(Accept(id, engine::AsText(request)));
  }
  bool Accept(engine::StreamId id, std::string_view request) {
    auto stream = std::make_unique<FakeStream>(*multiplexer_, id);
    stream->pool = &loop().buffers();
    stream->echoes = true;
    EXPECT_TRUE(engine::DecodeOpen(request, stream->request));
    if (!multiplexer_->Accept(id, *stream)) return false;
    streams_.push_back(std::move(stream));
    seen.stream_count = streams_.size();
    return true;
  }
  void OnControl(engine::ByteView message) override {
    engine::ControlMessage control;
    ASSERT_TRUE(engine::Decode(engine::AsText(message), control));
    if (const auto* hello = std::get_if<engine::Hello>(&control)) {
      multiplexer_->PeerResumes(engine::HasFeature(*hello, engine::kFeatureResume));
      if (relay_.takes_early && engine::HasFeature(*hello, engine::kFeatureEarlyData)) {
        multiplexer_->PeerTakesEarly();
      }
      seen.hello = *hello;
      seen.hello_came = true;
    }
  }
  void OnFailed(CloseCode, std::string_view text) override { ADD_FAILURE() << text; }

  void OnClosed(SecureConnection&, const engine::ConnectionEnd& end) override {
    seen.over = true;
    Connection* carried = carried_ != nullptr ? carried_ : this;
    if (carried->multiplexer_ == nullptr) return;
    const bool in_order = relay_.inspects_ ? seen.said_goodbye
                                           : end.kind == engine::ConnectionEnd::Kind::kClosedByPeer;
    if (carried->multiplexer_->can_resume() && !in_order) {
      carried->multiplexer_->Suspend();
      relay_.waiting_ = carried;
    } else {
      carried->multiplexer_->Disconnected(CloseCode::kConnectionReset, "");
    }
  }

  FakeRelay& relay_;
  const Manner manner_;
  std::unique_ptr<engine::TlsContext> inner_context_;
  std::unique_ptr<engine::Multiplexer> multiplexer_;
  std::vector<std::unique_ptr<FakeStream>> streams_;
  struct Held {
    engine::StreamId id;
    std::string request;
  };
  std::deque<Held> held_;
  engine::ResumeSecret secret_{};
  Connection* carried_ = nullptr;  // Whose lane goes on here.
  std::unique_ptr<engine::HttpServerSession> calls_;
  std::unique_ptr<engine::JoinExchange> exchange_;
  std::unique_ptr<engine::JoinExchange> resume_exchange_;
  std::unique_ptr<engine::TlsTunnel> tunnel_;
  std::unique_ptr<SecureConnection> outer_;
  std::unique_ptr<SecureConnection> old_;  // Detached.
  std::unique_ptr<SecureConnection> inner_;
  bool joined_ = false;
  bool swallow_ = false;
  bool spoken_ = false;
};

FakeRelay::FakeRelay(engine::LoopDriver& driver)
    : driver_(driver),
      context_(
          Must(engine::TlsContext::Server({.identity = authority_.ServerIdentity(),
                                           .protocols = {"adit/1", "adit-join/1", "adit-api/1"},
                                           .clock = engine::test::TestClock()}))),
      accept_op_(engine::Handler<engine::Accepted>::To<&FakeRelay::OnAccepted>(this)),
      close_op_(engine::Handler<engine::Closed>::To<&FakeRelay::OnListenerClosed>(this)) {
  engine::Address address;
  EXPECT_TRUE(engine::Address::Parse(kAddress, kPort, address));
  listener_ = driver.loop().Listen(address, 8).socket;
  driver.loop().Accept(accept_op_, listener_);
}

FakeRelay::~FakeRelay() = default;

const engine::TlsContext& FakeRelay::CallsContext() {
  calls_context_ =
      Must(engine::TlsContext::Client({.trust = engine::TlsTrust::Authority(authority_.Pem()),
                                       .protocols = {std::string(engine::kApiProtocol), "http/1.1"},
                                       .clock = engine::test::TestClock()}));
  return *calls_context_;
}

engine::HostPort FakeRelay::address() { return {kAddress, kPort}; }

LinkTarget FakeRelay::Inspected() {
  return {.relay = {kAddress, kPort},
          .ca_pem = authority_.Pem(),
          .node_label = "web-1",
          .session_id = "alice-1",
          .ticket = {.token = "ticket-1", .loop = 0},
          .node_context = nullptr,
          .wrapped = false,
          .clock = engine::test::TestClock(),
          .options = {}};
}

LinkTarget FakeRelay::Sealed() {
  LinkTarget target = Inspected();
  target.node_context = Must(engine::TlsContext::Client(
      {.trust = engine::TlsTrust::PublicKey(node.key.PublicFingerprint()),
       .identity = client.identity,
       .protocols = {"adit/1"},
       .clock = {}}));
  return target;
}

LinkTarget FakeRelay::Resuming() {
  LinkTarget target = Sealed();
  target.patience = Patience(std::chrono::hours(1));
  target.options.resume_bytes_max = engine::kResumeBytesMin;
  return target;
}

LinkTarget FakeRelay::InspectedLane() {
  inspects_ = true;
  LinkTarget target = Resuming();
  target.node_context = nullptr;
  target.lane_secret = kLaneSecret;
  return target;
}

const FakeRelay::Seen& FakeRelay::seen(size_t index) const { return connections_.at(index)->seen; }
engine::Multiplexer& FakeRelay::multiplexer(size_t index) {
  return connections_.at(index)->multiplexer();
}
FakeStream& FakeRelay::stream(size_t index, size_t number) {
  return connections_.at(index)->stream(number);
}

bool FakeRelay::Answer(size_t index) { return connections_.at(index)->Answer(); }

void FakeRelay::OnAccepted(engine::Accepted outcome) {
  if (outcome.error != engine::IoError::kNone) return;
  Manner manner = Manner::kHonest;
  if (!manners.empty()) {
    manner = manners.front();
    manners.pop_front();
  }
  connections_.push_back(std::make_unique<Connection>(*this, outcome.socket, manner));
}

void FakeRelay::Step() {
  for (const auto& connection : connections_) connection->Step();
}

void FakeRelay::Cut(size_t index) { connections_.at(index)->Close(); }

bool FakeRelay::Stop() {
  driver_.loop().Cancel(accept_op_);
  bool over = !accept_op_.in_flight();
  for (const auto& connection : connections_) {
    connection->Close();
    over = over && connection->seen.over;
  }
  if (!over) return false;
  if (listener_.valid()) driver_.loop().Close(close_op_, std::exchange(listener_, {}));
  return !close_op_.in_flight();
}

}  // namespace client
