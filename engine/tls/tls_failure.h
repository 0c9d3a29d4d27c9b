// Internal to engine/tls: what one of BoringSSL's errors means.

#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "engine/tls/tls_error.h"
#include "engine/tls/tls_settings.h"

namespace engine {

struct TlsFailure {
  TlsError error = TlsError::kNone;
  std::string text;
};

// FailureOf explains an error of BoringSSL's queue (0 when the queue is empty) that a connection in
// `role` ended with.
TlsFailure FailureOf(uint32_t error, TlsRole role);

// FailureOfAlert explains the alert that the peer of a connection in `role` sent, and
// FailureOfRecord what is wrong with a record of it; `text` says that in a few words.
TlsFailure FailureOfAlert(uint8_t alert, TlsRole role);
TlsFailure FailureOfRecord(TlsError error, std::string_view text, TlsRole role);

}  // namespace engine
