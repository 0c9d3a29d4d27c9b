#include "tests/sim/relay_world.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "engine/base/random.h"
#include "engine/mux/multiplexer.h"
#include "engine/net/loop_driver.h"
#include "engine/net/secure_connection.h"
#include "engine/sim/sim_loop.h"
#include "engine/tls/tls_channel.h"
#include "engine/wire/control.h"
#include "relay/switchboard/control_port.h"
#include "relay/switchboard/switchboard.h"
#include "tests/support/tls_credentials.h"

namespace sim {
namespace {

using engine::BufferRef;
using engine::CloseCode;
using engine::Instant;
using engine::Multiplexer;
using engine::SecureConnection;
using engine::StreamId;

constexpr uint16_t kPort = 443;
constexpr uint16_t kBlockCount = 2048;
constexpr uint32_t kBlockSize = 32 * 1024;
// Virtual time: slow links move a few MB at 100 kB/s, and a broken link is noticed after 15 s.
constexpr engine::Duration kRunMax = std::chrono::minutes(10);
constexpr char kNode[] = "mi-0123456789abcdef0";

// ByteAt is the content of stream `salt`: both ends can compute any part of it.
std::byte ByteAt(uint64_t salt, uint64_t offset) {
  return static_cast<std::byte>((offset * 0x9E3779B97F4A7C15u + salt * 0x2545F4914F6CDD1Du) >> 56);
}

// Tasks runs what the control thread would answer, between iterations.
class Control final : public relay::ControlPort {
 public:
  void HandleRequest(uint32_t, engine::HttpRequest, std::string,
                     std::function<void(engine::HttpResponse)> reply) override {
    tasks.push_back([reply] { reply({}); });
  }
  void NodeConnected(relay::NodeArrival arrival,
                     std::function<void(absl::Status)> admitted) override {
    ++arrivals;
    tasks.push_back([this, admitted, id = arrival.node_id] {
      admitted(id == kNode ? absl::OkStatus() : absl::NotFoundError("unknown node"));
      ++admissions;
    });
  }
  void NodeDisconnected(std::string, uint64_t, std::string) override { ++departures; }
  void RenewCertificate(uint32_t, std::string, std::string,
                        std::function<void(absl::StatusOr<std::string>)>) override {}
  void NodeSaid(std::string, engine::ControlMessage) override {}
  void NewsMissed(std::string, uint64_t) override {}
  void LaneJoined(relay::LaneId, std::string) override {}
  void LaneEnded(relay::LaneId, relay::LaneEnd) override {}
  void SessionJoined(std::string, std::string) override { ++joined; }
  void SessionLost(std::string) override {}
  void SessionResumed(std::string, std::string) override {}
  void JoinRefused(relay::RefusedJoin) override {}
  void SessionEnded(std::string, std::string, uint64_t to_node, uint64_t to_client) override {
    ++ended;
    to_node_bytes += to_node;
    to_client_bytes += to_client;
  }
  bool IsBehind() const override { return false; }
  void StreamOpened(relay::StreamReport, std::string) override { ++streams_open; }
  void StreamClosed(relay::StreamReport, relay::StreamEnd) override { --streams_open; }

  void RunTasks() {
    while (!tasks.empty()) {
      const std::function<void()> task = std::move(tasks.front());
      tasks.pop_front();
      task();
    }
  }

  std::deque<std::function<void()>> tasks;
  int arrivals = 0, admissions = 0, departures = 0, joined = 0, ended = 0;
  int64_t streams_open = 0;
  uint64_t to_node_bytes = 0, to_client_bytes = 0;
};

// Party is an end point: it dials, speaks frames, and is told of the end.
class Party : public SecureConnection::Events, public engine::LinkEvents {
 public:
  Party(engine::LoopDriver& driver, const engine::TlsContext& tls) : driver_(driver), tls_(tls) {}

  void Dial() {
    if (ending_) return;
    connection_ = std::make_unique<SecureConnection>(driver_.loop(), *this);
    connection_->Dial(driver_.resolver(), "10.0.0.1", kPort,
                      std::make_unique<engine::TlsChannel>(tls_, driver_.loop().buffers(),
                                                           "adit-relay.internal"));
  }
  void Hang() {
    ending_ = true;
    if (connection_ != nullptr) connection_->Close();
  }
  bool gone() const { return connection_ == nullptr; }

