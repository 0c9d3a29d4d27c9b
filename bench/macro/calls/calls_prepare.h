#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace calls {

struct PrepareOptions {
  std::string state_directory;  // Of a relay that does not run and has a node.
  uint16_t port = 0;            // Where that relay will listen.
  std::string keys;             // The file to write: a line of id and secret for each user.
  size_t user_count = 0;
  size_t statement_count = 0;  // Of each user's policies together.
};

// Prepare makes users with policies and keys, a document and a tag of the first node, and prints
// that node's id. It dies when that fails.
void Prepare(const PrepareOptions& options);

}  // namespace calls
