// Goal: a whole chain passes, and whatever is done to it up to the newest digest is found.
// Method: a chain of two files is made in memory, then each byte is changed, each line is removed,
// doubled and swapped with the next, and each end is cut off.

#include "engine/audit/chain_verifier.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "engine/audit/chain_file_name.h"

namespace engine::audit {
namespace {

const crypto::IdentityKey& Key() {
  static const crypto::IdentityKey key = crypto::IdentityKey::Generate();
  return key;
}

struct File {
  uint64_t first = 1;
  std::vector<std::string> lines;
};

struct Chain {
  std::vector<File> files;
  std::optional<std::string> head;
};

// ChainMaker writes as the relay does.
class ChainMaker {
 public:
  void BeginFile() { chain.files.push_back({last_ + 1, {}}); }
  void AddRecord(const std::string& text) {
    ChainRecord record{.sequence = ++last_, .previous = hash_, .hash = {}, .record = text};
    hash_ = record.hash = HashOf(record.sequence, record.previous, record.record);
    chain.files.back().lines.push_back(FormatRecordLine(record));
  }
  void AddDigest(const crypto::IdentityKey& key = Key()) {
    const ChainDigest digest{.first = signed_ + 1,
                             .last = last_,
                             .hash = hash_,
                             .previous = digest_hash_,
                             .time = "2026-11-27T10:00:00Z",
                             .key = key.public_key()};
    signed_ = last_;
    digest_hash_ = DigestHash(digest);
    chain.files.back().lines.push_back(FormatDigestLine(SignDigest(digest, key)));
    chain.head = chain.files.back().lines.back();
  }
  Chain chain;

