// The disk of the relay's machine: a folder in memory, with the store and the audit files, which
// outlives the relay's processes. It may be full for a while: then what writes is told so by the
// system calls themselves.

#pragma once

#include <memory>
#include <string>

#include "engine/crypto/identity_key.h"
#include "relay/audit/audit_outbox.h"
#include "relay/store/sqlite_store.h"

namespace sim {

class RelayDisk {
 public:
  // Makes a store with a user and a node. `folder` is not there yet.
  explicit RelayDisk(std::string folder);

  std::unique_ptr<relay::SqliteStore> OpenStore() const;
  // OpenOutbox opens the audit files. Who writes them does so when it is asked, and waits for
  // nobody: the world has no threads.
  std::unique_ptr<relay::AuditOutbox> OpenOutbox(relay::Store& store) const;

  static void SetFull(bool is_full);
  static bool is_full();

  // AuditText is what the audit files have of starts and ends of sessions.
  std::string AuditText() const;
  // WhatIsWrong reads the audit files as `adit audit verify` does. Empty: nothing.
  std::string WhatIsWrong() const;

 private:
  const std::string folder_;
  const std::string audit_folder_;
  const engine::crypto::IdentityKey audit_key_;
};

}  // namespace sim
