// Goal: the node that the user means is found, and nothing is guessed. Method: a small fleet.

#include "client/node_choice.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "client/say.h"

namespace client {
namespace {

const std::vector<NodeInfo> kNodes = {
    {.id = "mi-00000000000000001", .name = "web-1", .online = true, .last_seen = 100},
    {.id = "mi-00000000000000002", .name = "web-2", .online = false, .last_seen = 100},
    {.id = "mi-0000000000000000a", .name = "web", .online = true},
    {.id = "mi-10000000000000000", .name = "db", .online = false},
    {.id = "mi-20000000000000000", .name = "db", .online = true},
    {.id = "mi-30000000000000000", .name = "", .online = true},
};

std::string Chosen(std::string_view wanted) {
  const auto node = ChooseNode(kNodes, wanted);
  return node.ok() ? node->id : TextOf(node.status());
}

TEST(NodeChoiceTest, AnIdANameOrTheBeginningOfEitherIsEnough) {
  EXPECT_EQ(Chosen("mi-00000000000000001"), "mi-00000000000000001");
  EXPECT_EQ(Chosen("web-2"), "mi-00000000000000002");
  EXPECT_EQ(Chosen("mi-3"), "mi-30000000000000000");
}

TEST(NodeChoiceTest, AnExactNameWinsOverLongerOnes) {
  EXPECT_EQ(Chosen("web"), "mi-0000000000000000a");
}

TEST(NodeChoiceTest, OfTwoNodesOfOneNameTheOneOnlineIsMeant) {
  EXPECT_EQ(Chosen("db"), "mi-20000000000000000");
}

TEST(NodeChoiceTest, OfTwoOnlineNodesOfOneNameTheIdIsAskedFor) {
  std::vector<NodeInfo> nodes(2, NodeInfo{.name = "db", .online = true});
  nodes[0].id = "mi-1";
  nodes[1].id = "mi-2";
  const std::string text = TextOf(ChooseNode(nodes, "db").status());
  EXPECT_NE(text.find("2 nodes are called 'db'; say the id instead"), std::string::npos) << text;
  EXPECT_NE(text.find("mi-1"), std::string::npos) << text;
  EXPECT_NE(text.find("mi-2"), std::string::npos) << text;
}

TEST(NodeChoiceTest, AnAmbiguousBeginningListsTheCandidates) {
  const auto node = ChooseNode(kNodes, "web-");
  ASSERT_TRUE(absl::IsInvalidArgument(node.status()));
  const std::string text = TextOf(node.status());
  EXPECT_NE(text.find("web-1 (mi-00000000000000001)"), std::string::npos) << text;
  EXPECT_NE(text.find("web-2 (mi-00000000000000002), offline"), std::string::npos) << text;
  EXPECT_EQ(text.find("db"), std::string::npos) << text;
}

TEST(NodeChoiceTest, AMisspeltNameShowsWhatComesNear) {
  const auto node = ChooseNode(kNodes, "wbe-1");
  ASSERT_TRUE(absl::IsNotFound(node.status()));
  EXPECT_NE(TextOf(node.status()).find("web-1"), std::string::npos);
  EXPECT_NE(Chosen("something-else-entirely").find("adit nodes"), std::string::npos);
}

TEST(NodeChoiceTest, AnEmptyFleetSaysHowToEnrol) {
  const auto node = ChooseNode({}, "web");
  EXPECT_NE(TextOf(node.status()).find("adit-agent enroll"), std::string::npos);
}

TEST(NodeChoiceTest, NothingIsNoBeginning) { EXPECT_FALSE(ChooseNode(kNodes, "").ok()); }

TEST(NodeChoiceTest, ForeignNamesCannotDriveTheTerminal) {
  const std::vector<NodeInfo> nodes = {{.id = "mi-1", .name = "a\x1B[2J"},
                                       {.id = "mi-2", .name = "ab"}};
  EXPECT_EQ(TextOf(ChooseNode(nodes, "a").status()).find('\x1B'), std::string::npos);
}

TEST(NodeChoiceTest, DistancesAreLevenshteins) {
  EXPECT_EQ(EditDistance("", ""), 0u);
  EXPECT_EQ(EditDistance("kitten", "sitting"), 3u);
  EXPECT_EQ(EditDistance("abc", ""), 3u);
}

TEST(NodeChoiceTest, TimesAgoAreRounded) {
  EXPECT_EQ(AgoText(0, 100), "never");
  EXPECT_EQ(AgoText(90, 100), "10 s");
  EXPECT_EQ(AgoText(200, 100), "0 s") << "a clock that is behind";
  EXPECT_EQ(AgoText(100, 100 + 600), "10 min");
  EXPECT_EQ(AgoText(100, 100 + 3600 * 5), "5 h");
  EXPECT_EQ(AgoText(100, 100 + 86400 * 9), "9 d");
}

TEST(NodeChoiceTest, AnOfflineNodeSaysSinceWhen) {
  EXPECT_NE(OfflineText(kNodes[1], 100 + 600).find("10 min ago"), std::string::npos);
  EXPECT_NE(OfflineText(kNodes[3], 100).find("never"), std::string::npos);
}

}  // namespace
}  // namespace client
