#include "relay/documents/parsed_documents.h"

#include <algorithm>
#include <utility>

namespace relay {

absl::StatusOr<std::shared_ptr<const SessionDocument>> ParsedDocuments::Parse(
    DocumentFormat format, std::string_view text) {
  std::string key(FormatText(format));
  key.append(text);
  if (const auto found = documents_.find(key); found != documents_.end()) return found->second;
  absl::StatusOr<SessionDocument> read = ParseSessionDocument(format, text);
  if (!read.ok()) return read.status();
  const auto patterns = std::ranges::count_if(read->parameters, [](const DocumentParameter& each) {
    return each.allowed_pattern.has_value();
  });
  const size_t weight = 1 + static_cast<size_t>(patterns);
  if (weight_ + weight > kWeightMax) {
    documents_.clear();
    weight_ = 0;
  }
  weight_ += weight;
  auto document = std::make_shared<const SessionDocument>(*std::move(read));
  documents_.emplace(std::move(key), document);
  return document;
}

}  // namespace relay
