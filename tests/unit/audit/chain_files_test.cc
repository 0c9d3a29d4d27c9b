// Goal: what is in the store gets into the files once and in order, whatever ends the relay; files
// that cannot be written stop everything with a reason, and nothing is lost.
// Method: real files in a folder of their own, verified as `adit audit verify` does; torn and cut
// by hand; a directory that is taken away.

#include "relay/audit/chain_files.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include "engine/audit/chain_file_name.h"
#include "engine/audit/chain_verifier.h"
#include "relay/audit/audit_outbox.h"
#include "relay/store/sqlite_store.h"
#include "tests/support/temporary_folder.h"

namespace relay {
namespace {

constexpr int64_t kNow = 1'764'000'000'000;
constexpr int64_t kDayMs = int64_t{24} * 3600 * 1000;

class ChainFilesTest : public testing::Test {
 protected:
  std::string Directory() const { return folder / "audit"; }
  ChainFiles::Options Options() const { return {.directory = Directory(), .key = key}; }
  std::unique_ptr<ChainFiles> Open(const AuditMark& mark = {}) {
    auto files = ChainFiles::Open(Options(), mark);
    EXPECT_TRUE(files.ok()) << files.status();
    return *std::move(files);
  }
  static std::vector<AuditEvent> Events(uint64_t first, uint64_t last) {
    std::vector<AuditEvent> events;
    for (uint64_t i = first; i <= last; ++i) {
      events.push_back({.id = "id", .record = "{\"n\":" + std::to_string(i) + "}", .sequence = i});
    }
    return events;
  }
  std::vector<std::string> Names() const {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(Directory())) {
      const std::string name = entry.path().filename();
      if (engine::audit::FirstOf(name).has_value()) names.push_back(name);
    }
    std::ranges::sort(names, {},
                      [](const std::string& name) { return engine::audit::FirstOf(name); });
    return names;
  }
  std::string Read(const std::string& name) const {
    std::ifstream file(Directory() + "/" + name, std::ios::binary);
    return std::string((std::istreambuf_iterator<char>(file)), {});
  }
  void Write(const std::string& name, const std::string& text) const {
    std::ofstream(Directory() + "/" + name, std::ios::binary | std::ios::trunc) << text;
  }
  engine::audit::ChainReport Verify() const {
    engine::audit::ChainVerifier::Options options{.key = key.public_key()};
    std::string head = Read(std::string(engine::audit::kHeadFileName));
    if (!head.empty()) options.head = head.substr(0, head.size() - 1);
    engine::audit::ChainVerifier verifier(options);
    for (const std::string& name : Names()) {
      verifier.BeginFile(name, *engine::audit::FirstOf(name));
      std::string text = Read(name);
      size_t begin = 0;
      for (size_t end = 0; (end = text.find('\n', begin)) != std::string::npos; begin = end + 1) {
        verifier.AddLine(text.substr(begin, end - begin));
      }
      if (begin < text.size()) verifier.AddTorn(text.size() - begin);
    }
    return verifier.Finish();
  }
  std::string Problem() const {
    const auto report = Verify();
    return report.findings.empty() ? "" : report.findings.front().text;
  }

