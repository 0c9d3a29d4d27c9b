#pragma once

#include <cstddef>
#include <memory>

namespace relay {

// Promises counts what was promised and comes with the commit: requests of one group of changes
// must not each find the place that only one of them can have. What is rolled back, or lost, is
// not counted any more.
class Promises {
 public:
  // Promise is to be captured by what comes with the commit (Store::AfterCommit).
  using Promise = std::shared_ptr<const char>;

  Promises() = default;
  Promises(const Promises&) = delete;  // A copy would be counted, too.
  Promises& operator=(const Promises&) = delete;

  Promise Make() const { return token_; }
  size_t count() const { return static_cast<size_t>(token_.use_count()) - 1; }

 private:
  Promise token_ = std::make_shared<const char>();
};

}  // namespace relay