 protected:
  virtual engine::Hello MakeHello() = 0;
  virtual void Lost() = 0;

  void OnSecured(SecureConnection& connection) override {
    engine::MultiplexerOptions options;
    options.streams_max = 64;
    mux_ = std::make_unique<Multiplexer>(engine::Side::kConnected, options, *this,
                                         driver_.loop().buffers(), driver_.loop().Now());
    mux_->Attach(connection);
    connection.SetProtocol(*mux_);
    CHECK(mux_->SendControl(engine::kLinkStream, engine::Encode(MakeHello())));
  }
  void OnClosed(SecureConnection&, const engine::ConnectionEnd& end) override {
    if (mux_ != nullptr) mux_->Disconnected(CloseCode::kNodeGone, end.text);
    mux_.reset();
    connection_.reset();
    Lost();
  }
  void OnGoaway(CloseCode, std::string_view) override {}
  void OnFailed(CloseCode code, std::string_view text) override {
    // Silence is the world's doing; anything else would be our own mistake.
    if (code != CloseCode::kSilent) failure = std::string(text);
  }

  engine::LoopDriver& driver_;
  const engine::TlsContext& tls_;
  std::unique_ptr<SecureConnection> connection_;
  std::unique_ptr<Multiplexer> mux_;
  bool ending_ = false;

 public:
  std::string failure;
};

// Echo sends back what comes, half-close included.
class Echo final : public engine::StreamEvents {
 public:
  Echo(Multiplexer& mux, StreamId id) : mux_(mux), id_(id) {}

  void OnData(engine::Channel, BufferRef payload) override {
    waiting_.push_back(std::move(payload));
    Pump();
  }
  void OnWritable() override { Pump(); }
  void OnFinished() override {
    finished_ = true;
    Pump();
  }
  void OnClosed(CloseCode, std::string_view) override { delete this; }

 private:
  void Pump() {
    while (!waiting_.empty()) {
      BufferRef& front = waiting_.front();
      const size_t size = front.size();
      const size_t taken = mux_.Write(id_, engine::Channel::kMain, front.Share(0, size));
      mux_.Consume(id_, taken);
      if (taken < size) {
        front = front.Share(taken, size - taken);
        return;
      }
      waiting_.pop_front();
    }
    if (finished_) mux_.Finish(id_);
  }

  Multiplexer& mux_;
  const StreamId id_;
  std::deque<BufferRef> waiting_;
  bool finished_ = false;
};

class Agent final : public Party {
 public:
  using Party::Party;
  uint32_t redials = 0;
  bool wants_dial = false;

 private:
  engine::Hello MakeHello() override {
    engine::Hello hello;
    hello.role = "agent";
    hello.node_name = "web-1";
    return hello;
  }
  void OnControl(engine::ByteView) override {}
  void OnOpen(StreamId id, engine::Priority, engine::ByteView) override {
    auto* echo = new Echo(*mux_, id);  // Deletes itself in OnClosed.
    if (!mux_->Accept(id, *echo)) delete echo;
  }
  void Lost() override {
    if (ending_) return;
    ++redials;
    wants_dial = true;
  }
};

class Client;

// Question is one stream of the client: sends `size` bytes, half-closes, compares what comes back.
class Question final : public engine::StreamEvents {
 public:
  Question(Client& client, uint64_t salt, uint64_t size)
      : client_(client), salt_(salt), size_(size) {}

  void Start();
  void Fill();
  void OnData(engine::Channel, BufferRef payload) override;
  void OnWritable() override { Fill(); }
  void OnFinished() override { finished_ = true; }
  void OnRejected(CloseCode, std::string_view text) override { End(text); }
  void OnClosed(CloseCode code, std::string_view text) override {
    whole = code == CloseCode::kNormal && finished_ && received_ == size_;
    End(text);
  }

  bool over = false;
  bool whole = false;
  std::string problem;
  std::string end_text;
  uint64_t received() const { return received_; }
  // Nobody tells when there are blocks again; of everything else a stream hears.
  bool is_dry() const { return !over && is_dry_; }