  TemporaryFolder folder;
  engine::crypto::IdentityKey key = engine::crypto::IdentityKey::Generate();
};

TEST_F(ChainFilesTest, WhatIsAppendedIsAChainAndGoesOnAfterARestart) {
  {
    auto files = Open();
    EXPECT_TRUE(files->Append(Events(1, 3), kNow).ok());
    EXPECT_TRUE(files->Append(Events(4, 4), kNow).ok());
    EXPECT_TRUE(files->Sign(kNow).ok());
    EXPECT_TRUE(files->Append(Events(5, 5), kNow).ok());
  }
  {
    auto files = Open();
    EXPECT_EQ(files->last().sequence, 5u);
    EXPECT_TRUE(files->Append(Events(6, 7), kNow).ok());
    EXPECT_TRUE(files->Sign(kNow).ok());
    EXPECT_TRUE(files->Sign(kNow).ok());  // Nothing new: no digest.
  }
  EXPECT_EQ(Problem(), "");
  EXPECT_EQ(Verify().signed_last, 7u);
  EXPECT_EQ(Verify().digest_count, 2u);
  EXPECT_EQ(Names().size(), 1u);
  struct stat facts;
  ASSERT_EQ(stat((Directory() + "/" + Names()[0]).c_str(), &facts), 0);
  EXPECT_EQ(facts.st_mode & 0777, 0600u);
}

TEST_F(ChainFilesTest, AFileEndsAtMidnightAndAtItsMaximum) {
  auto options = Options();
  options.file_size_max = 2'000;
  auto files = *ChainFiles::Open(options, {});
  EXPECT_TRUE(files->Append(Events(1, 2), kNow).ok());
  EXPECT_TRUE(files->Append(Events(3, 20), kNow + kDayMs).ok());
  EXPECT_TRUE(files->Append(Events(21, 21), kNow + kDayMs).ok());
  EXPECT_EQ(Names().size(), 3u);
  EXPECT_EQ(Problem(), "");
  EXPECT_EQ(Verify().signed_last, 20u);  // Each file that is over ends with a digest.
}

TEST_F(ChainFilesTest, ADigestIsMadeAfterSoManyRecordsAndAfterSoLong) {
  auto files = Open();
  EXPECT_TRUE(files->Append(Events(1, ChainFiles::kDigestRecordsMax), kNow).ok());
  EXPECT_EQ(Verify().signed_last, ChainFiles::kDigestRecordsMax);
  const uint64_t next = ChainFiles::kDigestRecordsMax + 1;
  EXPECT_TRUE(files->Append(Events(next, next), kNow).ok());
  EXPECT_TRUE(files->SignDue(kNow + ChainFiles::kDigestDelayMs - 1).ok());
  EXPECT_EQ(Verify().signed_last, next - 1);
  EXPECT_TRUE(files->SignDue(kNow + ChainFiles::kDigestDelayMs).ok());
  EXPECT_EQ(Verify().signed_last, next);
}

TEST_F(ChainFilesTest, AnEndThatWasTornAnywhereIsMended) {
  {
    auto files = Open();
    EXPECT_TRUE(files->Append(Events(1, 2), kNow).ok());
    EXPECT_TRUE(files->Sign(kNow).ok());
    EXPECT_TRUE(files->Append(Events(3, 4), kNow).ok());
  }
  const std::string name = Names()[0];
  const std::string whole = Read(name);
  const size_t second = whole.find("{\"sequence\":2");
  for (size_t size = second; size < whole.size(); size += 7) {
    std::filesystem::remove(Directory() + "/" + std::string(engine::audit::kHeadFileName));
    Write(name, whole.substr(0, size));
    auto files = Open();
    ASSERT_GE(files->last().sequence, 1u);
    ASSERT_TRUE(files->Append(Events(files->last().sequence + 1, 5), kNow).ok()) << size;
    ASSERT_TRUE(files->Sign(kNow).ok());
    ASSERT_EQ(Problem(), "") << "cut to " << size;
    ASSERT_EQ(Verify().last, 5u);
  }
}

TEST_F(ChainFilesTest, WrittenRecordsThatAreGoneAreAHoleAndNotPaintedOver) {
  AuditMark mark;
  {
    auto files = Open();
    EXPECT_TRUE(files->Append(Events(1, 4), kNow).ok());
    mark = files->last();
  }
  const std::string name = Names()[0];
  const std::string whole = Read(name);
  const std::string cut = whole.substr(0, whole.find("{\"sequence\":3"));
  Write(name, cut);
  auto files = Open(mark);
  EXPECT_EQ(files->last().sequence, 4u);
  EXPECT_TRUE(files->Append(Events(5, 5), kNow).ok());
  EXPECT_EQ(Read(name), cut);
  EXPECT_EQ(Problem(), "records 3 to 4 are missing");
}

TEST_F(ChainFilesTest, ARecordThatNoLineCanHoldIsSaidToBeLeftOut) {
  auto files = Open();
  const std::vector<AuditEvent> events = {
      {.id = "e-1", .record = "{" + std::string(200'000, ' ') + "}", .sequence = 1},
      {.id = "e-2", .record = "{\n}", .sequence = 2}};
  EXPECT_TRUE(files->Append(events, kNow).ok());
  EXPECT_TRUE(files->Sign(kNow).ok());
  EXPECT_EQ(Problem(), "");
  EXPECT_NE(Read(Names()[0]).find("\"eventID\":\"e-1\",\"omitted\""), std::string::npos);
}

TEST_F(ChainFilesTest, ADirectoryThatCannotBeUsedIsAnErrorThatNamesIt) {
  std::ofstream(Directory()) << "a file";
  const auto files = ChainFiles::Open(Options(), {});
  ASSERT_FALSE(files.ok());
  EXPECT_NE(std::string(files.status().message()).find(Directory()), std::string::npos);
}

TEST_F(ChainFilesTest, TheKeyIsMadeOnceAndItsPublicHalfIsThere) {
  const auto first = OpenAuditKey(folder / "audit.key", Directory());
  ASSERT_TRUE(first.ok()) << first.status();
  const auto second = OpenAuditKey(folder / "audit.key", Directory());
  EXPECT_EQ(first->public_key(), second->public_key());
  EXPECT_EQ(Read(std::string(engine::audit::kKeyFileName)),
            engine::ToHex(first->public_key()) + "\n");
  std::ofstream(folder / "audit.key") << "nonsense";
  EXPECT_FALSE(OpenAuditKey(folder / "audit.key", Directory()).ok());
}

// ------------------------------------------------------------------ the outbox

class AuditOutboxTest : public ChainFilesTest {
 protected:
  AuditOutboxTest()
      : store(*SqliteStore::Open({.path = folder / "adit.db"}, engine::crypto::MasterKey{})) {}
  void Add(uint64_t count) {
    ASSERT_TRUE(store->OpenGroup().ok());
    for (uint64_t i = 0; i < count; ++i) {
      const std::string id = std::to_string(++added);
      ASSERT_TRUE(store->AppendAudit({.id = id, .name = "X", .record = "{\"n\":" + id + "}"}).ok());
    }
    ASSERT_TRUE(store->CloseGroup().ok());
  }
  std::unique_ptr<AuditOutbox> OpenOutbox() {
    auto outbox = AuditOutbox::Open(*store, Options());
    EXPECT_TRUE(outbox.ok()) << outbox.status();
    return *std::move(outbox);
  }
  std::unique_ptr<SqliteStore> store;
  uint64_t added = 0;
};

TEST_F(AuditOutboxTest, WhatIsInTheStoreIsInTheFilesWhenItEnds) {
  Add(3);
  {
    auto outbox = OpenOutbox();
    Add(3 * AuditOutbox::kBatchMax);
    outbox->Pump();
  }
  const auto report = Verify();
  EXPECT_EQ(report.finding_count, 0u) << Problem();
  EXPECT_EQ(report.last, added);
  EXPECT_EQ(report.signed_last, added);
  EXPECT_EQ(store->FindAuditMark()->sequence, added);
}

TEST_F(AuditOutboxTest, AStoreThatIsOlderThanTheFilesDoesNotGiveNumbersTwice) {
  Add(5);
  OpenOutbox();
  store.reset();
  std::filesystem::remove(folder / "adit.db");
  store = *SqliteStore::Open({.path = folder / "adit.db"}, engine::crypto::MasterKey{});
  auto outbox = OpenOutbox();
  Add(1);
  outbox.reset();
  EXPECT_EQ(Problem(), "");
  EXPECT_EQ(Verify().last, 6u);
}

TEST_F(AuditOutboxTest, BeyondItsMaximumItIsFullAndSaysWhyAndNothingIsLost) {
  auto outbox = OpenOutbox();
  std::filesystem::remove_all(Directory());
  std::ofstream(Directory()) << "in the way";  // No file can be made here any more.
  Add(AuditOutbox::kEventsMax - 1);
  outbox->Pump();
  EXPECT_FALSE(outbox->is_full());
  Add(1);
  outbox->Pump();
  EXPECT_TRUE(outbox->is_full());
  outbox.reset();
  EXPECT_EQ(store->FindAuditMark()->sequence, 0u);

  std::filesystem::remove(Directory());
  OpenOutbox();
  EXPECT_EQ(Problem(), "");
  EXPECT_EQ(Verify().last, added);
}

TEST_F(AuditOutboxTest, AFullOneNamesTheDirectoryThatCannotBeWritten) {
  auto outbox = OpenOutbox();
  std::filesystem::remove_all(Directory());
  std::ofstream(Directory()) << "in the way";
  Add(AuditOutbox::kEventsMax);
  outbox->Pump();
  outbox->WaitForAttempt();
  EXPECT_NE(outbox->Why().find("cannot create " + Directory()), std::string::npos) << outbox->Why();
}

}  // namespace
}  // namespace relay
