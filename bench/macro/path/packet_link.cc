#include "bench/macro/path/packet_link.h"

#include <algorithm>

namespace path {

std::optional<int64_t> PacketLink::Admit(int64_t now_ns, size_t size) {
  const int64_t begin = std::max(wire_free_at_ns_, now_ns);
  const auto waiting = static_cast<double>(begin - now_ns);
  if (options_.ns_per_byte > 0 &&
      waiting > static_cast<double>(options_.queue_bytes) * options_.ns_per_byte) {
    ++counts_.overflowed;
    return std::nullopt;
  }
  // A packet that is lost has used the wire all the same.
  wire_free_at_ns_ = begin + static_cast<int64_t>(static_cast<double>(size) * options_.ns_per_byte);
  if (IsLost()) {
    ++counts_.lost;
    return std::nullopt;
  }
  ++counts_.passed;
  return wire_free_at_ns_ + options_.delay_ns;
}

// SplitMix64: the same seed loses the same packets.
bool PacketLink::IsLost() {
  uint64_t mixed = random_ += 0x9E3779B97F4A7C15u;
  mixed = (mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9u;
  mixed = (mixed ^ (mixed >> 27)) * 0x94D049BB133111EBu;
  mixed ^= mixed >> 31;
  return static_cast<double>(mixed >> 11) * 0x1p-53 < options_.loss;
}

}  // namespace path
