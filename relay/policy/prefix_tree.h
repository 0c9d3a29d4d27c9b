// Finds, among many prefixes, those that a text begins with.

#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

namespace relay::policy {

// PrefixTree is a radix tree in three arrays. What it costs to look up grows with the text and with
// how many of its prefixes are there, hardly with how many there are in all.
//
//     ""  --arn:aws:ssm:--> [7]  --us-east-1:--> ...
//      |                     |
//     [3]                    +--*--             entry 7 has the prefix "arn:aws:ssm:"
class PrefixTree {
 public:
  struct Entry {
    std::string prefix;
    uint32_t value;
  };

  explicit PrefixTree(std::vector<Entry> entries);

  // Visit calls `visit` with the value of each entry that `text` begins with, shortest prefix first
  // and then in the order in which they were given, until `visit` returns true. Returns whether it
  // did.
  template <typename Visitor>
  bool Visit(std::string_view text, const Visitor& visit) const {
    uint32_t index = 0;
    while (true) {
      const Node& node = nodes_[index];
      for (uint32_t i = 0; i < node.value_count; ++i)
        if (visit(values_[node.first_value + i])) return true;
      if (text.empty() || node.child_count == 0) return false;
      const char* first = first_bytes_.data() + node.first_child;
      const void* found = std::memchr(first, text[0], node.child_count);
      if (found == nullptr) return false;
      index = node.first_child + static_cast<uint32_t>(static_cast<const char*>(found) - first);
      const std::string_view label =
          std::string_view(labels_).substr(nodes_[index].label, nodes_[index].label_size);
      if (!text.starts_with(label)) return false;
      text.remove_prefix(label.size());
    }
  }

 private:
  struct Node {
    uint32_t label = 0;
    uint32_t label_size = 0;
    uint32_t first_child = 0;
    uint32_t child_count = 0;
    uint32_t first_value = 0;
    uint32_t value_count = 0;
  };

  // Build makes the node for entries [begin, end), which are sorted and share `depth` bytes.
  void Build(uint32_t node, const std::vector<Entry>& entries, size_t begin, size_t end,
             size_t depth);

  std::vector<Node> nodes_;
  // The first byte of each node's label: a node's children are neighbours.
  std::vector<char> first_bytes_;
  std::string labels_;
  std::vector<uint32_t> values_;
};

}  // namespace relay::policy
