#include "tests/unit/agent/sealed_fixture.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "engine/base/check.h"
#include "engine/loop/loop.h"
#include "engine/platform/create_loop.h"
#include "engine/sim/sim_loop.h"
#include "tests/support/tls_credentials.h"

namespace agent {

using std::chrono::milliseconds;

constexpr uint16_t kRelayPort = 443;
constexpr uint16_t kBlockCount = 4096;
constexpr uint32_t kBlockSize = 32 * 1024;

// ------------------------------------------------------------------- the server

class EchoServer::Connection {
 public:
  Connection(EchoServer& server, engine::Socket socket)
      : server_(server),
        socket_(socket),
        receive_op_(engine::Handler<engine::Received>::To<&Connection::OnReceived>(this)),
        send_op_(engine::Handler<engine::Sent>::To<&Connection::OnSent>(this)),
        close_op_(engine::Handler<engine::Closed>::To<&Connection::OnClosed>(this)) {
    if (!server.echoes) server.loop_.Shutdown(socket, engine::ShutdownSide::kSend);
    ReadOn();
  }

  void ReadOn() {
    if (!server_.reads || ended_ || cut_ || receive_op_.in_flight() || send_op_.in_flight()) return;
    server_.loop_.Receive(receive_op_, socket_, engine::ReceiveMode::kOnce);
  }
  bool Cut() {
    if (!std::exchange(cut_, true)) {
      server_.loop_.Cancel(receive_op_);
      server_.loop_.Cancel(send_op_);
      CloseIfIdle();
    }
    return closed_;
  }

 private:
  void OnReceived(engine::Received outcome) {
    if (cut_) return CloseIfIdle();
    if (outcome.error != engine::IoError::kNone) {
      ended_ = true;
      const bool in_order = outcome.error == engine::IoError::kEndOfStream;
      ++(in_order ? server_.finished_count : server_.reset_count);
      if (in_order && server_.echoes) {
        server_.loop_.Shutdown(socket_, engine::ShutdownSide::kSend);
      }
      return;
    }
    server_.read_bytes += outcome.data.size();
    if (!server_.echoes) return ReadOn();
    held_ = std::move(outcome.data);
    const engine::ByteView bytes = held_.bytes();
    server_.loop_.Send(send_op_, socket_, {&bytes, 1}, engine::SendMode::kCopy);
  }
  void OnSent(engine::Sent) {
    held_ = {};
    if (cut_) return CloseIfIdle();
    ReadOn();
  }
  void CloseIfIdle() {
    if (receive_op_.in_flight() || send_op_.in_flight() || close_op_.in_flight()) return;
    held_ = {};
    server_.loop_.Close(close_op_, socket_);
  }
  void OnClosed(engine::Closed) { closed_ = true; }

