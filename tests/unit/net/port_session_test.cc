// Goal: the layers under a session of an AWS client fit together: TLS, HTTP's upgrade, WebSocket,
// the data channel and smux carry every byte, however short the network's steps are and however
// often it is cut. Method: a client with three streams and a machine that sends everything back,
// over real connections on the simulated network. A seed decides its manners and the moments of the
// cuts; after each, the client dials again and both go on.

#include <algorithm>
#include <array>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/datachannel/data_channel.h"
#include "engine/datachannel/smux_session.h"
#include "engine/http/http_server.h"
#include "engine/http/websocket.h"
#include "engine/http/websocket_handshake.h"
#include "engine/net/loop_driver.h"
#include "engine/net/secure_connection.h"
#include "engine/sim/sim_loop.h"
#include "engine/tls/tls_channel.h"
#include "gtest/gtest.h"
#include "tests/support/tls_credentials.h"

namespace engine::test {
namespace {

using datachannel::DataChannel;
using datachannel::SmuxSession;

constexpr uint16_t kPort = 443;
constexpr char kRelayAddress[] = "10.0.0.1";
constexpr uint16_t kBlockCount = 256;
constexpr size_t kStreamSize = 60'000;

// SessionEnd is one side's session, which outlives its connections.
class SessionEnd : public datachannel::StreamConsumer, public SmuxSession::Handler {
 public:
  SessionEnd(Loop& loop, DataChannel::Side side, uint64_t seed)
      : loop_(loop),
        channel(side, {}, *this, seed),
        smux(side == DataChannel::Side::kClient ? SmuxSession::Side::kClient
                                                : SmuxSession::Side::kMachine,
             {.stream_backlog_max = 8'000}, *this) {}

  // Attach makes `socket` the one that is spoken on; the newest wins.
  void Attach(WebSocket& socket) {
    socket_ = &socket;
    channel.Connected();
    Pump();
  }
  void Lost(const WebSocket* socket) {
    if (socket_ != socket) return;
    socket_ = nullptr;
    channel.Disconnected();
  }
  void Receive(ByteView bytes) {
    datachannel::AgentMessage message;
    ASSERT_EQ(Decode(bytes, message), datachannel::AgentMessageError::kNone);
    EXPECT_TRUE(channel.Receive(message, loop_.Now()));
    Pump();
  }
  void HandleTime() {
    if (channel.NextDeadline() <= loop_.Now()) channel.HandleDeadline(loop_.Now());
    Pump();
  }
  // Pump moves what is ready from stream to stream of bytes, to message, to the connection.
  void Pump() {
    std::array<std::byte, datachannel::kStreamPayloadMax> payload;
    while (channel.HasRoom() && smux.HasOutput()) {
      const size_t size = smux.Gather(payload);
      channel.Send(datachannel::PayloadType::kOutput, ByteView(payload).first(size));
    }
    std::array<std::byte, DataChannel::kOutgoingSizeMax> bytes;
    while (channel.HasNext() && socket_ != nullptr && socket_->HasRoom(bytes.size())) {
      const size_t size = channel.NextMessage(loop_.Now(), 1, bytes);
      EXPECT_TRUE(socket_->Send(WebSocketKind::kBinary, ByteView(bytes).first(size)));
    }
  }

 private:
  bool OnStreamData(datachannel::PayloadType, ByteView payload) override {
    if (!smux.CanReceive()) return false;
    EXPECT_TRUE(smux.Receive(payload));
    return true;
  }

  Loop& loop_;
  WebSocket* socket_ = nullptr;

 public:
  DataChannel channel;
  SmuxSession smux;
};

// Echo is the machine: it says everything back, as fast as that is taken.
class Echo final : public SessionEnd {
 public:
  explicit Echo(Loop& loop) : SessionEnd(loop, DataChannel::Side::kMachine, 1) {}

 private:
  void OnOpened(uint32_t) override {}
  size_t OnData(uint32_t id, ByteView bytes) override { return smux.Write(id, bytes); }
  void OnFinished(uint32_t id) override { smux.Finish(id); }
  void OnRoom(uint32_t id) override {
    smux.Resume(id);
    channel.Retry();
  }
};

// Asker is the client: it sends a text of its own on each stream, and keeps what comes back.
class Asker final : public SessionEnd {
 public:
  explicit Asker(Loop& loop) : SessionEnd(loop, DataChannel::Side::kClient, 2) {}

  void Start() {
    for (const char letter : {'a', 'b', 'c'}) {
      const uint32_t id = smux.Open();
      for (size_t i = 0; i < kStreamSize; ++i) {
        streams_[id].text.push_back(static_cast<char>(letter + i % 23));
      }
      Write(id);
    }
  }
  bool is_done() const {
    return std::ranges::all_of(streams_, [](const auto& s) { return s.second.is_finished; });
  }
  size_t heard_size() const {
    size_t size = 0;
    for (const auto& [id, stream] : streams_) size += stream.heard.size();
    return size;
  }
  void ExpectAll() const {
    for (const auto& [id, stream] : streams_) EXPECT_TRUE(stream.heard == stream.text) << id;
  }

 private:
  struct Stream {
    std::string text;
    size_t written = 0;
    std::string heard;
    bool is_finished = false;
  };

  void Write(uint32_t id) {
    Stream& stream = streams_[id];
    stream.written += smux.Write(id, AsBytes(stream.text).subspan(stream.written));
    if (stream.written == stream.text.size()) smux.Finish(id);
  }
  void OnOpened(uint32_t) override { ADD_FAILURE(); }
  size_t OnData(uint32_t id, ByteView bytes) override {
    streams_[id].heard += AsText(bytes);
    return bytes.size();
  }
  void OnFinished(uint32_t id) override { streams_[id].is_finished = true; }
  void OnRoom(uint32_t id) override { Write(id); }

  std::map<uint32_t, Stream> streams_;
};

// Leg is one connection of either side, from its handshake to its end.
class Leg final : private SecureConnection::Events,
                  private HttpServerSession::Handler,
                  private WebSocket::Handler {
 public:
  // Of a server: `accepted` is its socket. Of a client: it dials.
  Leg(LoopDriver& driver, const TlsContext& tls, SessionEnd& end, std::optional<Socket> accepted)
      : end_(end),
        is_server_(accepted.has_value()),
        connection_(driver.loop(), static_cast<SecureConnection::Events&>(*this)) {
    auto channel =
        std::make_unique<TlsChannel>(tls, driver.loop().buffers(), is_server_ ? "" : kRelayAddress);
    if (is_server_) {
      connection_.Adopt(*accepted, std::move(channel), BufferRef());
    } else {
      connection_.Dial(driver.resolver(), kRelayAddress, kPort, std::move(channel));
    }
  }
  void Cut() {
    if (!is_over_) connection_.Close();
  }
  bool is_over() const { return is_over_; }

 private:
  void OnOpen() override { end_.Attach(*socket_); }
  void OnMessage(WebSocketKind, ByteView bytes) override { end_.Receive(bytes); }
  void OnRoom() override { end_.Pump(); }
  void OnClosed(const WebSocketEnd&) override { end_.Lost(socket_.get()); }

  void OnSecured(SecureConnection&) override {
    const Instant now = connection_.loop().Now();
    if (is_server_) {
      http_ = std::make_unique<HttpServerSession>(
          connection_, static_cast<HttpServerSession::Handler&>(*this), now);
      connection_.SetProtocol(*http_);
      return;
    }
    const std::string key = NewWebSocketKey();
    socket_ = std::make_unique<WebSocket>(
        connection_, static_cast<WebSocket::Handler&>(*this), WebSocketOptions(),
        WebSocketRequest(kRelayAddress, "/v1/data-channel/s?role=publish_subscribe", key), key,
        now);
    connection_.SetProtocol(*socket_);
  }
  void OnRequest(HttpServerSession& http, HttpRequest request) override {
    const HttpResponse answer = AnswerWebSocket(request, {});
    ASSERT_EQ(answer.status, 101);
    const Instant now = connection_.loop().Now();
    const std::string behind = http.Yield();
    socket_ = std::make_unique<WebSocket>(connection_, static_cast<WebSocket::Handler&>(*this),
                                          WebSocketOptions(), answer, now);
    connection_.ReplaceProtocol(*socket_);
    end_.Attach(*socket_);
    socket_->ReceiveBytes(AsBytes(behind), now);
  }
  void OnClosed(SecureConnection&, const ConnectionEnd& end) override {
    is_over_ = true;
    if (socket_ != nullptr) socket_->HandleEnd(end.text);
  }

  SessionEnd& end_;
  const bool is_server_;
  bool is_over_ = false;
  SecureConnection connection_;
  std::unique_ptr<HttpServerSession> http_;
  std::unique_ptr<WebSocket> socket_;
};

class World {
 public:
  World(uint64_t seed, const TlsContext& server, const TlsContext& client)
      : random_(seed),
        driver_(std::make_unique<sim::SimLoop>(seed, sim::Faults::SwarmThatLasts(seed), kBlockCount,
                                               32 * 1024)),
        server_(server),
        client_(client),
        accept_(Handler<Accepted>::To<&World::OnAccepted>(this)),
        close_(Handler<Closed>::To<&World::OnListenerClosed>(this)) {
    Address address;
    CHECK(Address::Parse(kRelayAddress, kPort, address));
    listener_ = driver_.loop().Listen(address, 8).socket;
    driver_.loop().Accept(accept_, listener_);
  }

  void Play(int cuts) {
    asker_.Start();
    Dial();
    int cut_count = 0;
    EXPECT_TRUE(Run([&] {
      // The cuts are spread over what is to come back, so that each meets bytes on their way.
      const auto place =
          3 * kStreamSize * static_cast<size_t>(cut_count) / static_cast<size_t>(cuts + 1);
      if (cut_count < cuts && asker_.heard_size() >= place) {
        legs_[random_.Chance(50) ? dialled_ : legs_.size() - 1]->Cut();
        ++cut_count;
      }
      if (legs_[dialled_]->is_over()) Dial();
      return asker_.is_done();
    }));
    EXPECT_GE(cut_count, cuts / 2) << "much may arrive at once, and then there is less to cut";
    asker_.ExpectAll();
    EXPECT_EQ(asker_.smux.stream_count(), 0u);
    driver_.loop().Cancel(accept_);
    for (const auto& leg : legs_) leg->Cut();
    EXPECT_TRUE(Run([&] {
      return !accept_.in_flight() &&
             std::ranges::all_of(legs_, [](const auto& leg) { return leg->is_over(); });
    }));
    driver_.loop().Close(close_, listener_);
    EXPECT_TRUE(Run([&] { return driver_.loop().in_flight_count() == 0; }));
    legs_.clear();
    EXPECT_EQ(driver_.loop().buffers().free_count(), kBlockCount);
  }

 private:
  bool Run(const std::function<bool()>& done) {
    const Instant end = driver_.loop().Now() + std::chrono::minutes(30);
    while (!done()) {
      if (driver_.loop().Now() > end) return false;
      driver_.RunOnce(std::chrono::milliseconds(20));
      asker_.HandleTime();
      echo_.HandleTime();
    }
    return true;
  }
  void Dial() {
    dialled_ = legs_.size();
    legs_.push_back(std::make_unique<Leg>(driver_, client_, asker_, std::nullopt));
  }
  void OnAccepted(Accepted outcome) {
    if (outcome.error != IoError::kNone) return;
    legs_.push_back(std::make_unique<Leg>(driver_, server_, echo_, outcome.socket));
  }
  void OnListenerClosed(Closed) {}

  Random random_;
  LoopDriver driver_;
  const TlsContext& server_;
  const TlsContext& client_;
  Asker asker_{driver_.loop()};
  Echo echo_{driver_.loop()};
  std::vector<std::unique_ptr<Leg>> legs_;
  size_t dialled_ = 0;  // The client's newest, in legs_.
  AcceptOp accept_;
  CloseOp close_;
  Socket listener_;
};

class PortSession : public testing::Test {
 protected:
  TestAuthority authority_;
  std::unique_ptr<TlsContext> server_ = Must(TlsContext::Server(
      {.identity = authority_.ServerIdentity({"relay", {"relay.test"}, {kRelayAddress}}),
       .protocols = {"http/1.1"},
       .clock = TestClock()}));
  std::unique_ptr<TlsContext> client_ =
      Must(TlsContext::Client({.trust = TlsTrust::Authority(authority_.Pem()),
                               .protocols = {"http/1.1"},
                               .clock = TestClock()}));
};

TEST_F(PortSession, CarriesEveryByteOfItsStreams) {
  for (uint64_t seed = 1; seed <= 20 && !HasFailure(); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    World(seed, *server_, *client_).Play(/*cuts=*/0);
  }
}

TEST_F(PortSession, GoesOnAfterEachOfManyCuts) {
  for (uint64_t seed = 1; seed <= 20 && !HasFailure(); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    World(seed, *server_, *client_).Play(/*cuts=*/20);
  }
}

}  // namespace
}  // namespace engine::test
