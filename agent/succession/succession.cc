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

// The first line of a successor, and its only one that is no control message: "up PID".
constexpr absl::string_view kUp = "up ";

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
  CHECK(!has_begun());
  absl::StatusOr<Descriptor> socket = StartSuccessor(lock_);
  if (!socket.ok()) return socket.status();
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
  if (!absl::ConsumePrefix(&rest, kUp)) return events_.OnSuccessorSays(line);
  // It says so at each of its links.
  if (!absl::SimpleAtoi(rest, &successor) || std::exchange(succeeded_, true)) return;
  events_.OnSucceeded(successor);
}

void Succession::OnEnd(GenerationLink& link) {
  if (&link == successor_.get()) events_.OnSuccessorGone(succeeded_);
}

void Succession::Sweep() {
  SweepOne(predecessor_, predecessor_ != nullptr && predecessor_->has_ended());
  // One that stops still passes on what is said last.
  SweepOne(successor_, successor_ != nullptr && successor_->has_ended() && !succeeded_);
}

void Succession::LeavePredecessor() {
  if (predecessor_ != nullptr) predecessor_->Finish();
}

void Succession::Close() {
  if (predecessor_ != nullptr) predecessor_->Close();
  if (successor_ != nullptr) successor_->Close();
}

}  // namespace agent