 private:
  uint64_t last_ = 0;
  uint64_t signed_ = 0;
  ChainHash hash_{};
  ChainHash digest_hash_{};
};

Chain MakeChain() {
  ChainMaker maker;
  maker.BeginFile();
  for (int i = 1; i <= 3; ++i) maker.AddRecord("{\"n\":" + std::to_string(i) + "}");
  maker.AddDigest();
  maker.AddRecord("{\"n\":4}");
  maker.AddDigest();
  maker.BeginFile();
  for (int i = 5; i <= 7; ++i) maker.AddRecord("{\"n\":" + std::to_string(i) + "}");
  maker.AddDigest();
  return maker.chain;
}

ChainReport Verify(const Chain& chain, uint64_t first = 1) {
  ChainVerifier verifier({.key = Key().public_key(), .first = first, .head = chain.head});
  for (const File& file : chain.files) {
    verifier.BeginFile(ChainFileName("20261127", file.first), file.first);
    for (const std::string& line : file.lines) verifier.AddLine(line);
  }
  return verifier.Finish();
}

std::string FirstFinding(const Chain& chain) {
  const ChainReport report = Verify(chain);
  return report.findings.empty() ? "" : report.findings.front().text;
}

TEST(ChainVerifierTest, AWholeChainPasses) {
  const ChainReport report = Verify(MakeChain());
  EXPECT_EQ(report.finding_count, 0u);
  EXPECT_EQ(report.first, 1u);
  EXPECT_EQ(report.last, 7u);
  EXPECT_EQ(report.signed_last, 7u);
  EXPECT_EQ(report.digest_count, 3u);
}

TEST(ChainVerifierTest, AnyByteThatIsChangedIsFound) {
  const Chain whole = MakeChain();
  for (size_t f = 0; f < whole.files.size(); ++f) {
    for (size_t l = 0; l < whole.files[f].lines.size(); ++l) {
      for (size_t i = 0; i < whole.files[f].lines[l].size(); ++i) {
        for (const int change : {1, 4, 32, 128}) {  // 32 turns the case of a letter.
          Chain chain = whole;
          char& byte = chain.files[f].lines[l][i];
          byte = static_cast<char>(byte ^ change);
          ASSERT_GT(Verify(chain).finding_count, 0u)
              << "file " << f << " line " << l << " byte " << i << " change " << change;
        }
      }
    }
  }
}

TEST(ChainVerifierTest, AnyLineThatIsRemovedDoubledOrSwappedIsFound) {
  const Chain whole = MakeChain();
  for (size_t f = 0; f < whole.files.size(); ++f) {
    for (size_t l = 0; l < whole.files[f].lines.size(); ++l) {
      const auto at = static_cast<ptrdiff_t>(l);
      Chain removed = whole;
      removed.files[f].lines.erase(removed.files[f].lines.begin() + at);
      EXPECT_GT(Verify(removed).finding_count, 0u) << f << " " << l;
      Chain doubled = whole;
      doubled.files[f].lines.insert(doubled.files[f].lines.begin() + at, whole.files[f].lines[l]);
      EXPECT_GT(Verify(doubled).finding_count, 0u) << f << " " << l;
      if (l + 1 == whole.files[f].lines.size()) continue;
      Chain swapped = whole;
      std::swap(swapped.files[f].lines[l], swapped.files[f].lines[l + 1]);
      EXPECT_GT(Verify(swapped).finding_count, 0u) << f << " " << l;
    }
  }
}

TEST(ChainVerifierTest, AnyEndThatIsCutOffIsFound) {
  const Chain whole = MakeChain();
  Chain chain = whole;
  while (!chain.files.empty()) {
    if (chain.files.back().lines.empty()) {
      chain.files.pop_back();
    } else {
      chain.files.back().lines.pop_back();
    }
    EXPECT_GT(Verify(chain).finding_count, 0u);
  }
  chain = whole;
  chain.head.reset();
  EXPECT_EQ(Verify(chain).finding_count, 1u);
}

TEST(ChainVerifierTest, AFindingSaysWhichRecord) {
  Chain chain = MakeChain();
  std::string& line = chain.files[0].lines[1];
  line[line.size() - 3] = '9';
  EXPECT_EQ(FirstFinding(chain), "record 2 was changed");
  EXPECT_EQ(Verify(chain).finding_count, 1u);
  EXPECT_EQ(Verify(chain).findings[0].line, 2u);

  chain = MakeChain();
  chain.files[1].lines.erase(chain.files[1].lines.begin() + 1);
  EXPECT_EQ(FirstFinding(chain), "record 6 is missing");

  chain = MakeChain();
  chain.files[0].lines[1][0] = '[';
  EXPECT_EQ(Verify(chain).finding_count, 1u);
}

TEST(ChainVerifierTest, ARecordThatWasReplacedWithItsHashIsFound) {
  Chain chain = MakeChain();
  const ChainRecord old = *ParseRecordLine(chain.files[0].lines[2]);
  ChainRecord forged{.sequence = 3, .previous = old.previous, .hash = {}, .record = "{\"n\":0}"};
  forged.hash = HashOf(3, forged.previous, forged.record);
  chain.files[0].lines[2] = FormatRecordLine(forged);
  EXPECT_NE(FirstFinding(chain).find("is of another record 3"), std::string::npos);
}

TEST(ChainVerifierTest, AChainThatAnotherKeySignedIsFound) {
  ChainMaker maker;
  maker.BeginFile();
  maker.AddRecord("{}");
  maker.AddDigest(crypto::IdentityKey::Generate());
  EXPECT_NE(FirstFinding(maker.chain).find("signed by another key"), std::string::npos);
}

TEST(ChainVerifierTest, FilesThatWereMovedAwayAreAllowedForByTheFirstRecord) {
  Chain chain = MakeChain();
  chain.files.erase(chain.files.begin());
  EXPECT_EQ(FirstFinding(chain), "records 1 to 4 are missing");
  EXPECT_EQ(Verify(chain, 5).finding_count, 0u);
  EXPECT_GT(Verify(chain, 6).finding_count, 0u);
}

TEST(ChainVerifierTest, RecordsBehindTheNewestDigestAreSaidToBeUnsigned) {
  ChainMaker maker;
  maker.BeginFile();
  maker.AddRecord("{}");
  maker.AddDigest();
  maker.AddRecord("{}");
  const ChainReport report = Verify(maker.chain);
  EXPECT_EQ(report.finding_count, 0u);
  EXPECT_EQ(report.last, 2u);
  EXPECT_EQ(report.signed_last, 1u);
}

TEST(ChainVerifierTest, FindingsAreKeptUpToAMaximumAndAllCounted) {
  ChainVerifier verifier({.key = Key().public_key()});
  verifier.BeginFile(ChainFileName("20261127", 1), 1);
  for (size_t i = 0; i < 3 * ChainVerifier::kFindingsMax; ++i) verifier.AddLine("x");
  verifier.AddTorn(3);
  const ChainReport report = verifier.Finish();
  EXPECT_EQ(report.findings.size(), ChainVerifier::kFindingsMax);
  EXPECT_GT(report.finding_count, 3 * ChainVerifier::kFindingsMax);
}

TEST(ChainFileNameTest, ANameIsReadBackAndAnotherIsNone) {
  const std::string name = ChainFileName("20261127", 42);
  EXPECT_EQ(name, "adit-audit-20261127-00000000000000000042.jsonl");
  EXPECT_EQ(FirstOf(name), 42u);
  for (const char* other :
       {"", "adit-audit-key.pub", "adit-audit-2026112x-00000000000000000042.jsonl",
        "adit-audit-20261127-99999999999999999999.jsonl",
        "adit-audit-20261127-0000000000000000004x.jsonl"}) {
    EXPECT_EQ(FirstOf(other), std::nullopt) << other;
  }
}

}  // namespace
}  // namespace engine::audit