 private:
  void End(std::string_view text) {
    over = true;
    end_text = std::string(text);
    if (!whole && text.empty()) problem = "a stream ended early without a reason";
  }

  Client& client_;
  const uint64_t salt_;
  const uint64_t size_;
  StreamId id_{};
  uint64_t sent_ = 0;
  uint64_t received_ = 0;
  bool finished_ = false;
  bool is_dry_ = false;
};

class Client final : public Party {
 public:
  Client(engine::LoopDriver& driver, const engine::TlsContext& tls, engine::Random& random)
      : Party(driver, tls) {
    const uint64_t count = random.Range(1, 12);
    for (uint64_t i = 0; i < count; ++i) {
      const uint64_t size = random.Chance(30) ? random.Range(0, 20) : random.Range(0, 600'000);
      questions.push_back(std::make_unique<Question>(*this, random.Next(), size));
    }
  }

  Multiplexer& mux() { return *mux_; }
  engine::Loop& loop() { return driver_.loop(); }
  bool connected() const { return mux_ != nullptr; }

  std::vector<std::unique_ptr<Question>> questions;
  bool is_over = false;

 private:
  engine::Hello MakeHello() override {
    engine::Hello hello;
    hello.role = "client";
    hello.session_id = "admin-1";
    hello.session_token = "token";
    return hello;
  }
  void OnControl(engine::ByteView) override {
    if (started_) return;
    started_ = true;
    for (const auto& question : questions) question->Start();
  }
  void OnOpen(StreamId id, engine::Priority, engine::ByteView) override {
    mux_->Reject(id, CloseCode::kUnsupported, "clients serve nothing");
  }
  void Lost() override { is_over = true; }

  bool started_ = false;
};

void Question::Start() {
  engine::TcpRequest request;
  request.host = "db";
  request.port = 5432;
  id_ = client_.mux().Open(engine::Priority::kBulk, engine::AsBytes(engine::EncodeOpen(request)),
                           *this);
  if (id_ == engine::kLinkStream) {
    over = true;  // The link is failing; nothing was promised.
    return;
  }
  Fill();
}

void Question::Fill() {
  if (over || id_ == engine::kLinkStream) return;
  while (sent_ < size_) {
    const BufferRef block = client_.loop().buffers().Take();
    is_dry_ = block.empty();
    if (is_dry_) return;  // The world calls Fill again.
    const size_t size = std::min<uint64_t>(block.size(), size_ - sent_);
    for (size_t i = 0; i < size; ++i) block.bytes()[i] = ByteAt(salt_, sent_ + i);
    const size_t taken = client_.mux().Write(id_, engine::Channel::kMain, block.Share(0, size));
    sent_ += taken;
    if (taken < size) return;
  }
  client_.mux().Finish(id_);
}

void Question::OnData(engine::Channel, BufferRef payload) {
  for (const std::byte byte : payload.bytes()) {
    if (received_ >= sent_ || byte != ByteAt(salt_, received_)) {
      problem = "byte " + std::to_string(received_) + " came back changed";
    }
    ++received_;
  }
  client_.mux().Consume(id_, payload.size());
}

// Credentials are made once: keys cost more than a run.
struct Credentials {
  engine::test::TestAuthority authority;
  std::unique_ptr<engine::TlsContext> server, agent, client;

