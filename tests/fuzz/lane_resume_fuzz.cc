// Goal: nothing that a client says on a lane at the node, on its first connection or when it comes
// again, aborts the node or makes it keep blocks; and another client's session, which is cut as
// often, goes on byte for byte. Nor does anybody take a lane over without its proof.
// Method: the node's real tables, lanes and targets on a simulated loop, without cryptography
// (null_channel.cc). The first byte picks the carriage and the faults. Then come steps: a byte that
// says what to do, a size, and so many bytes.

#include <algorithm>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>

#include "agent/session/session_table.h"
#include "agent/target/target_table.h"
#include "engine/base/check.h"
#include "engine/base/log.h"
#include "engine/net/loop_driver.h"
#include "engine/sim/sim_loop.h"
#include "tests/fuzz/lane_talk.h"
#include "tests/fuzz/scripted_frame.h"
#include "tests/support/tls_credentials.h"
#include "tests/unit/agent/joining_relay.h"
#include "tests/unit/agent/sealed_fixture.h"

namespace agent {
namespace {

using engine::ByteView;
using engine::ResumeSide;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr char kHonest[] = "admin-1";
constexpr char kEvil[] = "admin-2";
constexpr char kRelay[] = "10.0.0.1";
constexpr char kTarget[] = "10.0.0.9";
constexpr uint16_t kPort = 443;
constexpr uint16_t kTargetPort = 5432;
constexpr uint16_t kBlocks = 512;
// What the two clients say at most, so that a run has an end.
constexpr size_t kHonestMax = 512 * 1024;
constexpr size_t kEvilMax = 128 * 1024;

engine::sim::Faults FaultsFor(unsigned setting) {
  engine::sim::Faults faults;
  faults.delay = setting & 4 ? 30 : 0;
  faults.short_receive = setting & 8 ? 40 : 0;
  faults.short_send = setting & 8 ? 40 : 0;
  faults.latency_max = milliseconds(setting & 16 ? 40 : 0);
  return faults;
}

const engine::crypto::IdentityKey& Identity() {
  static const engine::crypto::IdentityKey identity = engine::crypto::IdentityKey::Generate();
  return identity;
}

std::shared_ptr<engine::TlsContext> InnerContext() {
  static const std::shared_ptr<engine::TlsContext> inner = engine::test::Must(
      engine::TlsContext::Client({.trust = engine::TlsTrust::Authority(SharedTrust().authority_pem),
                                  .identity = {},
                                  .protocols = {"adit/1"},
                                  .clock = {}}));
  return inner;
}

std::string OpenText() {
  engine::TcpRequest request;
  request.host = kTarget;
  request.port = kTargetPort;
  return engine::EncodeOpen(request);
}

// A client of a session of its own, by hand: what its lane has said, and where it is.
struct EvilClient {
  std::unique_ptr<LaneTalk> talk;
  engine::ResumeSecret secret{};
  std::string said;   // Over all connections, from its hello on.
  uint64_t most = 0;  // Of its bytes the node cannot have more.
  uint64_t received = 0;
  uint64_t epoch = 0;
  uint32_t lane = 0;
  uint32_t offers = 0;
  size_t first_frame = 0;  // What of a connection that comes again is not counted.
};

class World {
 public:
  explicit World(unsigned setting)
      : is_sealed_((setting & 1) != 0),
        driver_(std::make_unique<engine::sim::SimLoop>(setting + 1, FaultsFor(setting), kBlocks,
                                                       32 * 1024)),
        relay_(
            std::make_unique<JoiningRelay>(driver_, *SharedTrust().relay_context, kRelay, kPort)),
        server_(std::make_unique<EchoServer>(driver_.loop(), kTarget, kTargetPort)),
        context_{.loop = driver_.loop(), .resolver = driver_.resolver(), .inherited = {}},
        targets_(std::make_unique<TargetTable>(context_)),
        table_(std::make_unique<SessionTable>(
            driver_, *targets_,
            SessionTable::Options{
                .software = "adit-agent/fuzz",
                .identity = Identity(),
                .relay = {{kRelay, kPort}, SharedTrust().authority_pem, SharedTrust().node}})) {
    table_->Handle(OfferOf(kHonest));
    engine::Hello hello;
    hello.role = "client";
    hello.session_id = kHonest;
    hello.features = {"resume"};
    honest_ = std::make_unique<LaneClient>(driver_, engine::HostPort{kRelay, kPort}, ClientToken(),
                                           is_sealed_ ? InnerContext() : nullptr, std::move(hello));
    if (!is_sealed_) honest_->UseSecret(InspectedSecret());
    CHECK(RunUntil([this] { return honest_->up(); }, seconds(60)));
    stream_ = &honest_->Tcp(kTarget, kTargetPort);
  }
  ~World() {
    Recover();
    honest_->Leave();
    table_->EndAll(engine::CloseCode::kShuttingDown, "the end");
    table_->Close();
    targets_->EndAll(engine::CloseCode::kShuttingDown, "the end");
    if (evil_.talk != nullptr && !evil_.talk->over()) evil_.talk->Cut();
    CHECK(RunUntil(
        [this] {
          const bool are_gone = honest_->over() && (evil_.talk == nullptr || evil_.talk->over());
          return are_gone && table_->count() == 0 && targets_->count() == 0 && relay_->Stop() &&
                 server_->Stop() && driver_.loop().in_flight_count() == 0;
        },
        std::chrono::minutes(5)));
    honest_.reset();
    evil_.talk.reset();
    table_.reset();
    targets_.reset();
    server_.reset();
    relay_.reset();
    CHECK(driver_.loop().buffers().free_count() == kBlocks);
  }

