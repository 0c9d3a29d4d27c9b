#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>

namespace relay {

// GatewayShares says how much sessions of AWS's clients may hold in the relay together, at most:
// each is counted with all that it could hold, so that none has to be stopped later.
class GatewayShares {
 public:
  static constexpr uint64_t kMiB = 1024 * 1024;
  // What one session may hold: its streams' windows, and what is on its way to its client.
  static constexpr uint64_t kProgramBytes = 2 * kMiB;
  static constexpr uint64_t kPortBytes = 16 * kMiB;
  // All of them, and those of one principal: nobody shuts the others out.
  static constexpr uint64_t kBytesMax = 16 * 1024 * kMiB;
  static constexpr uint64_t kPrincipalBytesMax = kBytesMax / 2;

  bool Fits(const std::string& principal, uint64_t bytes) const {
    const auto found = of_principal_.find(principal);
    const uint64_t held = found == of_principal_.end() ? 0 : found->second;
    return bytes_ + bytes <= kBytesMax && held + bytes <= kPrincipalBytesMax;
  }
  void Add(const std::string& principal, uint64_t bytes) {
    if (bytes == 0) return;
    bytes_ += bytes;
    of_principal_[principal] += bytes;
  }
  // Remove takes back what was added.
  void Remove(const std::string& principal, uint64_t bytes) {
    if (bytes == 0) return;
    bytes_ -= bytes;
    const auto found = of_principal_.find(principal);
    found->second -= bytes;
    if (found->second == 0) of_principal_.erase(found);
  }

  uint64_t bytes() const { return bytes_; }

 private:
  uint64_t bytes_ = 0;
  std::unordered_map<std::string, uint64_t> of_principal_;
};

}  // namespace relay
