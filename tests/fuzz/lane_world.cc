#include "tests/fuzz/lane_world.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "engine/base/check.h"
#include "engine/sim/sim_loop.h"
#include "tests/support/tls_credentials.h"

namespace agent {
namespace {

using std::chrono::milliseconds;

constexpr char kRelay[] = "10.0.0.1";
constexpr uint16_t kPort = 443;

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

}  // namespace

LaneWorld::LaneWorld(unsigned setting)
    : is_sealed_((setting & 1) != 0),
      driver_(std::make_unique<engine::sim::SimLoop>(setting + 1, FaultsFor(setting), kBlocks,
                                                     32 * 1024)),
      relay_(std::make_unique<JoiningRelay>(driver_, *SharedTrust().relay_context, kRelay, kPort)),
      server_(std::make_unique<EchoServer>(driver_.loop(), kTarget, kTargetPort)),
      context_{.loop = driver_.loop(), .resolver = driver_.resolver(), .inherited = {}},
      targets_(std::make_unique<TargetTable>(context_)),
      table_(std::make_unique<SessionTable>(
          driver_, *targets_,
          SessionTable::Options{
              .software = "adit-agent/fuzz",
              .identity = Identity(),
              .relay = {{kRelay, kPort}, SharedTrust().authority_pem, SharedTrust().node}})) {}

LaneWorld::~LaneWorld() {
  table_.reset();
  targets_.reset();
  server_.reset();
  relay_.reset();
  CHECK(driver_.loop().buffers().free_count() == kBlocks);
}

std::string LaneWorld::Ask() {
  engine::TcpRequest request;
  request.host = kTarget;
  request.port = kTargetPort;
  return engine::EncodeOpen(request);
}

bool LaneWorld::RunUntil(const std::function<bool()>& done, engine::Duration time) {
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

std::string LaneWorld::NodeToken() {
  const std::string number = std::to_string(++tokens_);
  relay_->Expect("n-" + number, "c-" + number);
  return "n-" + number;
}

engine::SessionOffer LaneWorld::OfferOf(const std::string& session) {
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

std::unique_ptr<LaneTalk> LaneWorld::Dial() {
  return std::make_unique<LaneTalk>(driver_, engine::HostPort{kRelay, kPort}, ClientToken(),
                                    inner());
}

std::unique_ptr<LaneClient> LaneWorld::DialAs(engine::Hello hello) {
  auto client = std::make_unique<LaneClient>(driver_, engine::HostPort{kRelay, kPort},
                                             ClientToken(), inner(), std::move(hello));
  if (!is_sealed_) client->UseSecret(InspectedSecret());
  return client;
}

std::shared_ptr<engine::TlsContext> LaneWorld::inner() const {
  static const std::shared_ptr<engine::TlsContext> inner = engine::test::Must(
      engine::TlsContext::Client({.trust = engine::TlsTrust::Authority(SharedTrust().authority_pem),
                                  .identity = {},
                                  .protocols = {"adit/1"},
                                  .clock = {}}));
  return is_sealed_ ? inner : nullptr;
}

std::string LaneWorld::ProofOf(const engine::ResumeSecret& secret, const engine::ResumeClaim& claim,
                               LaneTalk& talk) const {
  return is_sealed_ ? engine::ResumeProof(secret, claim, talk.channel())
                    : engine::ResumeProofThroughRelay(secret, claim);
}

void LaneWorld::EndAll() {
  table_->EndAll(engine::CloseCode::kShuttingDown, "the end");
  table_->Close();
  targets_->EndAll(engine::CloseCode::kShuttingDown, "the end");
}

void LaneWorld::AwaitEnd(const std::function<bool()>& others) {
  CHECK(RunUntil(
      [&] {
        return others() && table_->count() == 0 && targets_->count() == 0 && relay_->Stop() &&
               server_->Stop() && driver_.loop().in_flight_count() == 0;
      },
      std::chrono::minutes(5)));
}

}  // namespace agent
