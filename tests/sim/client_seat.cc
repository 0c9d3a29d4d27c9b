#include "tests/sim/client_seat.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "engine/base/check.h"
#include "tests/sim/greedy_client.h"
#include "tests/sim/world_keys.h"

namespace sim {

std::unique_ptr<SessionClient> ClientSeat::Start(engine::sim::SimWorld& world) {
  CHECK(client_ == nullptr);
  session_ += kSeatsMax;
  if (plan_.is_greedy && index_ == 1) {
    ends_.Wanted(GreedyClient::PlanOf(session_));
    auto greedy =
        std::make_unique<GreedyClient>(world, plan_.blocks, plan_.is_sealed, session_, witness_);
    client_ = greedy.get();
    return greedy;
  }
  if (plan_.programs[index_].has_value()) {
    const ShellClient::Options options{.is_sealed = plan_.is_sealed,
                                       .kind = *plan_.programs[index_],
                                       .resume_bytes_max = plan_.resume_bytes_max};
    auto shell = std::make_unique<ShellClient>(world, plan_.blocks, options, witness_);
    client_ = shell_ = shell.get();
    return shell;
  }
  const ClientProcess::Options options{.is_sealed = plan_.is_sealed,
                                       .seat = static_cast<uint16_t>(index_),
                                       .lanes = {.at_start = 1, .max = plan_.lanes},
                                       .resume_bytes_max = plan_.resume_bytes_max};
  auto client = std::make_unique<ClientProcess>(world, plan_.blocks, options, witness_);
  client_ = client.get();
  return client;
}

void ClientSeat::Look(engine::Instant now, bool is_calm) {
  if (client_ == nullptr) return;
  if (client_->was_ready() && !begun_.contains(session_)) {
    begun_[session_] = {client_->session_id(), now};
    ends_.Begun(client_->session_id(), session_);
  }
  if (client_->is_session_over() && !client_->is_leaving()) End(now, is_calm);
}

// End is for one whose session is over.
void ClientSeat::End(engine::Instant now, bool is_calm) {
  if (client_->is_done()) {
    // Its goodbye may be lost, and then its node waits for it.
    if (!is_calm) Forsake();
  } else {
    if (!may_end() && client_->was_ready()) {
      witness_.Blame("the session ended, and nothing had happened that ends sessions: " +
                     client_->end_text());
    }
    if (client_->was_ready()) {
      witness_.Applied(Rule::kEndsSaid);
      if (client_->end_text().empty()) witness_.Blame("the session ended without a reason");
      if (witness_.is_withdrawn()) witness_.Applied(Rule::kWithdrawnEnd);
    }
    // The node may have seen more of the beginning than the client, and waits for it.
    if (!client_->was_ready()) Forsake();
  }
  Leave();
  start_at_ = now + std::chrono::seconds(1);
}

void ClientSeat::Forsake() {
  forsaken_.insert(session_);
  ends_.Happened(EndReasons::kLost, client_->session_id());
}

void ClientSeat::Kill(engine::Instant now, engine::Instant start_at) {
  if (client_ == nullptr) return;
  MayEnd(now);
  if (client_->has_left()) ends_.Happened(EndReasons::kLeft, client_->session_id());
  Forsake();
  client_->Kill(engine::sim::SimNetwork::Death::kCrash);
  client_ = shell_ = nullptr;
  start_at_ = start_at;
}

void ClientSeat::Leave() {
  if (client_ == nullptr) return;
  // Who hears that its session is over does not end it.
  if (client_->has_left() || !client_->is_session_over()) {
    ends_.Happened(EndReasons::kLeft, client_->session_id());
    if (client_->is_in_midst()) ends_.Happened(EndReasons::kLeftInMidst, client_->session_id());
  }
  client_->AskToStop();
  client_ = shell_ = nullptr;
}

void ClientSeat::Carry(FlowPlan flow, Programs& programs, engine::sim::SimNetwork& network) {
  CHECK(takes_flows());
  flow.session = session_;
  ends_.Wanted(flow);
  if (shell_ == nullptr) {
    engine::Address forward;
    const auto port = static_cast<uint16_t>(ClientProcess::kLocalPort + index_);
    CHECK(engine::Address::Parse("127.0.0.1", port, forward));
    programs.Connect(flow, forward);
    return;
  }
  const auto ends = network.Pair(programs.loop().process(), shell_->loop().process());
  programs.Type(flow, ends[0]);
  shell_->Run(flow, ends[1]);
}

bool ClientSeat::HasSession(const std::string& id) const {
  return std::ranges::any_of(begun_, [&](const auto& begun) { return begun.second.id == id; });
}

bool ClientSeat::Outlived(const FlowPlan& flow, engine::Instant happened,
                          engine::Instant before) const {
  const auto begun = begun_.find(flow.session);
  return begun != begun_.end() && begun->second.at < happened && happened < before;
}

bool ClientSeat::IsAt(const FlowPlan& flow, const std::string& place) const {
  const auto name = begun_.find(flow.session);
  if (name == begun_.end()) return false;
  const bool is_program = plan_.programs[index_].has_value();
  return place == (is_program ? name->second.id : std::to_string(kServerPort + index_));
}

}  // namespace sim
