// Who was before this process, and who comes after it.
//
//     first process      SIGUSR2 ---> Begin: starts the second one
//     second process                  connects to the relay, IsUp
//     first process      OnSucceeded: gives up its link to the relay, keeps its sessions
//         |  what it says of them  --- ToSuccessor --->  OnPredecessorSays --> relay
//         |  OnSuccessorSays       <-- ToPredecessor --  what the relay says of those sessions
//     first process      its last session ended: it ends, too

#pragma once

#include <sys/types.h>

#include <memory>
#include <string_view>

#include "absl/status/status.h"
#include "agent/succession/generation_link.h"
#include "agent/succession/successor_process.h"

namespace agent {

class Succession final : private GenerationLink::Events {
 public:
  class Events {
   public:
    // The successor is connected to the relay: what is said goes through it from now on.
    virtual void OnSucceeded(pid_t successor) = 0;
    // What the relay said of a session that the successor does not have.
    virtual void OnSuccessorSays(std::string_view json) = 0;
    // It stops, and still passes on what is said last.
    virtual void OnSuccessorStops() = 0;
    // It ended without a word, before it was connected or after: has_begun() is false again.
    virtual void OnSuccessorGone() = 0;
    // What the predecessor has to tell the relay.
    virtual void OnPredecessorSays(std::string_view json) = 0;
    virtual void OnPredecessorGone() = 0;

   protected:
    ~Events() = default;
  };

  // `predecessor` is not valid when there is none. `lock` is the state folder's, and stays open.
  // `loop` and `events` outlive this object.
  Succession(engine::Loop& loop, Descriptor predecessor, int lock, Events& events);

  // Begin starts a successor. Requires: may_begin().
  absl::Status Begin();
  bool may_begin() const { return successor_ == nullptr; }
  bool has_begun() const { return successor_ != nullptr && !is_given_up_; }
  bool has_succeeded() const { return succeeded_; }

  // GiveUp leaves a successor that has not succeeded; it ends when it learns of that.
  void GiveUp();

  // IsUp tells the predecessor, if there is one, that this process is connected to the relay.
  void IsUp();

  // Both return false when the other one takes no more now, or is not there.
  [[nodiscard]] bool ToSuccessor(std::string_view json);
  bool ToPredecessor(std::string_view json);
  bool has_predecessor() const { return predecessor_ != nullptr && !predecessor_->has_ended(); }

  // Sweep destroys what has ended. Call it after every RunOnce.
  void Sweep();

  // LeavePredecessor tells the predecessor to end its sessions and itself. What it has to say still
  // comes; has_predecessor() is true until it has ended.
  void LeavePredecessor();

  // Close ends both links. closed() becomes true after a later Sweep.
  void Close();
  bool closed() const { return predecessor_ == nullptr && successor_ == nullptr; }
  bool is_flushed() const { return successor_ == nullptr || successor_->is_flushed(); }

 private:
  void OnLine(GenerationLink& link, std::string_view line) override;
  void OnEnd(GenerationLink& link) override;

  engine::Loop& loop_;
  Events& events_;
  const int lock_;
  std::unique_ptr<GenerationLink> predecessor_;
  std::unique_ptr<GenerationLink> successor_;
  bool succeeded_ = false;
  bool is_stopping_ = false;  // The successor said so.
  bool is_given_up_ = false;  // It is gone, and its link is being closed.
};

}  // namespace agent
