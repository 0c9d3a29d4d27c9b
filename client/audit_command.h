#pragma once

#include <cstddef>

#include "client/client_options.h"
#include "client/environment.h"

namespace client {

// What one command shows at most: twenty pages of CloudTrail's.
inline constexpr size_t kEventCountMax = 1'000;

// Each asks the relay, prints to stdout and returns the exit code. With --json an event is one
// line, as the relay has recorded it.
int RunAuditLookup(const CommonFlags& flags, const Environment& environment,
                   const AuditLookupOptions& options);

// RunAuditTail prints the newest events, oldest first, and with `follow` those that come, until it
// is ended by a signal or nobody reads any more.
int RunAuditTail(const CommonFlags& flags, const Environment& environment,
                 const AuditTailOptions& options);

}  // namespace client
