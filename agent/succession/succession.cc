#include "agent/succession/succession.h"

#include <unistd.h>

#include <string>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "engine/base/check.h"

namespace agent {
namespace {

// What a successor says that is no control message: "up PID" first, and "stop" last.
constexpr absl::string_view kUp = "up ";
constexpr absl::string_view kStop = "stop";

void SweepOne(std::unique_ptr<GenerationLink>& link, bool is_over) {
  if (link == nullptr) return;
  if (is_over) link->Close();
  if (link->closed()) link.reset();
}

}  // namespace

Succession::Succession(engine::Loop& loop, Descriptor predecessor, int lock, Events& events)
    : loop_(loop), events_(events), lock_(lock) {
  if (!predecessor.valid()) return;
  predecessor_ = std::make_unique<GenerationLink>(loop, predecessor.Release(),
                                                  static_cast<GenerationLink::Events&>(*this));
}

absl::Status Succession::Begin() {
  CHECK(may_begin());
  absl::StatusOr<Descriptor> socket = StartSuccessor(lock_);
  if (!socket.ok()) return socket.status();
  is_given_up_ = false;
  successor_ = std::make_unique<GenerationLink>(loop_, socket->Release(),
                                                static_cast<GenerationLink::Events&>(*this));
  return absl::OkStatus();
}

void Succession::IsUp() {
  if (!has_predecessor()) return;
  [[maybe_unused]] const bool sent = predecessor_->Send(absl::StrCat(kUp, ::getpid()));
}

bool Succession::ToSuccessor(std::string_view json) { return succeeded_ && successor_->Send(json); }

bool Succession::ToPredecessor(std::string_view json) {
  return has_predecessor() && predecessor_->Send(json);
}

void Succession::OnLine(GenerationLink& link, std::string_view line) {
  if (&link == predecessor_.get()) return events_.OnPredecessorSays(line);
  absl::string_view rest(line.data(), line.size());
  pid_t successor = 0;
  if (rest == kStop) {
    is_stopping_ = true;
    return events_.OnSuccessorStops();
  }
  if (!absl::ConsumePrefix(&rest, kUp)) return events_.OnSuccessorSays(line);
  // It says so at each of its links.
  if (!absl::SimpleAtoi(rest, &successor) || std::exchange(succeeded_, true)) return;
  events_.OnSucceeded(successor);
}

void Succession::OnEnd(GenerationLink& link) {
  if (&link == predecessor_.get()) return events_.OnPredecessorGone();
  if (is_stopping_) return;
  GiveUp();
  events_.OnSuccessorGone();
}

void Succession::GiveUp() {
  succeeded_ = false;
  is_given_up_ = true;
  successor_->Close();
}

void Succession::Sweep() {
  SweepOne(predecessor_, predecessor_ != nullptr && predecessor_->has_ended());
  SweepOne(successor_, is_given_up_);
}

void Succession::LeavePredecessor() {
  if (!has_predecessor()) return;
  [[maybe_unused]] const bool sent =
      predecessor_->Send(std::string_view(kStop.data(), kStop.size()));
  predecessor_->Finish();
}

void Succession::Close() {
  if (predecessor_ != nullptr) predecessor_->Close();
  if (successor_ != nullptr) successor_->Close();
}

}  // namespace agent
