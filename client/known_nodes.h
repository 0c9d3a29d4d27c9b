// The nodes whose identity this user has seen before, as ssh's known_hosts.
//
//     file   known_nodes in the configuration folder, mode 0600
//     line   NODE-ID SHA256:FINGERPRINT [NAME]
//
//     mi-0123456789abcdef0 SHA256:l4HVqnCVSpoM0hwNnDHHsKSLRbkyhyBRQk9o5cqSYNE web-1
//
// One line a node, blanks between; the fingerprint is what `adit-agent fingerprint` prints on it,
// so that a line may be written by hand before the first contact. Empty lines and those that begin
// with
// '#' are kept as they are. A line that cannot be read is an error and never passed over: a pin
// that was damaged must not turn into a first contact.
//
// The file is only ever replaced whole. Who changes it holds a lock on known_nodes.lock meanwhile,
// so that of two clients that meet one node at once the second one compares.

#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace client {

class KnownNodes {
 public:
  // The largest file: some 10,000 nodes. Beyond it nothing more is kept, and Meet says so.
  static constexpr size_t kFileSizeMax = 1024 * 1024;
  static constexpr size_t kNodeIdSizeMax = 64;

  struct Entry {
    std::string node_id;
    std::string fingerprint;
    std::string name;  // What it was called at first contact; may hold blanks.
  };

  // What is known of the node that is met, from the user's side.
  struct Node {
    std::string id;
    std::string name;
    bool named_by_id = false;  // The user typed the id itself, not a name that the relay resolved.
    std::string typed = {};    // What the user typed, which may be a beginning; empty: nothing.
  };

  struct Meeting {
    enum class Kind : uint8_t {
      kKnown,      // The same key as ever.
      kFirst,      // Never met before: trusted from now on; `kept` says whether it could be noted.
      kOtherKey,   // This node had another key: `known` is the line.
      kOtherNode,  // That name belongs to another node, `known`. The relay says which id a name
                   // stands for, and what is an id: with that it must not turn a pinned node into a
                   // first contact.
    };
    Kind kind = Kind::kKnown;
    Entry known;
    absl::Status kept;
  };

  // `folder` is ConfigFolder(); empty: there is nowhere to keep anything.
  explicit KnownNodes(std::string folder);

  // Meet compares `fingerprint` with what is kept for the node, and keeps it at first contact. An
  // error: the file cannot be read, or the node's id is none.
  absl::StatusOr<Meeting> Meet(const Node& node, std::string_view fingerprint);

  // Knows says whether the node was met before, under its id or under the word that the user typed:
  // the relay says which id that stands for. An error: the file cannot be read.
  absl::StatusOr<bool> Knows(const Node& node) const;

  // Forget removes the lines of the node with this id, or of all that had this name, and returns
  // them; none: nothing was known.
  absl::StatusOr<std::vector<Entry>> Forget(std::string_view id_or_name);

  // Where the file is, for messages.
  const std::string& path() const { return path_; }

 private:
  class Lock;

  absl::StatusOr<std::string> ReadFile() const;

  const std::string folder_;
  const std::string path_;
};

}  // namespace client
