#include "relay/policy/request_context.h"

#include <algorithm>

#include "relay/policy/ascii_text.h"

namespace relay::policy {

uint32_t ContextKey::HashOf(std::string_view name) {
  // The hash only saves comparing names, so their ends and sizes are enough; keys of one service
  // begin alike. Setting this bit makes both cases of a letter one.
  constexpr uint64_t kLowerCaseBits = 0x2020'2020'2020'2020;
  uint64_t end = 0;
  const size_t size = std::min(name.size(), sizeof(end));
  name.copy(reinterpret_cast<char*>(&end), size, name.size() - size);
  const uint64_t mixed = ((end | kLowerCaseBits) ^ name.size()) * 0x9e37'79b9'7f4a'7c15;
  return static_cast<uint32_t>(mixed >> 32);
}

ContextKey::ContextKey(std::string_view name) : name_(LowerCase(name)), hash_(HashOf(name)) {}

void RequestContext::Clear() {
  text_.clear();
  spans_.clear();
  entries_.clear();
}

RequestContext::Span RequestContext::Keep(std::string_view text) {
  const Span span{static_cast<uint32_t>(text_.size()), static_cast<uint32_t>(text.size())};
  text_.append(text);
  return span;
}

bool RequestContext::AddEntry(std::string_view name) {
  const uint32_t hash = ContextKey::HashOf(name);
  for (const Entry& entry : entries_) {
    if (entry.hash != hash) continue;
    if (EqualsIgnoringCase(NameOf(entry), name)) return false;
  }
  const Span kept = Keep(name);
  for (uint32_t i = kept.offset; i < text_.size(); ++i) text_[i] = LowerCase(text_[i]);
  entries_.push_back({hash, kept, static_cast<uint32_t>(spans_.size()), 0});
  return true;
}

void RequestContext::Add(std::string_view name, std::string_view value) {
  if (!AddEntry(name)) return;
  spans_.push_back(Keep(value));
  entries_.back().value_count = 1;
}

void RequestContext::Add(std::string_view name, const std::vector<std::string>& values) {
  if (!AddEntry(name)) return;
  for (const std::string& value : values) spans_.push_back(Keep(value));
  entries_.back().value_count = static_cast<uint32_t>(values.size());
}

RequestContext::Values RequestContext::Find(const ContextKey& key) const {
  for (const Entry& entry : entries_) {
    if (entry.hash == key.hash() && NameOf(entry) == key.name())
      return Values(this, entry.first_value, entry.value_count);
  }
  return Values();
}

}  // namespace relay::policy
