// Internal to engine/tls: what one of BoringSSL's errors means.

#pragma once

#include <cstdint>
#include <string>

#include "engine/tls/tls_error.h"
#include "engine/tls/tls_settings.h"

namespace engine {

struct TlsFailure {
  TlsError error;
  std::string text;
};

// FailureOf explains an error of BoringSSL's queue (0 when the queue is empty) that a connection in
// `role` ended with.
TlsFailure FailureOf(uint32_t error, TlsRole role);

}  // namespace engine
