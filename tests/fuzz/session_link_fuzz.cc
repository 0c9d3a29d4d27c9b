// Goal: nothing that a relay or a node says to a client, nor when they say it, aborts its link, or
// makes it keep blocks; a lane goes on with nobody who has not proved that it is its other end; and
// every stream and the link end once.
// Method: the client's real link on a simulated loop, without cryptography (null_channel.cc). The
// first byte picks the carriage. Then come steps: a byte that says what to do, a size, and so many
// bytes: words of the newest connection's other end, cuts, answers of the relay's API, time, and
// what the user does.

#include <algorithm>
#include <deque>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "client/session_link.h"
#include "engine/base/check.h"
#include "engine/base/log.h"
#include "engine/mux/join_exchange.h"
#include "engine/sim/sim_loop.h"
#include "tests/fuzz/scripted_frame.h"
#include "tests/fuzz/scripted_server.h"

namespace client {
namespace {

using engine::ByteView;
using engine::CloseCode;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr char kRelay[] = "10.0.0.1";
constexpr uint16_t kPort = 443;
constexpr uint16_t kBlocks = 256;
constexpr size_t kSaidMax = 128 * 1024;
constexpr engine::ResumeSecret kSecret{std::byte{7}};

enum class Kind : uint8_t { kLink, kInspected, kSealed };

std::string Control(const engine::ControlMessage& message) {
  const std::string text = engine::Encode(message);
  return engine::LinkFrame(engine::FrameType::kControl, engine::AsBytes(text));
}

class Lanes final : public LaneSource {
 public:
  void AskForLane(const std::string&, Done done) override { asked.push_back(std::move(done)); }
  void AskToRejoin(const std::string&, uint32_t, Done done) override {
    asked.push_back(std::move(done));
  }
  void HurryLanes(const std::string&) override { is_hurried = true; }
  void Answer(absl::StatusOr<LaneTicket> ticket) {
    if (asked.empty()) return;
    const Done done = std::move(asked.front());
    asked.pop_front();
    done(std::move(ticket));
  }

  std::deque<Done> asked;
  bool is_hurried = false;
};

struct UserStream final : engine::StreamEvents {
  void OnData(engine::Channel, engine::BufferRef payload) override {
    mux->Consume(id, payload.size());
  }
  void OnFinished() override {}
  void OnRejected(CloseCode, std::string_view) override { End(); }
  void OnClosed(CloseCode, std::string_view) override { End(); }
  void End() {
    CHECK(!is_over);
    is_over = true;
  }
  engine::Multiplexer* mux = nullptr;
  engine::StreamId id{};
  bool is_over = false;
  bool is_finished = false;
};

class World final : private SessionLink::Events {
 public:
  explicit World(unsigned setting)
      : kind_(static_cast<Kind>(setting % 3)),
        driver_(std::make_unique<engine::sim::SimLoop>(setting + 1, FaultsFor(setting), kBlocks,
                                                       32 * 1024)),
        server_(driver_.loop(), kRelay, kPort),
        link_(driver_, TargetOf(kind_), lanes_, static_cast<SessionLink::Events&>(*this)) {
    link_.Dial();
    RunFor(milliseconds(200));
  }
  ~World() {
    if (!is_ended_) link_.Abort();
    CHECK(RunUntil([this] { return is_ended_; }, seconds(60)));
    for (const auto& stream : streams_) CHECK(stream->is_over);
    CHECK(RunUntil([this] { return server_.Stop() && driver_.loop().in_flight_count() == 0; },
                   seconds(60)));
    server_.Forget();
    CHECK(driver_.loop().buffers().free_count() == kBlocks);
  }

  void Step(unsigned what, ByteView bytes) {
    const unsigned how = what / 16;
    switch (what % 16) {
      case 0:
        Join();
        break;
      case 1: {
        const std::string payload = fuzz::Big(how).substr(6) + std::string(engine::AsText(bytes));
        Say(engine::LinkFrame(engine::FrameType::kGoaway, engine::AsBytes(payload)));
        break;
      }
      case 2:
        Hello(how, bytes);
        break;
      case 3:
        Say(engine::AsText(bytes));
        break;
      case 4:
      case 5:
        Say(fuzz::ScriptedFrame(bytes, "{}"));
        break;
      case 6:
        server_.Close(how % 2 == 0);
        break;
      case 7:
        RunFor(milliseconds(200) * (1 + bytes.size()));
        break;
      case 8:
        Answer(how, bytes);
        break;
      case 9:
      case 10:
        Resumed(1 + how % 15, bytes);
        break;
      case 11:
        UserOpens();
        break;
      case 12:
        UserDoes(how, bytes);
        break;
      case 13:
        if (how == 0) link_.Close();
        if (how != 0) (void)link_.Rejoin();
        break;
      default:
        BeHonest();
        break;
    }
    RunFor(milliseconds(20));
  }

