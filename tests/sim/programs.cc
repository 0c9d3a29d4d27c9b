#include "tests/sim/programs.h"

#include <algorithm>

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
    : Process(world, kNodeHost, 512),
      accept_op_(engine::Handler<engine::Accepted>::To<&Server::OnAccepted>(this)),
      close_op_(engine::Handler<engine::Closed>::To<&Server::OnClosed>(this)) {
  engine::Address address;
  CHECK(engine::Address::Parse(kServerAddress, kServerPort, address));
  const engine::Opened opened = driver().loop().Listen(address, 64);
  CHECK(opened.error == engine::IoError::kNone);
  listener_ = opened.socket;
  driver().loop().Accept(accept_op_, listener_);
}

void Server::OnAccepted(engine::Accepted outcome) {
  if (outcome.error == engine::IoError::kNone) {
    flows_.push_back(std::make_unique<ByteFlow>(driver().loop(), outcome.socket));
  }
  if (outcome.more) return;
  if (!is_leaving()) return driver().loop().Accept(accept_op_, listener_);
  driver().loop().Close(close_op_, listener_);
}

const ByteFlow* Server::Find(const FlowPlan& plan) const {
  for (const auto& flow : flows_) {
    if (flow->knows_plan() && flow->plan().salt == plan.salt) return flow.get();
  }
  return nullptr;
}

std::shared_ptr<PlayedProgram> Server::Run(FlowEnds ends, uint16_t columns) {
  flows_.push_back(std::make_unique<ByteFlow>(driver().loop(), ends));
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
}

bool Server::over() const {
  return is_leaving() && !accept_op_.in_flight() && !close_op_.in_flight() && AreGone(flows_) &&
         programs_.empty();
}

void Server::Stop() {
  driver().loop().Cancel(accept_op_);
  for (const auto& flow : flows_) flow->Abort();
}

}  // namespace sim
