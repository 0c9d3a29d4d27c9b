// Goal: a node's key is trusted once and compared for ever after, a name cannot be moved to another
// node, and no accident to the file turns a known node into a new one. Method: the file in a folder
// of the test's own, read and damaged by hand.

#include "client/known_nodes.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "client/say.h"
#include "tests/support/temporary_folder.h"

namespace client {
namespace {

using Kind = KnownNodes::Meeting::Kind;

const std::string kKey = "SHA256:" + std::string(43, 'a');
const std::string kOtherKey = "SHA256:" + std::string(43, 'b');
const KnownNodes::Node kWeb{.id = "mi-0123456789abcdef0", .name = "web-1", .named_by_id = false};
const KnownNodes::Node kDb{.id = "mi-00000000000000db0", .name = "db-1", .named_by_id = false};

class KnownNodesTest : public testing::Test {
 protected:
  KnownNodes Nodes() { return KnownNodes(folder_ / "adit"); }
  std::string Path() { return folder_ / "adit/known_nodes"; }
  std::string Text() {
    std::ostringstream text;
    text << std::ifstream(Path()).rdbuf();
    return text.str();
  }
  void Write(const std::string& text) {
    std::filesystem::create_directories(folder_ / "adit");
    std::ofstream(Path()) << text;
  }
  KnownNodes::Meeting Met(const KnownNodes::Node& node, const std::string& fingerprint) {
    const auto meeting = Nodes().Meet(node, fingerprint);
    EXPECT_TRUE(meeting.ok()) << TextOf(meeting.status());
    return meeting.ok() ? *meeting : KnownNodes::Meeting{};
  }

