// One direction of an emulated link: a queue in front of a wire with a rate, then a delay, and
// packets that are lost by a seed. It moves no bytes: it says when a packet comes out, or that it
// does not.

#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

namespace path {

struct LinkOptions {
  int64_t delay_ns = 0;    // Of a packet on the wire, one way.
  double ns_per_byte = 0;  // 0: as fast as it comes.
  size_t queue_bytes = 0;  // That may wait for the wire; what comes then is dropped, as routers do.
  double loss = 0;         // The share of packets that the wire loses.
  uint64_t seed = 1;
};

struct LinkCounts {
  uint64_t passed = 0, lost = 0, overflowed = 0;
};

class PacketLink {
 public:
  explicit PacketLink(const LinkOptions& options) : options_(options), random_(options.seed) {}

  // Admit returns when a packet that enters at `now_ns` comes out; nothing if it is lost or
  // dropped.
  std::optional<int64_t> Admit(int64_t now_ns, size_t size);

  const LinkCounts& counts() const { return counts_; }

 private:
  bool IsLost();

  const LinkOptions options_;
  uint64_t random_;
  int64_t wire_free_at_ns_ = 0;
  LinkCounts counts_;
};

}  // namespace path
