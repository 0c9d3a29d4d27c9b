#pragma once

#include <cstdint>
#include <memory>
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
    const auto found = counts_->of_principal.find(principal);
    const uint64_t held = found == counts_->of_principal.end() ? 0 : found->second;
    return counts_->bytes + bytes <= kBytesMax && held + bytes <= kPrincipalBytesMax;
  }
  // Take counts the bytes until the share, and each copy of it, is gone; it may outlive this. What
  // waits for a commit has one already: requests of one group must not find the same room.
  using Share = std::shared_ptr<const void>;
  Share Take(const std::string& principal, uint64_t bytes) {
    if (bytes == 0) return {};
    counts_->bytes += bytes;
    counts_->of_principal[principal] += bytes;
    return Share(counts_.get(), [counts = counts_, principal, bytes](const void*) {
      counts->bytes -= bytes;
      const auto found = counts->of_principal.find(principal);
      found->second -= bytes;
      if (found->second == 0) counts->of_principal.erase(found);
    });
  }

  uint64_t bytes() const { return counts_->bytes; }

 private:
  struct Counts {
    uint64_t bytes = 0;
    std::unordered_map<std::string, uint64_t> of_principal;
  };
  std::shared_ptr<Counts> counts_ = std::make_shared<Counts>();
};

}  // namespace relay
