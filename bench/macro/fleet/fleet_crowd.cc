#include "bench/macro/fleet/fleet_crowd.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "engine/base/check.h"

namespace fleet {
namespace {

constexpr engine::Duration kReportInterval = std::chrono::milliseconds(100);

double Seconds(engine::Instant time) {
  return std::chrono::duration<double>(time.time_since_epoch()).count();
}

// Quoted is a text of ours as JSON: without what JSON would have to escape.
std::string Quoted(std::string text) {
  std::replace_if(
      text.begin(), text.end(), [](char c) { return c == '"' || c == '\\' || c < ' '; }, '_');
  return '"' + text + '"';
}

}  // namespace

Crowd::Crowd(engine::LoopDriver& driver, const CrowdOptions& options)
    : driver_(driver),
      options_(options),
      roll_(options.roll),
      has_come_(options.count),
      input_op_(engine::Handler<engine::Received>::To<&Crowd::OnInput>(this)) {
  if (options.first + options.count > roll_.size()) Die("the roll has too few agents");
  for (size_t i = 0; i < options.address_count; ++i) {
    targets_.push_back({"127.0.0." + std::to_string(i + 1), options.port});
  }
  for (size_t i = 0; i < options.count; ++i) {
    const size_t index = options.first + i;
    agents_.emplace_back(driver, roll_, index, targets_[index % targets_.size()], index + 1,
                         static_cast<Agent::Events&>(*this));
  }
}

void Crowd::Run() {
  driver_.loop().Receive(input_op_, driver_.loop().Adopt(STDIN_FILENO), engine::ReceiveMode::kOnce);
  engine::Instant reported{};
  while (!input_ended_) {
    Invite();
    driver_.RunOnce(kReportInterval);
    if (!changed_ || driver_.loop().Now() - reported < kReportInterval) continue;
    Report();
    reported = driver_.loop().Now();
  }
  // Nobody says goodbye: the kernel closes everything at once.
  std::_Exit(0);
}

void Crowd::Invite() {
  while (invited_ < agents_.size() && arriving_ < options_.arriving_max) {
    ++arriving_;
    agents_[invited_++].Dial();
  }
  while (!due_.empty() && returning_ < options_.returning_max) {
    ++returning_;
    due_.front()->Dial();
    due_.pop_front();
  }
}

void Crowd::OnUp(Agent& agent) {
  ++up_;
  changed_ = true;
  const size_t place = agent.index() - options_.first;
  --(has_come_[place] ? returning_ : arriving_);
  has_come_[place] = true;
}

void Crowd::OnDue(Agent& agent) {
  if (!has_come_[agent.index() - options_.first]) return agent.Dial();
  due_.push_back(&agent);
}

void Crowd::OnDown(Agent& agent, bool was_up, const std::string& why) {
  changed_ = true;
  if (was_up) {
    CHECK(up_ > 0);
    --up_;
    ++lost_;
  } else {
    ++failed_;
    if (has_come_[agent.index() - options_.first]) --returning_;
  }
  ++reasons_[why];
}

void Crowd::OnInput(engine::Received outcome) {
  if (outcome.error != engine::IoError::kNone) {
    input_ended_ = true;
    return;
  }
  driver_.loop().Receive(input_op_, driver_.loop().Adopt(STDIN_FILENO), engine::ReceiveMode::kOnce);
}

void Crowd::Report() {
  changed_ = false;
  std::string reasons;
  for (const auto& [why, count] : reasons_) {
    reasons += (reasons.empty() ? "" : ",") + Quoted(why) + ":" + std::to_string(count);
  }
  std::printf(
      "{\"event\":\"crowd\",\"at\":%.3f,\"up\":%zu,\"lost\":%zu,\"failed\":%zu,\"why\":{%s}}\n",
      Seconds(driver_.loop().Now()), up_, lost_, failed_, reasons.c_str());
  std::fflush(stdout);
}

}  // namespace fleet
