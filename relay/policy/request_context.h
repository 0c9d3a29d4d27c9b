// What is known about one request beside its action and resource: condition keys and their values.

#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace relay::policy {

// ContextKey is the name of a condition key, such as aws:SourceIp or ssm:resourceTag/env. Names are
// the same whatever their case, the tag's part included.
class ContextKey {
 public:
  explicit ContextKey(std::string_view name);

  // The name in lower case.
  const std::string& name() const { return name_; }
  uint32_t hash() const { return hash_; }

  // HashOf is the same for names that differ only in case.
  static uint32_t HashOf(std::string_view name);

 private:
  std::string name_;
  uint32_t hash_;
};

// RequestContext holds each key's values. It keeps its memory from one request to the next, so that
// filling it allocates nothing once it has grown:
//
//     context.Clear();
//     context.Add("aws:SourceIp", "192.0.2.7");
//     context.Add("aws:TagKeys", tag_keys);
//
// The values are text in AWS's forms: numbers in decimal, dates in ISO 8601 or unix seconds,
// addresses numeric, binary in Base64, true or false.
class RequestContext {
 public:
  // Values is a view of one key's values; it lives until the next Add or Clear.
  class Values {
   public:
    Values() = default;
    size_t size() const { return count_; }
    bool empty() const { return count_ == 0; }
    std::string_view operator[](size_t index) const {
      const Span& span = context_->spans_[first_ + index];
      return std::string_view(context_->text_).substr(span.offset, span.size);
    }

   private:
    friend class RequestContext;
    Values(const RequestContext* context, uint32_t first, uint32_t count)
        : context_(context), first_(first), count_(count) {}
    const RequestContext* context_ = nullptr;
    uint32_t first_ = 0;
    uint32_t count_ = 0;
  };

  void Clear();

  // Add gives a key its value or values. A key that has some already keeps those: a tag's name may
  // differ from another one's only in case, and which of the two counts must not depend on chance.
  void Add(std::string_view name, std::string_view value);
  void Add(std::string_view name, const std::vector<std::string>& values);

  // Find returns a key's values: none when it is not here, or has an empty list.
  Values Find(const ContextKey& key) const;

 private:
  struct Span {
    uint32_t offset;
    uint32_t size;
  };
  struct Entry {
    uint32_t hash;
    // In lower case.
    Span name;
    uint32_t first_value;
    uint32_t value_count;
  };

  // AddEntry returns false when the key is there already.
  bool AddEntry(std::string_view name);
  Span Keep(std::string_view text);
  std::string_view NameOf(const Entry& entry) const {
    return std::string_view(text_).substr(entry.name.offset, entry.name.size);
  }

  std::string text_;
  std::vector<Span> spans_;
  std::vector<Entry> entries_;
};

}  // namespace relay::policy