  void Step(unsigned what, ByteView bytes) {
    switch (what % 16) {
      case 0:
      case 1:
        SayHonestly(what / 16, bytes);
        break;
      case 2:
        relay_->CutLanes();
        break;
      case 3:
        ComeAgainHonestly();
        break;
      case 4:
      case 5:
        Pretend(what / 16, bytes);
        break;
      case 6:
        RunFor(milliseconds(100) * (1 + bytes.size()));
        break;
      case 7:
        RelaySays(what / 16, bytes);
        break;
      case 8:
        DialEvil();
        break;
      case 9:
        EvilHello(what / 16, bytes);
        break;
      case 10:
        SayEvil(engine::AsText(bytes));
        break;
      case 11:
      case 12:
        SayEvil(fuzz::ScriptedFrame(bytes, OpenText()));
        break;
      case 13:
        CutEvil();
        break;
      default:
        EvilComesAgain(what / 16 + (what & 1) * 16, bytes);
        break;
    }
    RunFor(milliseconds(20));
    CHECK(std::string_view(said_).starts_with(stream_->output));
  }

 private:
  static engine::ResumeSecret InspectedSecret() { return {std::byte{9}, std::byte{1}}; }

  bool RunUntil(const std::function<bool()>& done, engine::Duration time) {
    const engine::Instant end = driver_.loop().Now() + time;
    while (!done()) {
      if (driver_.loop().Now() >= end) return false;
      driver_.RunOnce(std::min<engine::Duration>(milliseconds(100), end - driver_.loop().Now()));
      targets_->Sweep();
      table_->Sweep();
      table_->outbox().Flush([](std::string_view json) {
        engine::ControlMessage message;
        CHECK(engine::Decode(json, message));
        return true;
      });
    }
    return true;
  }
  void RunFor(engine::Duration time) {
    (void)RunUntil([] { return false; }, time);
  }

  // The next two tokens of a lane that belong together.
  std::string NodeToken() {
    const std::string number = std::to_string(++tokens_);
    relay_->Expect("n-" + number, "c-" + number);
    return "n-" + number;
  }
  std::string ClientToken() const { return "c-" + std::to_string(tokens_); }

