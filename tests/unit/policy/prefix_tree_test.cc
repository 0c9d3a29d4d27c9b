// Goal: the tree finds exactly the prefixes of a text, shortest first. Method: small trees by hand,
// and random ones against a plain search.

#include "relay/policy/prefix_tree.h"

#include <gtest/gtest.h>

#include "engine/base/random.h"

namespace relay::policy {
namespace {

std::vector<uint32_t> Found(const PrefixTree& tree, std::string_view text) {
  std::vector<uint32_t> found;
  EXPECT_FALSE(tree.Visit(text, [&](uint32_t value) {
    found.push_back(value);
    return false;
  }));
  return found;
}

using Values = std::vector<uint32_t>;

TEST(PrefixTreeTest, AnEmptyTreeFindsNothing) {
  const PrefixTree tree({});
  EXPECT_EQ(Found(tree, ""), Values{});
  EXPECT_EQ(Found(tree, "abc"), Values{});
}

TEST(PrefixTreeTest, PrefixesAreFoundShortestFirst) {
  const PrefixTree tree({{"abc", 0}, {"a", 1}, {"", 2}, {"abd", 3}, {"b", 4}, {"abc", 5}});
  EXPECT_EQ(Found(tree, "abcd"), (Values{2, 1, 0, 5}));
  EXPECT_EQ(Found(tree, "abd"), (Values{2, 1, 3}));
  EXPECT_EQ(Found(tree, "ab"), (Values{2, 1}));
  EXPECT_EQ(Found(tree, "x"), (Values{2}));
  EXPECT_EQ(Found(tree, ""), (Values{2}));
}

TEST(PrefixTreeTest, AVisitorMayStop) {
  const PrefixTree tree({{"", 0}, {"a", 1}, {"ab", 2}});
  Values seen;
  EXPECT_TRUE(tree.Visit("abc", [&](uint32_t value) {
    seen.push_back(value);
    return value == 1;
  }));
  EXPECT_EQ(seen, (Values{0, 1}));
}

TEST(PrefixTreeTest, RandomTreesAgreeWithAPlainSearch) {
  constexpr uint64_t kSeed = 41;
  engine::Random random(kSeed);
  const auto text = [&](uint64_t size_max) {
    std::string result;
    for (uint64_t size = random.Range(0, size_max); size > 0; --size)
      result += static_cast<char>('a' + random.Range(0, 2));
    return result;
  };
  for (int round = 0; round < 200; ++round) {
    std::vector<PrefixTree::Entry> entries;
    for (uint32_t i = 0, count = static_cast<uint32_t>(random.Range(1, 40)); i < count; ++i)
      entries.push_back({text(6), i});
    const PrefixTree tree(entries);
    for (int i = 0; i < 50; ++i) {
      const std::string wanted = text(9);
      Values expected;
      for (size_t size = 0; size <= wanted.size(); ++size)
        for (const auto& entry : entries)
          if (entry.prefix == wanted.substr(0, size)) expected.push_back(entry.value);
      ASSERT_EQ(Found(tree, wanted), expected) << "seed " << kSeed << " round " << round;
    }
  }
}

}  // namespace
}  // namespace relay::policy
