#include "relay/store/store.h"

#include <utility>

#include "engine/base/check.h"

namespace relay {

absl::Status Store::Begin() {
  CHECK(!in_transaction_);
  absl::Status status = DoBegin();
  in_transaction_ = status.ok();
  return status;
}

absl::Status Store::Commit() {
  CHECK(in_transaction_);
  const absl::Status status = DoCommit();
  if (!status.ok()) {
    Rollback();
    return status;
  }
  in_transaction_ = false;
  // An action may use the store, and add actions of its own.
  const std::vector<std::function<void()>> actions = std::exchange(after_commit_, {});
  for (const std::function<void()>& action : actions) action();
  return status;
}

void Store::Rollback() {
  CHECK(in_transaction_);
  after_commit_.clear();
  DoRollback();
  in_transaction_ = false;
}

void Store::AfterCommit(std::function<void()> action) {
  if (in_transaction_) {
    after_commit_.push_back(std::move(action));
  } else {
    action();
  }
}

}  // namespace relay