  engine::SessionOffer OfferOf(const std::string& session) {
    engine::SessionOffer offer;
    offer.session_id = session;
    offer.principal = "somebody";
    if (is_sealed_) {
      offer.client_key = std::string(64, 'a');
    } else {
      offer.resume_secret = engine::ToHex(InspectedSecret());
    }
    offer.join_token = NodeToken();
    offer.kind = "tcp";
    offer.host = kTarget;
    offer.port = kTargetPort;
    return offer;
  }

  // ----------------------------------------------------------- the honest client

  void SayHonestly(unsigned times, ByteView bytes) {
    if (bytes.empty() || driver_.loop().buffers().free_count() < kBlocks / 2) return;
    std::string text;
    for (unsigned i = 0; i <= times * times; ++i) text += engine::AsText(bytes);
    if (said_.size() + text.size() > kHonestMax) return;
    said_ += text;
    stream_->Send(text);
  }
  void ComeAgainHonestly() {
    if (!honest_->suspended()) return;
    table_->Handle(engine::LaneOffer{kHonest, NodeToken(), 0, honest_->answer->lane});
    const int before = honest_->resumed;
    honest_->Return(ClientToken(), ++honest_epoch_);
    (void)RunUntil([&] { return honest_->resumed > before || honest_->suspended(); }, seconds(30));
    if (honest_->resumed > before) last_epoch_ = honest_epoch_;
  }
  // Whatever was done, the honest session goes on, and nothing of it is lost, doubled or changed.
  void Recover() {
    const auto is_whole = [this] { return !honest_->suspended() && stream_->output == said_; };
    for (int i = 0; i < 10 && !is_whole(); ++i) {
      ComeAgainHonestly();
      (void)RunUntil([&] { return is_whole() || honest_->suspended(); }, seconds(60));
    }
    CHECK(is_whole());
    CHECK(!stream_->over());
  }

  // Pretend comes for the honest client's lane, and lacks one thing that a proof is over.
  void Pretend(unsigned how, ByteView bytes) {
    const uint32_t lane = honest_->answer->lane;
    table_->Handle(engine::LaneOffer{kHonest, NodeToken(), 0, lane});
    LaneTalk talk(driver_, {kRelay, kPort}, ClientToken(), is_sealed_ ? InnerContext() : nullptr);
    (void)RunUntil([&] { return talk.secured() || talk.over(); }, seconds(30));
    const int resumed = honest_->resumed;
    if (talk.secured()) {
      talk.Say(Pretence(talk, how, bytes));
      (void)RunUntil([&] { return talk.over(); }, seconds(30));
      CHECK(talk.over());
      engine::ControlMessage answer;
      CHECK(talk.FirstFrame(answer) == 0 || !std::holds_alternative<engine::Resumed>(answer));
    }
    if (!talk.over()) talk.Cut();
    CHECK(RunUntil([&] { return talk.over(); }, seconds(60)));
    CHECK(honest_->resumed == resumed);
  }
  std::string Pretence(LaneTalk& talk, unsigned how, ByteView bytes) {
    // Where it says that it is, the client could be.
    engine::Resume resume{.session_id = kHonest,
                          .lane = honest_->answer->lane,
                          .epoch = honest_epoch_ + 1 + fuzz::Number(bytes) % 1'000,
                          .position = honest_->multiplexer().received_position()};
    engine::ResumeClaim claim{.side = ResumeSide::kClient,
                              .lane = resume.lane,
                              .epoch = resume.epoch,
                              .position = resume.position};
    engine::ResumeSecret secret = honest_->secret();
    bool is_here = true;  // The proof is over this connection.
    switch (how % 8) {
      case 0:
        secret[0] ^= std::byte{1};
        break;
      case 1:
        claim.side = ResumeSide::kNode;
        break;
      case 2:
        ++claim.lane;
        break;
      case 3:
        ++claim.position;
        break;
      case 4:
        ++claim.epoch;
        break;
      case 5:
        resume.session_id = kEvil;
        break;
      case 6:  // An earlier epoch, of which all is right; there is none: another carriage's proof.
        if (last_epoch_ > 0) {
          claim.epoch = resume.epoch = 1 + fuzz::Number(bytes) % last_epoch_;
        } else {
          is_here = false;
          secret[31] ^= std::byte{1};
        }
        break;
      default:
        return std::string(engine::AsText(bytes)) + "\xFF and no resume";
    }
    resume.proof = is_sealed_ && is_here ? engine::ResumeProof(secret, claim, talk.channel())
                                         : engine::ResumeProofThroughRelay(secret, claim);
    const std::string said = engine::Encode(resume);
    return engine::LinkFrame(engine::FrameType::kControl, engine::AsBytes(said)) +
           (how & 8 ? std::string(engine::AsText(bytes)) : std::string());
  }

