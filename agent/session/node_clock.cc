#include "agent/session/node_clock.h"

#include <algorithm>
#include <utility>

#include "absl/status/statusor.h"
#include "engine/crypto/certificate.h"
#include "engine/platform/wall_clock.h"

namespace agent {

namespace {

using engine::crypto::Certificate;

// NotBefore returns a clock that says `unix_time` until `wall` says more.
engine::UnixClock NotBefore(int64_t unix_time, engine::UnixClock wall) {
  return [unix_time, wall = std::move(wall)] {
    return std::max(unix_time, wall ? wall() : engine::UnixNow());
  };
}

}  // namespace

int64_t KnownTime(int64_t known_unix, const std::string& own_certificate_pem, int64_t unix_now) {
  const absl::StatusOr<Certificate> own = Certificate::FromPem(own_certificate_pem);
  return own.ok() ? std::max(known_unix, std::min(own->not_before(), unix_now)) : known_unix;
}

void SetNodeClocks(int64_t known_unix, const std::string& own_certificate_pem,
                   engine::TlsClientOptions& options, engine::UnixClock wall) {
  const absl::StatusOr<Certificate> own = Certificate::FromPem(own_certificate_pem);
  options.clock = NotBefore(known_unix, std::move(wall));
  options.second_clock = NotBefore(own.ok() ? own->not_before() : known_unix, options.clock);
}

}  // namespace agent
