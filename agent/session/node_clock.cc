#include "agent/session/node_clock.h"

#include <algorithm>
#include <cstdint>
#include <utility>

#include "absl/status/statusor.h"
#include "engine/crypto/certificate.h"
#include "engine/platform/wall_clock.h"

namespace agent {

engine::UnixClock NodeClock(const std::string& own_certificate_pem, engine::UnixClock wall) {
  const absl::StatusOr<engine::crypto::Certificate> own =
      engine::crypto::Certificate::FromPem(own_certificate_pem);
  const int64_t earliest = own.ok() ? own->not_before() : 0;
  return [earliest, wall = std::move(wall)] {
    return std::max(earliest, wall ? wall() : engine::UnixNow());
  };
}

}  // namespace agent
