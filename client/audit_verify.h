#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "client/client_options.h"
#include "engine/audit/chain_verifier.h"

namespace client {

// VerifyAudit reads the audit files of a directory. Errors: the directory, a file or the key cannot
// be read. What is wrong with the files themselves is in the report.
absl::StatusOr<engine::audit::ChainReport> VerifyAudit(const AuditVerifyOptions& options);

// RunAuditVerify says what came of it; exit code 0 only if nothing is wrong.
int RunAuditVerify(const AuditVerifyOptions& options);

}  // namespace client