  Credentials() {
    using engine::test::Must;
    engine::TlsServerOptions server_options;
    server_options.identity = authority.ServerIdentity();
    server_options.client_authority_pem = authority.Pem();
    server_options.protocols = {"adit/1", "http/1.1"};
    server_options.clock = engine::test::TestClock();
    server = Must(engine::TlsContext::Server(server_options));
    engine::TlsClientOptions options;
    options.trust = engine::TlsTrust::Authority(authority.Pem());
    options.protocols = {"adit/1"};
    options.clock = engine::test::TestClock();
    client = Must(engine::TlsContext::Client(options));
    options.identity = authority.ClientIdentity(kNode);
    agent = Must(engine::TlsContext::Client(options));
  }
};

const Credentials& SharedCredentials() {
  static const Credentials credentials;
  return credentials;
}

relay::SessionGrant Grant() {
  relay::SessionGrant grant;
  grant.session_id = "admin-1";
  grant.node_id = kNode;
  grant.principal = "arn:aws:iam::000000000000:user/admin";
  grant.token_sha256 = engine::crypto::Sha256(engine::AsBytes("token"));
  grant.plan = {.kind = engine::SessionKind::kTcp, .host = "db", .port = 5432};
  return grant;
}

}  // namespace

WorldResult RunWorld(uint64_t seed) {
  engine::Random random(seed);
  const Credentials& credentials = SharedCredentials();
  const engine::sim::Faults faults = engine::sim::Faults::Swarm(seed);
  engine::LoopDriver driver(
      std::make_unique<engine::sim::SimLoop>(seed, faults, kBlockCount, kBlockSize));
  engine::Loop& loop = driver.loop();
  Control control;
  relay::Switchboard::Options options;
  options.locate = [](const std::string&) { return std::nullopt; };
  relay::Switchboard switchboard(options, driver, *credentials.server, control);
  engine::Address address;
  CHECK(engine::Address::Parse("10.0.0.1", kPort, address));
  const engine::Opened listener = loop.Listen(address, 64);
  CHECK(listener.error == engine::IoError::kNone);
  switchboard.Listen(listener.socket, [&](relay::Greeting greeting) {
    switchboard.Adopt(greeting.socket, std::move(greeting.first_bytes));
  });

  WorldResult result;
  Agent agent(driver, *credentials.agent);
  Client client(driver, *credentials.client, random);
  agent.Dial();
  bool client_dialed = false;
  const Instant start = loop.Now();
  const auto run = [&](const std::function<bool()>& done) {
    while (!done()) {
      if (loop.Now() - start > kRunMax) return false;
      driver.RunOnce(std::chrono::milliseconds(100));
      control.RunTasks();
      if (std::exchange(agent.wants_dial, false)) agent.Dial();
      if (client.connected()) {
        for (const auto& question : client.questions) {
          if (question->is_dry()) question->Fill();
        }
      }
    }
    return true;
  };

  const bool admitted = run([&] { return control.admissions > 0; });
  if (admitted) {
    switchboard.Prepare(Grant());
    client.Dial();
    client_dialed = true;
  }
  const bool answered = admitted && run([&] {
                          if (client.is_over) return true;
                          for (const auto& question : client.questions) {
                            if (!question->over) return false;
                          }
                          return true;
                        });
  agent.Hang();
  client.Hang();
  switchboard.Stop(std::chrono::seconds(5));
  const bool stopped = run([&] {
    return switchboard.stopped() && agent.gone() && client.gone() && loop.in_flight_count() == 0;
  });

  const auto blame = [&result](bool wrong, std::string text) {
    if (wrong && result.problem.empty()) result.problem = std::move(text);
  };
  blame(!admitted, "the agent was never admitted");
  blame(!answered, "a stream neither ended nor went on");
  blame(!stopped, "the shutdown did not end: " + std::to_string(loop.in_flight_count()) +
                      " ops are in flight; the relay " +
                      (switchboard.stopped() ? "stopped" : "did not stop") + ", the agent " +
                      (agent.gone() ? "is gone" : "is there") + ", the client " +
                      (client.gone() ? "is gone" : "is there"));
  blame(!agent.failure.empty(), "the agent's link failed: " + agent.failure);
  blame(!client.failure.empty(), "the client's link failed: " + client.failure);
  blame(control.streams_open != 0, "a stream's end was not reported");
  blame(control.joined != control.ended, "a session's end was not reported");
  for (const auto& question : client.questions) {
    blame(!question->problem.empty(), question->problem);
    blame(client_dialed && !question->over && !client.is_over, "a stream was left open");
    result.echoed_bytes += question->received();
    blame(faults.reset == 0 && faults.refuse == 0 && !question->whole,
          "a stream ended early although no connection broke: " + question->end_text);
    question->whole ? ++result.streams_whole : ++result.streams_ended;
  }
  blame(stopped && loop.buffers().free_count() != kBlockCount, "a block was not given back");
  result.redials = agent.redials;
  if (!stopped) {  // Destroying ops in flight would only hide the first finding.
    std::fprintf(stderr, "seed %llu: %s\n", static_cast<unsigned long long>(seed),
                 result.problem.c_str());
    std::abort();
  }
  return result;
}

}  // namespace sim
