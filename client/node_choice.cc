#include "client/node_choice.h"

#include <algorithm>
#include <numeric>

#include "client/say.h"

namespace client {
namespace {

constexpr size_t kCandidatesShownMax = 8;
constexpr size_t kNameCompareMax = 64;  // Longer names are cut before they are compared.

std::string Describe(const NodeInfo& node) {
  std::string text = Printable(node.id);
  if (!node.name.empty()) text = Printable(node.name) + " (" + text + ")";
  return text + (node.online ? "" : ", offline");
}

std::string List(std::span<const NodeInfo* const> nodes) {
  std::string text;
  const size_t shown = std::min(nodes.size(), kCandidatesShownMax);
  for (size_t i = 0; i < shown; ++i) text += "\n  " + Describe(*nodes[i]);
  if (nodes.size() > shown) text += "\n  ... and " + std::to_string(nodes.size() - shown) + " more";
  return text;
}

template <class Predicate>
std::vector<const NodeInfo*> Matching(std::span<const NodeInfo> nodes, Predicate predicate) {
  std::vector<const NodeInfo*> found;
  for (const NodeInfo& node : nodes) {
    if (predicate(node)) found.push_back(&node);
  }
  return found;
}

std::vector<const NodeInfo*> Near(std::span<const NodeInfo> nodes, std::string_view wanted) {
  return Matching(nodes, [&](const NodeInfo& node) {
    if (node.name.find(wanted) != std::string::npos || node.id.find(wanted) != std::string::npos) {
      return true;
    }
    return !node.name.empty() && EditDistance(node.name, wanted) <= 1 + wanted.size() / 4;
  });
}

}  // namespace

absl::StatusOr<NodeInfo> ChooseNode(std::span<const NodeInfo> nodes, std::string_view wanted) {
  for (const NodeInfo& node : nodes) {
    if (node.id == wanted) return node;
  }
  std::vector<const NodeInfo*> found =
      Matching(nodes, [&](const NodeInfo& node) { return !wanted.empty() && node.name == wanted; });
  if (found.size() > 1) {
    const auto online = std::ranges::count_if(found, [](auto* node) { return node->online; });
    if (online == 1) std::erase_if(found, [](auto* node) { return !node->online; });
  }
  if (found.empty() && !wanted.empty()) {
    found = Matching(nodes, [&](const NodeInfo& node) {
      return node.name.starts_with(wanted) || node.id.starts_with(wanted);
    });
  }
  if (found.size() == 1) return *found.front();

  if (wanted.empty()) {  // As an unset variable of a script gives.
    return absl::InvalidArgumentError(
        "the node's name is empty; `adit nodes` lists those you may see");
  }
  const std::string quoted = "'" + Printable(wanted) + "'";
  if (found.size() > 1 && found.front()->name == wanted) {
    return absl::InvalidArgumentError(
        std::to_string(found.size()) + " nodes are called " + quoted +
        "; say the id instead, or send away those that are no more (aws ssm "
        "deregister-managed-instance):" +
        List(found));
  }
  if (found.size() > 1) {
    return absl::InvalidArgumentError(
        quoted + " may be any of these nodes; use more letters or the id:" + List(found));
  }
  if (nodes.empty()) {
    return absl::NotFoundError("no node " + quoted +
                               ": none is enrolled yet, or none that you may see; on the machine "
                               "to reach, paste the enrolment line into `sudo adit-agent enroll`");
  }
  const std::vector<const NodeInfo*> near = Near(nodes, wanted);
  return absl::NotFoundError(
      "no node " + quoted +
      (near.empty() ? "; `adit nodes` lists those you may see" : "; did you mean:" + List(near)));
}

size_t EditDistance(std::string_view a, std::string_view b) {
  a = a.substr(0, kNameCompareMax);
  b = b.substr(0, kNameCompareMax);
  // One row of the Levenshtein table at a time.
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 0; i < a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i + 1;
    for (size_t j = 0; j < b.size(); ++j) {
      const size_t replaced = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({replaced, row[j] + 1, row[j + 1] + 1});
    }
  }
  return row.back();
}

std::string OfflineText(const NodeInfo& node, int64_t now) {
  const std::string since =
      node.last_seen == 0 ? "has never been connected"
                          : "is offline; it was last seen " + AgoText(node.last_seen, now) + " ago";
  return Printable(node.Label()) + " " + since +
         "\non that machine, see whether adit-agent runs: systemctl status adit-agent; without "
         "systemd, where it was started";
}

std::string AgoText(int64_t then, int64_t now) {
  if (then <= 0) return "never";
  const int64_t seconds = std::max<int64_t>(0, now - then);
  if (seconds < 120) return std::to_string(seconds) + " s";
  if (seconds < 120 * 60) return std::to_string(seconds / 60) + " min";
  if (seconds < 48 * 3600) return std::to_string(seconds / 3600) + " h";
  return std::to_string(seconds / 86400) + " d";
}

}  // namespace client