 private:
  static engine::sim::Faults FaultsFor(unsigned setting) {
    engine::sim::Faults faults;
    faults.delay = setting & 16 ? 30 : 0;
    faults.short_receive = setting & 32 ? 40 : 0;
    faults.short_send = setting & 32 ? 40 : 0;
    return faults;
  }
  static LinkTarget TargetOf(Kind kind) {
    LinkTarget target{.relay = {kRelay, kPort},
                      .ca_pem = ScriptedServer::AuthorityPem(),
                      .node_label = "web-1",
                      .session_id = "alice-1",
                      .ticket = {.token = "ticket-1", .loop = 0, .epoch = 0},
                      .node_context = nullptr,
                      .clock = engine::test::TestClock(),
                      .options = {}};
    if (kind == Kind::kInspected) target.lane_secret = kSecret;
    if (kind == Kind::kSealed) target.node_context = ScriptedServer::ClientContext();
    if (kind != Kind::kLink) {
      target.patience = Patience(std::chrono::hours(1));
      target.options.resume_bytes_max = engine::kResumeBytesMin;
    }
    return target;
  }

  void OnLinkReady(SessionLink&) override {
    CHECK(!is_ready_);
    is_ready_ = true;
  }
  void OnLinkEnded(SessionLink&, const LinkEnd&) override {
    CHECK(!is_ended_);
    is_ended_ = true;
  }
  bool is_up() const { return is_ready_ && !is_ended_; }

  bool RunUntil(const std::function<bool()>& done, engine::Duration time) {
    const engine::Instant end = driver_.loop().Now() + time;
    while (!done()) {
      if (driver_.loop().Now() >= end) return false;
      driver_.RunOnce(std::min<engine::Duration>(milliseconds(100), end - driver_.loop().Now()));
      while (lanes_.is_hurried && !lanes_.asked.empty()) {
        lanes_.Answer(absl::UnavailableError("it was ended early"));
      }
      lanes_.is_hurried = false;
    }
    return true;
  }
  void RunFor(engine::Duration time) {
    (void)RunUntil([] { return false; }, time);
  }

  // --------------------------------------------------------------- the other end