  TemporaryFolder folder_;
};

TEST_F(KnownNodesTest, TheFirstContactIsKeptAndTheNextOnesAreCompared) {
  const KnownNodes::Meeting first = Met(kWeb, kKey);
  EXPECT_EQ(first.kind, Kind::kFirst);
  EXPECT_TRUE(first.kept.ok()) << TextOf(first.kept);
  EXPECT_EQ(Text(), kWeb.id + " " + kKey + " web-1\n");
  EXPECT_EQ(Met(kWeb, kKey).kind, Kind::kKnown);
  const KnownNodes::Meeting other = Met(kWeb, kOtherKey);
  EXPECT_EQ(other.kind, Kind::kOtherKey);
  EXPECT_EQ(other.known.fingerprint, kKey);
  EXPECT_EQ(Text(), kWeb.id + " " + kKey + " web-1\n") << "a refusal changes nothing";
  EXPECT_EQ(Met(kDb, kOtherKey).kind, Kind::kFirst) << "each node for itself";
}

TEST_F(KnownNodesTest, OnlyTheOwnerCanReadIt) {
  const mode_t before = ::umask(0);
  Met(kWeb, kKey);
  ::umask(before);
  struct stat status {};
  ASSERT_EQ(::stat(Path().c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
  ASSERT_EQ(::stat((folder_ / "adit").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0700u);
}

TEST_F(KnownNodesTest, ALineWrittenByHandIsAPinBeforeTheFirstContact) {
  Write("# mine\n\n" + kWeb.id + "\t" + kKey + "   the web server");
  EXPECT_EQ(Met(kWeb, kOtherKey).kind, Kind::kOtherKey);
  EXPECT_EQ(Met(kWeb, kKey).kind, Kind::kKnown);
  Met(kDb, kKey);
  EXPECT_EQ(Text(), "# mine\n\n" + kWeb.id + "\t" + kKey + "   the web server\n" + kDb.id + " " +
                        kKey + " db-1\n")
      << "what the user wrote stays as it is";
}

TEST_F(KnownNodesTest, ADamagedLineIsAnErrorAndNoFirstContact) {
  for (const std::string& line :
       {kWeb.id, kWeb.id + " web-1", kWeb.id + " SHA256:abc web-1", kWeb.id + " " + kKey + "x y",
        "SHA256:" + std::string(43, 'a'), std::string(200, 'm') + " " + kKey,
        kWeb.id + " " + kKey.substr(0, 49) + "\x01 web-1"}) {
    Write("# one\n" + line + "\n");
    const auto meeting = Nodes().Meet(kDb, kKey);
    ASSERT_FALSE(meeting.ok()) << line;
    EXPECT_NE(TextOf(meeting.status()).find("line 2"), std::string::npos)
        << TextOf(meeting.status());
    EXPECT_FALSE(Nodes().Forget(kWeb.id).ok());
  }
}

TEST_F(KnownNodesTest, AFileThatCannotBeReadIsAnErrorAndNoFirstContact) {
  std::filesystem::create_directories(Path());  // A folder in its place.
  EXPECT_FALSE(Nodes().Meet(kWeb, kKey).ok());
}

TEST_F(KnownNodesTest, ANameDoesNotMoveToANodeThatWasNeverMet) {
  Met(kWeb, kKey);
  KnownNodes::Node other = kDb;
  other.name = kWeb.name;
  const KnownNodes::Meeting moved = Met(other, kOtherKey);
  EXPECT_EQ(moved.kind, Kind::kOtherNode);
  EXPECT_EQ(moved.known.node_id, kWeb.id);
  other.named_by_id = true;
  EXPECT_EQ(Met(other, kOtherKey).kind, Kind::kFirst) << "whoever types the id means that node";
  other.named_by_id = false;
  EXPECT_EQ(Met(other, kOtherKey).kind, Kind::kKnown) << "both were met under that name";
  EXPECT_EQ(Met(kWeb, kKey).kind, Kind::kKnown);
}

TEST_F(KnownNodesTest, TheIdOfAKnownNodeIsNoNameForAnother) {
  Met(kWeb, kKey);
  KnownNodes::Node liar = kDb;
  liar.name = kWeb.id;  // The user named the node by its id, and a relay answers with another one.
  const KnownNodes::Meeting meeting = Met(liar, kOtherKey);
  EXPECT_EQ(meeting.kind, Kind::kOtherNode);
  EXPECT_EQ(meeting.known.node_id, kWeb.id);
  EXPECT_TRUE(*Nodes().Knows(liar)) << "and what was reached sealed stays so";
}

TEST_F(KnownNodesTest, TheNameOfAKnownNodeIsNoBeginningOfAnother) {
  Met(kWeb, kKey);
  // The user typed the name, and a relay says that nothing is called so but by its beginning.
  const KnownNodes::Node liar{
      .id = "mi-eeeeeeeeeeeeeeeee", .name = kWeb.name + "x", .typed = kWeb.name};
  EXPECT_TRUE(*Nodes().Knows(liar)) << "what was reached sealed stays so";
  const KnownNodes::Meeting meeting = Met(liar, kOtherKey);
  EXPECT_EQ(meeting.kind, Kind::kOtherNode);
  EXPECT_EQ(meeting.known.node_id, kWeb.id);
  // A beginning that is no node's name is the relay's to complete.
  KnownNodes::Node other = liar;
  other.typed = "we";
  EXPECT_EQ(Met(other, kOtherKey).kind, Kind::kFirst);
}

TEST_F(KnownNodesTest, TheNameOfAKnownNodeIsNoIdOfAnother) {
  Met(kWeb, kKey);
  // The user typed the name, and a relay answers that it is an id, or does not say which it is.
  const KnownNodes::Node liar{.id = kWeb.name, .name = "", .named_by_id = true};
  const KnownNodes::Meeting meeting = Met(liar, kOtherKey);
  EXPECT_EQ(meeting.kind, Kind::kOtherNode);
  EXPECT_EQ(meeting.known.node_id, kWeb.id);
  EXPECT_TRUE(*Nodes().Knows(liar)) << "and what was reached sealed stays so";
  // An id that is known wins over a name.
  Met(kDb, kOtherKey);
  KnownNodes::Node called = {.id = "mi-eeeeeeeeeeeeeeeee", .name = kDb.id, .named_by_id = false};
  EXPECT_EQ(Met(called, kKey).kind, Kind::kOtherNode);
  called.named_by_id = true;
  EXPECT_EQ(Met(called, kKey).kind, Kind::kFirst);
  KnownNodes::Node db = kDb;
  db.named_by_id = true;
  EXPECT_EQ(Met(db, kOtherKey).kind, Kind::kKnown);
}

TEST_F(KnownNodesTest, ANameDoesNotMoveToANodeThatIsKnownUnderAnother) {
  Met(kWeb, kKey);
  Met(kDb, kOtherKey);
  KnownNodes::Node swapped = kWeb;
  swapped.name = kDb.name;
  EXPECT_EQ(Met(swapped, kKey).kind, Kind::kOtherNode);
  swapped.name = "renamed";
  EXPECT_EQ(Met(swapped, kKey).kind, Kind::kKnown) << "a name of its own may change";
}

TEST_F(KnownNodesTest, ForeignNamesAndIdsCannotForgeALine) {
  KnownNodes::Node node = kWeb;
  node.name = "x\n" + kDb.id + " " + kOtherKey;
  EXPECT_EQ(Met(node, kKey).kind, Kind::kFirst);
  EXPECT_EQ(Met(kDb, kKey).kind, Kind::kFirst);
  for (const std::string& id : {std::string(), std::string("#x"), std::string("a b"),
                                std::string("a\nb"), std::string(65, 'm')}) {
    node.id = id;
    EXPECT_FALSE(Nodes().Meet(node, kKey).ok()) << id;
  }
}

TEST_F(KnownNodesTest, ForgettingRemovesTheLineAndNothingElse) {
  Met(kWeb, kKey);
  Met(kDb, kOtherKey);
  const auto nobody = Nodes().Forget("web");
  ASSERT_TRUE(nobody.ok());
  EXPECT_TRUE(nobody->empty()) << "the beginning of a name is not enough";
  ASSERT_TRUE(Nodes().Forget("").ok());
  const auto forgotten = Nodes().Forget("web-1");
  ASSERT_TRUE(forgotten.ok());
  ASSERT_EQ(forgotten->size(), 1u);
  EXPECT_EQ(forgotten->front().node_id, kWeb.id);
  EXPECT_EQ(Text(), kDb.id + " " + kOtherKey + " db-1\n");
  EXPECT_EQ(Met(kWeb, kOtherKey).kind, Kind::kFirst);
  EXPECT_EQ(Nodes().Forget(kDb.id)->size(), 1u);
}

TEST_F(KnownNodesTest, WithoutAPlaceToKeepItEveryContactIsTheFirst) {
  const auto meeting = KnownNodes("").Meet(kWeb, kKey);
  ASSERT_TRUE(meeting.ok());
  EXPECT_EQ(meeting->kind, Kind::kFirst);
  EXPECT_FALSE(meeting->kept.ok());
}

TEST_F(KnownNodesTest, AFullFileKeepsNothingMoreAndSaysSo) {
  Write(std::string(KnownNodes::kFileSizeMax - 10, '#') + "\n");
  const KnownNodes::Meeting meeting = Met(kWeb, kKey);
  EXPECT_EQ(meeting.kind, Kind::kFirst);
  EXPECT_NE(TextOf(meeting.kept).find("remove the lines"), std::string::npos);
  EXPECT_FALSE(Nodes().Meet(kWeb, kKey)->kept.ok());
}

// Of clients that meet one node at once, with as many keys, one is first and all others refuse.
TEST_F(KnownNodesTest, TwoClientsAtOnceDoNotBothTrust) {
  constexpr int kClients = 8;
  pid_t children[kClients];
  for (int i = 0; i < kClients; ++i) {
    children[i] = ::fork();
    if (children[i] != 0) continue;
    const auto meeting =
        Nodes().Meet(kWeb, "SHA256:" + std::string(43, static_cast<char>('a' + i)));
    ::_exit(!meeting.ok() ? 2 : meeting->kind == Kind::kFirst ? 0 : 1);
  }
  int first = 0;
  for (const pid_t child : children) {
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_LT(WEXITSTATUS(status), 2);
    first += WEXITSTATUS(status) == 0 ? 1 : 0;
  }
  EXPECT_EQ(first, 1);
}

}  // namespace
}  // namespace client
