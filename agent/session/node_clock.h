// The time by which a node judges its relay's certificate.

#pragma once

#include <string>

#include "engine/tls/tls_context.h"

namespace agent {

// NodeClock is `wall` (empty: the system's clock), but never earlier than the beginning of the
// node's own certificate: a machine whose clock says 1970 knows at least that much of the time. A
// clock that is too late is believed. A certificate that cannot be read says nothing.
engine::UnixClock NodeClock(const std::string& own_certificate_pem, engine::UnixClock wall = {});

}  // namespace agent
