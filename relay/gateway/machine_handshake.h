#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "engine/base/bytes.h"
#include "engine/base/time.h"
#include "relay/broker/data_plane.h"

namespace relay {

// MachineHandshake is what a machine says at the beginning of a session, and what the client's
// answer to it means.
class MachineHandshake {
 public:
  // How long the client may take for its answer; with a data key to be proven, twice as long.
  static constexpr engine::Duration kAnswerMax = std::chrono::seconds(15);

  // The grant outlives it.
  explicit MachineHandshake(const SessionGrant& grant) : grant_(grant) {}

  // Request begins it and returns the message; one that is too long for a client is empty.
  std::string Request(engine::Instant now);

  // Answer is the client's, or why the session ends instead.
  struct Answer {
    std::string client_version;
    std::string data_key;     // Base64: where the session is encrypted.
    std::string challenge;    // Base64: what the key is bound to as well, if the client knows that.
    std::string failure;      // For the client's user; empty: it goes on.
    std::string_view reason;  // For the records.
  };
  Answer Read(engine::ByteView payload) const;

  // Complete returns the message that ends it.
  std::string Complete(std::string_view client_version, engine::Instant now) const;

  engine::Instant deadline() const {
    return began_ + (grant_.plan.key_id.empty() ? kAnswerMax : 2 * kAnswerMax);
  }

 private:
  const SessionGrant& grant_;
  engine::Instant began_{};
  std::string challenge_;
};

inline constexpr std::string_view kHandshakeTimedOut =
    "Encountered error while initiating handshake. Handshake timed out. Please ensure that you "
    "have the latest version of the session manager plugin.";

}  // namespace relay
