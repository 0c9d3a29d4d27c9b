#pragma once

#include <memory>

#include "absl/status/statusor.h"
#include "relay/config.h"

namespace relay {

// Relay is the whole program but for its command line: state, control thread, loops, listener.
class Relay {
 public:
  // Start makes what is missing in the state directory (and prints the two invitations then),
  // listens, and reports readiness. The error says what is wrong and what to do.
  static absl::StatusOr<std::unique_ptr<Relay>> Start(const Config& config);
  ~Relay();
  Relay(const Relay&) = delete;
  Relay& operator=(const Relay&) = delete;

  // ReloadCertificate reads --tls-cert and --tls-key again; with an unusable pair the old one
  // stays.
  void ReloadCertificate();

  // Stop says goodbye to every link, waits for a moment, and ends.
  void Stop();

 private:
  struct State;
  explicit Relay(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// RotateMasterKeyFile encrypts the stored secrets under a new key, which takes the old one's place
// in its file. FailedPrecondition, and nothing was changed: the key is systemd's credential.
// Requires: no relay runs on that state directory.
absl::Status RotateMasterKeyFile(const Config& config);

// RecoverAdmin makes the user admin anew and prints the line that logs in. Requires: as above.
absl::Status RecoverAdmin(const Config& config);

}  // namespace relay
