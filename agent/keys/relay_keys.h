#pragma once

#include <cstdint>
#include <functional>
#include <string_view>

#include "absl/container/flat_hash_map.h"
#include "agent/target/data_keys.h"
#include "engine/wire/control.h"

namespace agent {

// RelayKeys asks the relay, over whichever link there is.
class RelayKeys final : public DataKeys {
 public:
  // Questions without an answer, each of which has a stream; more are refused.
  static constexpr size_t kQuestionsMax = 256;

  // `send` queues a message for the relay, or returns false.
  explicit RelayKeys(std::function<bool(std::string_view json)> send) : send_(std::move(send)) {}

  uint64_t Open(const DataKeyWish& wish, Done done) override;
  void Forget(uint64_t number) override { waiting_.erase(static_cast<uint32_t>(number)); }

  void Take(const engine::DataKeyAnswer& answer);
  // LinkLost answers what waits: nobody else will.
  void LinkLost();

  size_t waiting_count() const { return waiting_.size(); }

 private:
  const std::function<bool(std::string_view json)> send_;
  uint32_t last_serial_ = 0;
  absl::flat_hash_map<uint32_t, Done> waiting_;
};

}  // namespace agent