  EchoServer& server_;
  const engine::Socket socket_;
  engine::ReceiveOp receive_op_;
  engine::SendOp send_op_;
  engine::CloseOp close_op_;
  engine::BufferRef held_;
  bool ended_ = false;
  bool cut_ = false;
  bool closed_ = false;
};

EchoServer::EchoServer(engine::Loop& loop, const std::string& host, uint16_t port)
    : loop_(loop),
      accept_op_(engine::Handler<engine::Accepted>::To<&EchoServer::OnAccepted>(this)),
      close_op_(engine::Handler<engine::Closed>::To<&EchoServer::OnListenerClosed>(this)) {
  engine::Address address;
  CHECK(engine::Address::Parse(host, port, address));
  const engine::Opened opened = loop.Listen(address, 64);
  CHECK(opened.error == engine::IoError::kNone);
  listener_ = opened.socket;
  loop.Accept(accept_op_, listener_);
}

EchoServer::~EchoServer() = default;

void EchoServer::OnAccepted(engine::Accepted outcome) {
  if (outcome.error != engine::IoError::kNone) return;
  connections_.push_back(std::make_unique<Connection>(*this, outcome.socket));
}

void EchoServer::ReadOn() {
  reads = true;
  for (const auto& connection : connections_) connection->ReadOn();
}

bool EchoServer::Stop() {
  loop_.Cancel(accept_op_);
  bool idle = !accept_op_.in_flight();
  for (const auto& connection : connections_) idle = connection->Cut() && idle;
  if (!idle) return false;
  if (listener_.valid()) loop_.Close(close_op_, std::exchange(listener_, {}));
  return !close_op_.in_flight();
}

// -------------------------------------------------------------------- the world

void SealedFixture::Make(Shape shape) {
  Destroy();
  engine::LoopOptions options;
  options.io = engine::LoopIo::kEpoll;
  options.is_logged = false;
  process_loop_ = engine::test::Must(engine::CreateLoop(options));
  children_ = std::make_unique<MachinePrograms>(*process_loop_, ::geteuid());
  driver_ = std::make_unique<engine::LoopDriver>(
      std::make_unique<engine::sim::SimLoop>(seed_, shape.faults, kBlockCount, kBlockSize));
  const TestTrust& trust = SharedTrust();
  relay_ = std::make_unique<JoiningRelay>(*driver_, *trust.relay_context, kRelay, kRelayPort);
  server_ = std::make_unique<EchoServer>(loop(), kTarget, kTargetPort);
  context_ = std::make_unique<TargetContext>(
      TargetContext{loop(), driver_->resolver(), children_.get(), InheritedEnvironment{}});
  targets_ =
      std::make_unique<TargetTable>(*context_, std::make_shared<TargetQuota>(shape.targets_max));
  table_ = std::make_unique<SessionTable>(
      *driver_, *targets_,
      SessionTable::Options{"adit-agent/test",
                            identity_,
                            {{kRelay, kRelayPort}, trust.authority_pem, trust.node},
                            shape.sessions_max});
}

void SealedFixture::TearDown() { Destroy(); }

void SealedFixture::Destroy() {
  if (driver_ == nullptr) return;
  table_->EndAll(engine::CloseCode::kShuttingDown, "the test is over");
  table_->Close();
  targets_->EndAll(engine::CloseCode::kShuttingDown, "the test is over");
  for (const auto& client : clients_) {
    if (!client->over()) client->Cut();
  }
  EXPECT_TRUE(Run([this] {
    for (const auto& client : clients_) {
      if (!client->over()) return false;
    }
    return table_->count() == 0 && targets_->count() == 0 && relay_->Stop() && server_->Stop() &&
           loop().in_flight_count() == 0;
  })) << "something is left";
  clients_.clear();
  table_.reset();
  targets_.reset();
  server_.reset();
  relay_.reset();
  EXPECT_EQ(loop().buffers().free_count(), kBlockCount);
  driver_.reset();
  context_.reset();
  children_->Close();
  while (!children_->closed()) process_loop_->RunOnce(milliseconds(1));
  children_.reset();
  process_loop_.reset();
  heard_.clear();
}

bool SealedFixture::Run(const std::function<bool()>& done) {
  const engine::Instant start = loop().Now();
  while (!done()) {
    if (loop().Now() - start > std::chrono::minutes(5)) return false;
    driver_->RunOnce(milliseconds(100));
    targets_->Sweep();
    table_->Sweep();
  }
  return true;
}

void SealedFixture::RunFor(engine::Duration time) {
  const engine::Instant end = loop().Now() + time;
  while (loop().Now() < end) {
    const engine::Instant next = std::min(end, loop().Now() + std::chrono::minutes(1));
    ASSERT_TRUE(Run([&] { return loop().Now() >= next; }));
  }
}

// -------------------------------------------------------------------- the relay

engine::SessionOffer SealedFixture::Offer(const std::string& token, const std::string& session) {
  relay_->Expect("n-" + token, "c-" + token);
  engine::SessionOffer offer;
  offer.session_id = session;
  offer.principal = "arn:aws:iam::000000000000:user/admin";
  offer.client_key = client_key_.hex();
  offer.join_token = "n-" + token;
  offer.kind = "tcp";
  offer.host = kTarget;
  offer.port = kTargetPort;
  return offer;
}

void SealedFixture::OfferLane(const std::string& token, const std::string& session) {
  relay_->Expect("n-" + token, "c-" + token);
  Say(engine::LaneOffer{session, "n-" + token, 0});
}

const std::vector<engine::ControlMessage>& SealedFixture::Heard() {
  table_->outbox().Flush([this](std::string_view json) {
    engine::ControlMessage message;
    EXPECT_TRUE(engine::Decode(json, message)) << json;
    heard_.push_back(std::move(message));
    return true;
  });
  return heard_;
}

const engine::SessionAnswer* SealedFixture::Answer(const std::string& session) {
  for (const engine::ControlMessage& message : Heard()) {
    const auto* answer = std::get_if<engine::SessionAnswer>(&message);
    if (answer != nullptr && answer->session_id == session) return answer;
  }
  return nullptr;
}

const engine::SessionOver* SealedFixture::Over(const std::string& session) {
  for (const engine::ControlMessage& message : Heard()) {
    const auto* over = std::get_if<engine::SessionOver>(&message);
    if (over != nullptr && over->session_id == session) return over;
  }
  return nullptr;
}

std::vector<engine::StreamNews> SealedFixture::News() {
  std::vector<engine::StreamNews> news;
  for (const engine::ControlMessage& message : Heard()) {
    if (const auto* one = std::get_if<engine::StreamNews>(&message)) news.push_back(*one);
  }
  return news;
}

// ------------------------------------------------------------------- the client

engine::Hello SealedFixture::ClientHello(const std::string& session) {
  engine::Hello hello;
  hello.role = "client";
  hello.session_id = session;
  return hello;
}

LaneClient& SealedFixture::Join(const std::string& token, const ClientKey& key, engine::Hello hello,
                                bool wrapped) {
  const engine::SessionAnswer* answer = Answer(hello.session_id);
  if (answer == nullptr) answer = Answer();  // One that comes for another session than it has.
  CHECK(answer != nullptr);
  clients_.push_back(std::make_unique<LaneClient>(*driver_, engine::HostPort{kRelay, kRelayPort},
                                                  "c-" + token, key.Inner(answer->session_key),
                                                  std::move(hello), wrapped));
  return *clients_.back();
}

LaneClient& SealedFixture::Join(const std::string& token) {
  return Join(token, client_key_, ClientHello());
}

LaneClient& SealedFixture::JoinInspected(const std::string& token, engine::Hello hello,
                                         const engine::ResumeSecret& secret) {
  clients_.push_back(std::make_unique<LaneClient>(*driver_, engine::HostPort{kRelay, kRelayPort},
                                                  "c-" + token, nullptr, std::move(hello)));
  clients_.back()->UseSecret(secret);
  return *clients_.back();
}

LaneClient& SealedFixture::Meet(const engine::SessionOffer& offer) {
  Say(offer);
  LaneClient& client = Join(offer.join_token.substr(2), client_key_, ClientHello(offer.session_id));
  EXPECT_TRUE(Run([&] { return client.up() || client.over(); }));
  EXPECT_TRUE(client.up()) << (client.over() ? client.end->end.text : "still trying");
  return client;
}

}  // namespace agent