  // Say says bytes of the link: those of its first connection are kept, to be said again.
  void Say(std::string_view bytes) {
    if (said_.size() + bytes.size() > kSaidMax) return;
    if (has_said_hello_) said_ += bytes;
    server_.Say(bytes);
  }
  void Join() {
    server_.Say(Control(engine::Joined{}));
    if (!has_said_hello_) server_.GoesOnAt(0);
    if (kind_ != Kind::kSealed) return;
    server_.Detach();
    RunFor(milliseconds(500));
    if (!has_said_hello_) TakeSecret();
  }
  void TakeSecret() {
    if (const engine::TlsChannel* channel = server_.inner_channel()) {
      secret_ = engine::ResumeSecretOf(*channel);
    }
  }
  void Hello(unsigned how, ByteView bytes) {
    engine::Hello hello;
    hello.role = kind_ == Kind::kLink || how & 1 ? "relay" : "node";
    if ((how & 2) == 0) hello.features = {"resume"};
    hello.lane = static_cast<uint32_t>(fuzz::Number(bytes));
    if (how & 4) hello.version = hello.version_min = 1 + hello.lane % 3;
    if (!has_said_hello_) lane_ = hello.lane;
    has_said_hello_ = true;
    Say(Control(hello));
  }
  void Answer(unsigned how, ByteView bytes) {
    if (how % 8 == 1) return lanes_.Answer(absl::UnavailableError("later"));
    if (how % 8 == 2) return lanes_.Answer(absl::NotFoundError("it is over"));
    if (how % 8 == 3) return lanes_.Answer(absl::PermissionDeniedError("no"));
    epoch_ += 1 + fuzz::Number(bytes) % 3;
    lanes_.Answer(LaneTicket{.token = "ticket-2", .loop = 1, .epoch = epoch_});
  }
  // What the client has said that it has, on the newest connection.
  bool HeardResume(engine::Resume& resume) {
    engine::ControlMessage message;
    if (!server_.Message(kind_ == Kind::kSealed ? 0 : 1, message)) return false;
    if (!std::holds_alternative<engine::Resume>(message)) return false;
    resume = std::get<engine::Resume>(message);
    return true;
  }
  // Resumed answers it; without a `lie` as it should be.
  void Resumed(unsigned lie, ByteView bytes) {
    engine::Resume resume;
    if (kind_ == Kind::kLink || !HeardResume(resume)) return;
    engine::ResumeClaim claim{.side = engine::ResumeSide::kNode,
                              .lane = lane_,
                              .epoch = resume.epoch,
                              .position = server_.link_bytes()};
    const uint64_t number = fuzz::Number(bytes);
    engine::ResumeSecret secret = kind_ == Kind::kSealed ? secret_ : kSecret;
    if (lie == 1) claim.position += number % 64;
    if (lie == 2) claim.position -= std::min(claim.position, number % 4096);
    if (lie == 3) claim.position = number;
    engine::Resumed answer{.position = claim.position, .proof = {}};
    const bool is_proven = lie < 4;
    if (lie == 4) claim.side = engine::ResumeSide::kClient;
    if (lie == 5) ++claim.lane;
    if (lie == 6) ++claim.epoch;
    if (lie == 7) ++claim.position;
    if (lie >= 8) secret[lie] ^= std::byte{1};
    const engine::TlsChannel* channel = server_.inner_channel();
    if (kind_ == Kind::kSealed && channel == nullptr) return;
    answer.proof = kind_ == Kind::kSealed ? engine::ResumeProof(secret, claim, *channel)
                                          : engine::ResumeProofThroughRelay(secret, claim);
    const bool was_suspended = is_up() && link_.multiplexer().suspended();
    server_.Say(Control(answer));
    if (!is_proven) {
      RunFor(seconds(1));
      CHECK(!was_suspended || is_ended_ || link_.multiplexer().suspended());
      return;
    }
    server_.GoesOnAt(claim.position);
    server_.Say(std::string_view(said_).substr(std::min<uint64_t>(resume.position, said_.size())));
  }
  // BeHonest does what is next, if nothing was wrong until now.
  void BeHonest() {
    if (!is_ready_ || kind_ == Kind::kLink) {
      if (kind_ != Kind::kLink) Join();
      RunFor(milliseconds(200));  // Nothing may stand right behind a join's answer.
      return Hello(0, {});
    }
    if (is_ended_ || !link_.multiplexer().suspended()) return;
    RunFor(seconds(6));  // It may wait before it asks.
    Answer(0, {});
    RunFor(milliseconds(500));
    Join();
    RunFor(milliseconds(100));
    Resumed(0, {});
  }

  // -------------------------------------------------------------------- the user

  void UserOpens() {
    if (!is_up() || streams_.size() >= 16) return;
    auto stream = std::make_unique<UserStream>();
    stream->mux = &link_.multiplexer();
    stream->id =
        stream->mux->Open(engine::Priority::kBulk, engine::AsBytes(R"({"type":"tcp"})"), *stream);
    if (stream->id != engine::kLinkStream) streams_.push_back(std::move(stream));
  }
  void UserDoes(unsigned how, ByteView bytes) {
    if (!is_up() || streams_.empty() || bytes.empty()) return;
    UserStream& stream = *streams_[how / 4 % streams_.size()];
    if (stream.is_over || stream.is_finished) return;
    if (how % 4 == 1) {
      stream.is_finished = true;
      return stream.mux->Finish(stream.id);
    }
    if (how % 4 == 2) {
      stream.is_over = true;
      return stream.mux->Reset(stream.id, CloseCode::kConnectionReset, "");
    }
    engine::BufferRef block = driver_.loop().buffers().Take();
    if (block.empty()) return;
    std::ranges::copy(bytes, block.bytes().begin());
    (void)stream.mux->Write(stream.id, engine::Channel::kMain, block.Share(0, bytes.size()));
  }

  const Kind kind_;
  engine::LoopDriver driver_;
  ScriptedServer server_;
  Lanes lanes_;
  SessionLink link_;
  std::vector<std::unique_ptr<UserStream>> streams_;
  std::string said_;  // On the link, from the hello on.
  engine::ResumeSecret secret_{};
  uint32_t lane_ = 0;
  uint64_t epoch_ = 0;
  bool has_said_hello_ = false;
  bool is_ready_ = false;
  bool is_ended_ = false;
};

}  // namespace
}  // namespace client

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 1) return 0;
  engine::log::SetLevel(engine::log::Level::kError);
  client::World world(data[0]);
  engine::ByteView input = std::as_bytes(std::span(data + 1, size - 1));
  for (int steps = 0; input.size() >= 2 && steps < 64; ++steps) {
    const auto what = std::to_integer<unsigned>(input[0]);
    const size_t count = std::min(std::to_integer<size_t>(input[1]), input.size() - 2);
    world.Step(what, input.subspan(2, count));
    input = input.subspan(2 + count);
  }
  return 0;
}
