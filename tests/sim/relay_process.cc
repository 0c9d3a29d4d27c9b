#include "tests/sim/relay_process.h"

#include <algorithm>
#include <utility>

#include "engine/base/check.h"
#include "relay/switchboard/agent_role.h"
#include "tests/sim/world_keys.h"

namespace sim {
namespace {

constexpr uint64_t kDeskMaxUs = 3'000;  // From a task's arrival until its turn comes.

relay::Switchboard::Options Options() {
  relay::Switchboard::Options options;
  options.locate = [](const std::string&) { return std::nullopt; };
  return options;
}

}  // namespace

RelayProcess::RelayProcess(engine::sim::SimWorld& world, uint16_t block_count,
                           relay::SqliteStore& store, Witness& witness)
    : Process(world, kRelayHost, block_count),
      witness_(witness),
      random_(world.random.Next()),
      certificates_(WorldKeys::Shared().authority),
      broker_(std::make_unique<relay::Broker>(store, static_cast<relay::DataPlane&>(*this))),
      api_(std::make_unique<relay::Api>(store, *broker_, certificates_,
                                        engine::FormatHostPort(RelayAt()))),
      switchboard_(Options(), driver(), *WorldKeys::Shared().relay_server,
                   static_cast<relay::ControlPort&>(*this)) {
  const absl::Status status = broker_->TakeOver(
      NowMs(),
      [this](const std::string& id, const std::string& access) { return api_->GoOn(id, access); });
  CHECK(status.ok());
  engine::Address address;
  CHECK(engine::Address::Parse(kRelayAddress, kRelayPort, address));
  const engine::Opened listener = loop().Listen(address, 64);
  CHECK(listener.error == engine::IoError::kNone);
  switchboard_.Listen(listener.socket, [this](relay::Greeting greeting) {
    switchboard_.Adopt(greeting.socket, std::move(greeting.first_bytes));
  });
  tick_at_ = loop().Now() + kTick;
}

RelayProcess::~RelayProcess() {
  if (broker_ != nullptr) broker_->Flush();
}

int64_t RelayProcess::NowMs() const {
  return kWorldStartMs +
         std::chrono::duration_cast<std::chrono::milliseconds>(loop().Now() - engine::Instant{})
             .count();
}

// ------------------------------------------------------------- the desk's turns

engine::Instant RelayProcess::NextAt() const {
  engine::Instant next = std::min(Process::NextAt(), is_dead() ? engine::Instant::max() : tick_at_);
  if (!control_.empty()) next = std::min(next, control_at_);
  if (!to_loop_.empty()) next = loop().Now();
  return is_paused() ? Process::NextAt() : next;
}

void RelayProcess::Tell(std::function<void()> task) {
  if (is_dead()) return;
  if (control_.empty()) {
    const auto later = std::chrono::microseconds(random_.Range(0, kDeskMaxUs));
    control_at_ = std::max(control_at_, loop().Now() + later);
  }
  control_.push_back(std::move(task));
}

void RelayProcess::AfterIteration() {
  const engine::Instant now = loop().Now();
  for (size_t count = to_loop_.size(); count > 0 && !to_loop_.empty(); --count) {
    const std::function<void()> task = std::move(to_loop_.front());
    to_loop_.pop_front();
    task();
  }
  if (now >= control_at_) {
    for (size_t count = control_.size(); count > 0; --count) {
      const std::function<void()> task = std::move(control_.front());
      control_.pop_front();
      task();
    }
    if (!is_dead() && now >= tick_at_) {
      broker_->Tick(NowMs());
      api_->Tick(NowMs());
    }
  }
  if (now >= tick_at_) tick_at_ = now + kTick;
}

void RelayProcess::LetGo() {
  control_.clear();
  to_loop_.clear();
  nodes_.clear();
  api_.reset();
  broker_.reset();
  switchboard_.Stop(engine::Duration::zero());
}

// ------------------------------------------------------------ what loops tell

void RelayProcess::HandleRequest(uint32_t, engine::HttpRequest request, std::string source_address,
                                 std::function<void(engine::HttpResponse)> reply) {
  const bool is_rejoin = request.headers.Get("X-Amz-Target") == "Adit.Rejoin";
  Tell([this, is_rejoin, request = std::move(request), source = std::move(source_address), reply] {
    api_->Handle(request, source, NowMs(),
                 [this, is_rejoin, request, reply](engine::HttpResponse response) {
                   if (is_rejoin) {
                     witness_.RejoinAnswered(request, response.status, loop().Now());
                   }
                   ToLoop([reply, response = std::move(response)] { reply(response); });
                 });
  });
}

void RelayProcess::Ask(engine::HttpRequest request,
                       std::function<void(engine::HttpResponse)> reply) {
  Tell([this, request = std::move(request), reply = std::move(reply)] {
    api_->Handle(request, "192.0.2.66", NowMs(), reply);
  });
}

void RelayProcess::NodeConnected(relay::NodeArrival arrival,
                                 std::function<void(absl::Status)> admitted) {
  Tell([this, arrival = std::move(arrival), admitted = std::move(admitted)] {
    const auto before = nodes_.find(arrival.node_id);
    if (before != nodes_.end()) {
      ToLoop([this, serial = before->second.link_serial] {
        switchboard_.DismissLink(serial, engine::CloseCode::kReplaced,
                                 relay::AgentRole::kReplacedText);
      });
    }
    nodes_[arrival.node_id] = {0, arrival.link_serial, arrival.is_sealing, arrival.is_encrypting,
                               arrival.is_laning};
    const absl::Status status = broker_->NodeConnected({.node_id = arrival.node_id,
                                                        .name = arrival.name,
                                                        .platform = arrival.platform,
                                                        .agent_version = arrival.software,
                                                        .source_ip = arrival.source_address},
                                                       NowMs());
    if (!status.ok()) nodes_.erase(arrival.node_id);
    ToLoop([this, admitted, status, node = arrival.node_id] {
      admitted(status);
      if (status.ok()) Tell([this, node] { broker_->AskAbout(node); });
    });
  });
}

void RelayProcess::NodeDisconnected(std::string node_id, uint64_t link_serial, std::string reason) {
  Tell([this, node_id = std::move(node_id), link_serial, reason = std::move(reason)] {
    const auto found = nodes_.find(node_id);
    if (found != nodes_.end() && found->second.link_serial == link_serial) nodes_.erase(found);
    broker_->NodeDisconnected(node_id, link_serial, reason, NowMs());
  });
}

void RelayProcess::NodeSaid(std::string node_id, engine::ControlMessage message) {
  Tell([this, node_id = std::move(node_id), message = std::move(message)] {
    if (const auto* answer = std::get_if<engine::SessionAnswer>(&message)) {
      broker_->NodeAnswered(node_id, *answer, NowMs());
    } else if (const auto* over = std::get_if<engine::SessionOver>(&message)) {
      broker_->NodeEndedSession(node_id, *over, NowMs());
    } else if (const auto* news = std::get_if<engine::StreamNews>(&message)) {
      broker_->NodeToldOfStream(node_id, *news, NowMs());
    } else if (const auto* lost = std::get_if<engine::LanesLost>(&message)) {
      broker_->NodeLostLanes(node_id, *lost);
    }
  });
}

void RelayProcess::LaneJoined(relay::LaneId lane, std::string source_address) {
  if (!is_dead()) witness_.LaneJoined(lane.session_id, loop().Now());
  Tell([this, lane = std::move(lane), source = std::move(source_address)] {
    broker_->LaneJoined(lane, source, NowMs());
  });
}

void RelayProcess::LaneEnded(relay::LaneId lane, relay::LaneEnd end) {
  Tell([this, lane = std::move(lane), end = std::move(end)] {
    broker_->LaneEnded(lane, end, NowMs());
  });
}

// ------------------------------------------------------- what the broker says

std::optional<relay::NodePlace> RelayProcess::FindNode(std::string_view node_id) {
  const auto found = nodes_.find(node_id);
  if (found == nodes_.end()) return std::nullopt;
  return found->second;
}

void RelayProcess::TellNode(std::string_view node_id, const engine::ControlMessage& message) {
  if (!nodes_.contains(node_id)) return;
  ToLoop([this, node = std::string(node_id), message] { switchboard_.TellNode(node, message); });
}

bool RelayProcess::AddLane(uint32_t, const relay::LaneGrant& grant) {
  ToLoop([this, grant] { switchboard_.AddLane(grant); });
  return true;
}

void RelayProcess::EndLanes(std::string_view session_id, std::string_view reason) {
  ToLoop([this, id = std::string(session_id), why = std::string(reason)] {
    switchboard_.EndLanes(id, why);
  });
}

void RelayProcess::RefuseReturns(uint64_t link_serial) {
  ToLoop([this, link_serial] { switchboard_.RefuseReturns(link_serial); });
}

void RelayProcess::CutLanes(const engine::LanesLost& lost, std::string_view reason) {
  ToLoop([this, lost, why = std::string(reason)] { switchboard_.CutLanes(lost, why); });
}

}  // namespace sim
