#include "relay/policy/prefix_tree.h"

#include <algorithm>

namespace relay::policy {

PrefixTree::PrefixTree(std::vector<Entry> entries) {
  std::stable_sort(entries.begin(), entries.end(),
                   [](const Entry& a, const Entry& b) { return a.prefix < b.prefix; });
  nodes_.emplace_back();
  first_bytes_.push_back('\0');
  Build(0, entries, 0, entries.size(), 0);
}

void PrefixTree::Build(uint32_t node, const std::vector<Entry>& entries, size_t begin, size_t end,
                       size_t depth) {
  nodes_[node].first_value = static_cast<uint32_t>(values_.size());
  for (; begin < end && entries[begin].prefix.size() == depth; ++begin)
    values_.push_back(entries[begin].value);
  nodes_[node].value_count = static_cast<uint32_t>(values_.size()) - nodes_[node].first_value;

  // One child for each byte that follows; all get their places before any gets children.
  struct Group {
    size_t begin;
    size_t end;
    size_t depth;
  };
  std::vector<Group> groups;
  for (size_t at = begin; at < end;) {
    const char first = entries[at].prefix[depth];
    size_t next = at;
    while (next < end && entries[next].prefix[depth] == first) ++next;
    // Sorted texts share what the first and the last of them share.
    const std::string& low = entries[at].prefix;
    const std::string& high = entries[next - 1].prefix;
    const auto differ = std::mismatch(low.begin(), low.end(), high.begin(), high.end());
    groups.push_back({at, next, static_cast<size_t>(differ.first - low.begin())});
    at = next;
  }
  const auto first_child = static_cast<uint32_t>(nodes_.size());
  nodes_[node].first_child = first_child;
  nodes_[node].child_count = static_cast<uint32_t>(groups.size());
  for (const Group& group : groups) {
    const std::string label = entries[group.begin].prefix.substr(depth, group.depth - depth);
    nodes_.push_back({.label = static_cast<uint32_t>(labels_.size()),
                      .label_size = static_cast<uint32_t>(label.size())});
    first_bytes_.push_back(label[0]);
    labels_ += label;
  }
  for (size_t i = 0; i < groups.size(); ++i) {
    Build(first_child + static_cast<uint32_t>(i), entries, groups[i].begin, groups[i].end,
          groups[i].depth);
  }
}

}  // namespace relay::policy
