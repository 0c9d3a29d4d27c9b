// The two lines that a relay prints once and a person pastes once:
//
//     adit-enroll relay=HOST:PORT ca=sha256:HEX id=ACTIVATION-ID code=CODE
//     adit-login relay=HOST:PORT ca=sha256:HEX key=ACCESS-KEY-ID secret=SECRET
//
// They carry a secret: they are read from standard input, never from an argument list, and no error
// text repeats the secret.

#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "engine/wire/host_port.h"

namespace engine {

inline constexpr size_t kInvitationSizeMax = 1024;  // One line, in bytes.

// CaDigest is the SHA-256 of the DER form of the last certificate of the chain the relay serves. A
// relay that serves another chain is refused before the secret is sent.
using CaDigest = std::array<std::byte, 32>;

struct EnrollInvitation {
  HostPort relay;
  CaDigest ca{};
  std::string activation_id;
  std::string code;  // Secret.
};

struct LoginInvitation {
  HostPort relay;
  CaDigest ca{};
  std::string access_key_id;
  std::string secret;  // Secret.
};

// ParseEnrollInvitation and ParseLoginInvitation read one line; blanks and a line end around it are
// ignored, and the members may stand in any order. The error names the member that is missing, said
// twice, unknown or malformed, and what to do.
absl::StatusOr<EnrollInvitation> ParseEnrollInvitation(std::string_view line);
absl::StatusOr<LoginInvitation> ParseLoginInvitation(std::string_view line);

// FormatInvitation returns the line, without a line end.
std::string FormatInvitation(const EnrollInvitation& invitation);
std::string FormatInvitation(const LoginInvitation& invitation);

}  // namespace engine
