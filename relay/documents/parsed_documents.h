#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include "absl/status/statusor.h"
#include "relay/documents/session_document.h"

namespace relay {

// ParsedDocuments keeps what texts of documents were read as: to compile their patterns costs more
// than all else that a session's start needs. It is asked by the text itself, so that nothing has
// to be dropped when a document changes.
class ParsedDocuments {
 public:
  // What is kept at most: a document counts one, and so does each of its patterns, whose automaton
  // holds up to 128 KiB. Past it all are forgotten, and read anew as they are needed.
  static constexpr size_t kWeightMax = 512;

  // Parse has the errors of ParseSessionDocument.
  absl::StatusOr<std::shared_ptr<const SessionDocument>> Parse(DocumentFormat format,
                                                               std::string_view text);

  size_t weight() const { return weight_; }

 private:
  std::unordered_map<std::string, std::shared_ptr<const SessionDocument>> documents_;
  size_t weight_ = 0;
};

}  // namespace relay