  // ------------------------------------------------------------------- the relay

  void RelaySays(unsigned how, ByteView bytes) {
    const std::string session = how & 8 ? kEvil : "nobody-1";
    engine::ControlMessage message;
    switch (how % 8) {
      case 0:
        message = engine::LaneOffer{how & 8 ? kHonest : kEvil, "n-x", 0,
                                    static_cast<uint32_t>(fuzz::Number(bytes))};
        break;
      case 1:
        message = engine::LaneOffer{session, "n-x", static_cast<uint32_t>(bytes.size()), {}};
        break;
      case 2:
        message = engine::SessionCheck{how & 8 ? kHonest : kEvil};
        break;
      case 3:
        message = engine::SessionStop{session, std::string(engine::AsText(bytes))};
        break;
      case 4:
        message = OfferOf(how & 8 ? kHonest : kEvil);  // It has both, or had.
        break;
      default:
        if (!engine::Decode(engine::AsText(bytes), message)) return;
    }
    const auto* stop = std::get_if<engine::SessionStop>(&message);
    if (stop != nullptr && stop->session_id == kHonest) return;  // That would be its end.
    if (++relay_says_ <= 32) table_->Handle(message);
  }

  // -------------------------------------------------------------- the evil client

  void CutEvil() {
    if (evil_.talk == nullptr) return;
    evil_.received += evil_.talk->heard_bytes() - evil_.first_frame;
    if (!evil_.talk->over()) evil_.talk->Cut();
    CHECK(RunUntil([this] { return evil_.talk->over(); }, seconds(60)));
    evil_.talk.reset();
  }
  // Meets is true when the lane that the relay was told of is there.
  bool Meets() {
    evil_.talk = std::make_unique<LaneTalk>(driver_, engine::HostPort{kRelay, kPort}, ClientToken(),
                                            is_sealed_ ? InnerContext() : nullptr);
    evil_.first_frame = 0;
    (void)RunUntil([this] { return evil_.talk->secured() || evil_.talk->over(); }, seconds(30));
    return evil_.talk->secured();
  }
  void DialEvil() {
    CutEvil();
    // The session's first lane comes with its offer; the node refuses one that it has already.
    if (evil_.offers++ == 0) {
      table_->Handle(OfferOf(kEvil));
    } else {
      table_->Handle(engine::LaneOffer{kEvil, NodeToken(), 0, {}});
    }
    evil_.received = evil_.most = 0;
    evil_.said.clear();
    if (!Meets()) return;
    evil_.lane = evil_.offers - 1;
    evil_.secret = is_sealed_ ? engine::ResumeSecretOf(evil_.talk->channel()) : InspectedSecret();
  }
  void EvilHello(unsigned how, ByteView bytes) {
    engine::Hello hello;
    hello.role = how & 1 && !bytes.empty() ? "relay" : "client";
    hello.session_id = how & 2 && !bytes.empty() ? kHonest : kEvil;
    if ((how & 4) == 0) hello.features = {"resume"};
    if (how & 8) hello.version_min = hello.version = static_cast<uint32_t>(1 + bytes.size());
    const std::string said = engine::Encode(hello);
    SayEvil(engine::LinkFrame(engine::FrameType::kControl, engine::AsBytes(said)));
  }
  void SayEvil(std::string_view text) {
    if (evil_.talk == nullptr || evil_.said.size() + text.size() > kEvilMax) return;
    evil_.said += text;
    evil_.most += text.size();
    evil_.talk->Say(text);
  }
  // It knows its secret, and may say where it is, and lie.
  void EvilComesAgain(unsigned how, ByteView bytes) {
    if (evil_.offers == 0) return;
    CutEvil();
    table_->Handle(engine::LaneOffer{kEvil, NodeToken(), 0, evil_.lane});
    if (!Meets()) return;
    const uint64_t number = fuzz::Number(bytes);
    engine::Resume resume{.session_id = kEvil,
                          .lane = evil_.lane,
                          .epoch = ++evil_.epoch,
                          .position = evil_.received};
    if (how % 4 == 1) resume.position += number % 64;
    if (how % 4 == 2) resume.position -= std::min(resume.position, number % 4096);
    if (how % 4 == 3) resume.position = number;
    if (how & 4) resume.epoch += number % 16;
    const engine::ResumeClaim claim{.side = ResumeSide::kClient,
                                    .lane = resume.lane,
                                    .epoch = resume.epoch,
                                    .position = resume.position};
    resume.proof = is_sealed_ ? engine::ResumeProof(evil_.secret, claim, evil_.talk->channel())
                              : engine::ResumeProofThroughRelay(evil_.secret, claim);
    const std::string text = engine::Encode(resume);
    evil_.talk->Say(engine::LinkFrame(engine::FrameType::kControl, engine::AsBytes(text)));
    engine::ControlMessage answer;
    (void)RunUntil(
        [&] {
          evil_.first_frame = evil_.talk->FirstFrame(answer);
          return evil_.first_frame > 0 || evil_.talk->over();
        },
        seconds(30));
    const auto* resumed = std::get_if<engine::Resumed>(&answer);
    if (resumed == nullptr) return;
    CHECK(resumed->position <= evil_.most);
    evil_.received = resume.position;
    const uint64_t from = how & 8 ? number % (evil_.said.size() + 1)
                                  : std::min<uint64_t>(resumed->position, evil_.said.size());
    evil_.most = resumed->position + evil_.said.size() - from;
    evil_.talk->Say(std::string_view(evil_.said).substr(from));
    evil_.epoch = std::max(evil_.epoch, resume.epoch);
  }

