#include "relay/store/store.h"

#include <utility>
#include <vector>

#include "engine/base/check.h"

namespace relay {
namespace {

// What an action holds is let go of before the next one runs.
template <class Action>
void RunAll(std::vector<Action> actions) {
  for (Action& action : actions) std::exchange(action, {}).run();
}

}  // namespace

absl::Status Store::Begin() {
  CHECK(!in_transaction_);
  if (in_group_ && !DoIsOpen()) LoseGroup();
  absl::Status status = in_group_ ? DoSave() : DoBegin();
  in_transaction_ = status.ok();
  collected_before_ = after_commit_.size();
  return status;
}

absl::Status Store::Commit() {
  CHECK(in_transaction_);
  const absl::Status status = in_group_ ? DoRelease() : DoCommit();
  if (!status.ok()) {
    Rollback();
    return status;
  }
  in_transaction_ = false;
  if (in_group_) return status;
  // An action may use the store, and add actions of its own.
  RunAll(std::exchange(after_commit_, {}));
  return status;
}

void Store::Rollback() {
  CHECK(in_transaction_);
  in_transaction_ = false;
  after_commit_.resize(collected_before_);
  if (!in_group_) return DoRollback();
  if (DoIsOpen()) DoRollbackToSave();
  if (!DoIsOpen()) LoseGroup();
}

absl::Status Store::OpenGroup() {
  CHECK(!in_transaction_);
  CHECK(!in_group_);
  absl::Status status = DoBegin();
  if (status.ok() && is_down_) {
    status = DoTouch();
    if (!status.ok()) DoRollback();
  }
  in_group_ = status.ok();
  if (!status.ok()) is_down_ = true;
  return status;
}

absl::Status Store::CloseGroup() {
  CHECK(!in_transaction_);
  if (!in_group_) return absl::OkStatus();
  absl::Status status =
      DoIsOpen() ? DoCommit() : absl::UnavailableError("store: a group of changes was lost");
  if (!status.ok()) {
    LoseGroup();
    return status;
  }
  in_group_ = false;
  is_down_ = false;
  // What the actions write is one more group, and so are the actions that they add.
  while (!after_commit_.empty()) {
    auto actions = std::exchange(after_commit_, {});
    in_group_ = DoBegin().ok();  // Else each of their changes is kept by itself.
    RunAll(std::move(actions));
    if (!in_group_) continue;
    status = DoIsOpen() ? DoCommit() : absl::UnavailableError("store: a group of changes was lost");
    if (!status.ok()) {
      LoseGroup();
      return status;
    }
    in_group_ = false;
  }
  return status;
}

// LoseGroup leaves a group of which nothing was kept.
void Store::LoseGroup() {
  DoRollback();
  in_group_ = false;
  is_down_ = true;
  const std::vector<Action> actions = std::exchange(after_commit_, {});
  for (const Action& action : actions) {
    if (action.lost) action.lost();
  }
}

void Store::AfterCommit(std::function<void()> action, std::function<void()> lost) {
  if (in_group_ && !in_transaction_ && !DoIsOpen()) LoseGroup();
  if (in_transaction_ || in_group_) {
    after_commit_.push_back({std::move(action), std::move(lost)});
  } else {
    action();
  }
}

}  // namespace relay
