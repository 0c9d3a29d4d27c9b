#include "tests/sim/programs.h"

#include <algorithm>
#include <utility>

#include "engine/base/check.h"
#include "tests/sim/world_keys.h"

namespace sim {
namespace {

bool AreGone(const std::vector<std::unique_ptr<ByteFlow>>& flows) {
  return std::ranges::all_of(flows, [](const auto& flow) { return flow->gone(); });
}

}  // namespace

ByteFlow& Programs::Connect(const FlowPlan& plan, const engine::Address& forward) {
  flows_.push_back(std::make_unique<ByteFlow>(driver().loop(), plan, forward));
  return *flows_.back();
}

ByteFlow& Programs::Type(const FlowPlan& plan, engine::Socket terminal) {
  flows_.push_back(std::make_unique<ByteFlow>(driver().loop(), plan, terminal));
  return *flows_.back();
}

bool Programs::over() const { return is_leaving() && AreGone(flows_); }

void Programs::Stop() {
  for (const auto& flow : flows_) flow->Abort();
}

Server::Server(engine::sim::SimWorld& world)
    : Process(world, kNodeHost, 512), doors_{Door(*this), Door(*this), Door(*this)} {
  uint16_t port = kServerPort;
  for (Door& door : doors_) {
    engine::Address address;
    CHECK(engine::Address::Parse(kServerAddress, port++, address));
    const engine::Opened opened = driver().loop().Listen(address, 64);
    CHECK(opened.error == engine::IoError::kNone);
    door.listener = opened.socket;
    driver().loop().Accept(door.accept_op, door.listener);
  }
}

Server::Door::Door(Server& server)
    : accept_op(engine::Handler<engine::Accepted>::To<&Server::OnAccepted>(&server)),
      close_op(engine::Handler<engine::Closed>::To<&Server::OnClosed>(&server)) {}

void Server::OnAccepted(engine::Accepted outcome) {
  if (outcome.error == engine::IoError::kNone) {
    const uint16_t port = loop().network().LocalAddress(outcome.socket).port();
    auto& flows = port < kServerPort + kSeatsMax ? flows_ : greedy_flows_;
    flows.push_back(
        std::make_unique<ByteFlow>(driver().loop(), outcome.socket, std::to_string(port)));
  }
  if (outcome.more) return;
  for (Door& door : doors_) {
    if (door.accept_op.in_flight() || !door.listener.valid()) continue;
    if (is_leaving()) {
      driver().loop().Close(door.close_op, std::exchange(door.listener, {}));
    } else {
      driver().loop().Accept(door.accept_op, door.listener);
    }
  }
}

const ByteFlow* Server::Find(const FlowPlan& plan) const {
  for (const auto& flow : flows_) {
    if (flow->knows_plan() && flow->plan().salt == plan.salt) return flow.get();
  }
  return nullptr;
}

std::shared_ptr<PlayedProgram> Server::Run(FlowEnds ends, uint16_t columns,
                                           std::string session_id) {
  flows_.push_back(std::make_unique<ByteFlow>(driver().loop(), ends, std::move(session_id)));
  programs_.push_back(
      std::make_shared<PlayedProgram>(*flows_.back(), ends.in == ends.out, columns));
  return programs_.back();
}

engine::Instant Server::NextAt() const {
  const bool has_news =
      std::ranges::any_of(programs_, [](const auto& program) { return program->has_news(); });
  return has_news ? loop().Now() : Process::NextAt();
}

void Server::AfterIteration() {
  std::erase_if(programs_, [](const auto& program) { return program->Go(); });
  std::erase_if(greedy_flows_,
                [](const auto& flow) { return flow->gone() && flow->problem().empty(); });
}

bool Server::over() const {
  const bool is_shut = std::ranges::all_of(doors_, [](const Door& door) {
    return !door.accept_op.in_flight() && !door.close_op.in_flight();
  });
  return is_leaving() && is_shut && AreGone(flows_) && AreGone(greedy_flows_) && programs_.empty();
}

void Server::Stop() {
  for (Door& door : doors_) driver().loop().Cancel(door.accept_op);
  for (const auto& flow : flows_) flow->Abort();
  for (const auto& flow : greedy_flows_) flow->Abort();
}

}  // namespace sim