  const bool is_sealed_;
  engine::LoopDriver driver_;
  std::unique_ptr<JoiningRelay> relay_;
  std::unique_ptr<EchoServer> server_;
  TargetContext context_;
  std::unique_ptr<TargetTable> targets_;
  std::unique_ptr<SessionTable> table_;
  std::unique_ptr<LaneClient> honest_;
  PeerStream* stream_ = nullptr;
  std::string said_;
  uint64_t honest_epoch_ = 0;
  uint64_t last_epoch_ = 0;  // That the node has taken.
  EvilClient evil_;
  uint64_t tokens_ = 0;
  int relay_says_ = 0;
};

}  // namespace
}  // namespace agent

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 1) return 0;
  engine::log::SetLevel(engine::log::Level::kError);
  GTEST_FLAG_SET(break_on_failure, true);  // What the peers of unit tests expect is a promise, too.
  agent::World world(data[0]);
  engine::ByteView input = std::as_bytes(std::span(data + 1, size - 1));
  for (int steps = 0; input.size() >= 2 && steps < 64; ++steps) {
    const auto what = std::to_integer<unsigned>(input[0]);
    const size_t count = std::min(std::to_integer<size_t>(input[1]), input.size() - 2);
    world.Step(what, input.subspan(2, count));
    input = input.subspan(2 + count);
  }
  return 0;
}
