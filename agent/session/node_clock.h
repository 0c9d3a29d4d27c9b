// The time by which a node judges its relay's certificate.
//
// Two clocks may be wrong: this machine's, and the relay's when it made the node's certificate. If
// the two disagree nobody can say which, so that the relay's certificate has to be valid by one of
// them:
//   - by this machine's clock, unless that says less than is known to have passed;
//   - by the beginning of the node's own certificate, if that is later.
// What is known to have passed is the earlier of the two, each time a certificate was made: both
// have to be ahead for that to be wrong. It is kept with the node's state, so that who can set this
// machine's clock back, and has the key of a relay's certificate that has ended, is believed only
// if that had not ended when the node's certificate was made.

#pragma once

#include <cstdint>
#include <string>

#include "engine/tls/tls_context.h"

namespace agent {

// KnownTime is what is known to have passed, in unix seconds, after `known_unix` was, for a node
// with this certificate on a machine whose clock says `unix_now`. A certificate that cannot be read
// says nothing.
int64_t KnownTime(int64_t known_unix, const std::string& own_certificate_pem, int64_t unix_now);

// SetNodeClocks sets both clocks of the options. `wall` empty: the system's clock. A clock that is
// too late is believed.
void SetNodeClocks(int64_t known_unix, const std::string& own_certificate_pem,
                   engine::TlsClientOptions& options, engine::UnixClock wall = {});

}  // namespace agent
