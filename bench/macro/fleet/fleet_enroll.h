#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace fleet {

struct EnrollOptions {
  std::string state_directory;  // Of a relay that does not run; made when it is not there.
  uint16_t port = 0;            // Where that relay will listen.
  std::string roll;             // The file to write.
  size_t count = 0;
};

// Enroll makes `count` nodes known to a relay: a key, a certificate of the relay's own authority
// and a row in its store for each. It dies when that fails.
void Enroll(const EnrollOptions& options);

}  // namespace fleet
