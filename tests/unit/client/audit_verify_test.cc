// Goal: files are read line by line within bounds, and each kind of damage is an answer and no
// crash. Method: small files, by hand.

#include "client/audit_verify.h"

#include <gtest/gtest.h>

#include <fstream>
#include <string>

#include "engine/audit/chain_file_name.h"
#include "engine/base/bytes.h"
#include "tests/support/temporary_folder.h"

namespace client {
namespace {

using engine::audit::ChainFileName;
using engine::audit::ChainReport;

class AuditVerifyTest : public testing::Test {
 protected:
  AuditVerifyTest() { Write("adit-audit-key.pub", std::string(64, 'a') + "\n"); }
  void Write(const std::string& name, const std::string& text) const {
    std::ofstream(folder / name, std::ios::binary) << text;
  }
  // Lines returns the lines of records `first` to `last` of one chain.
  static std::string Lines(uint64_t first, uint64_t last) {
    std::string text;
    engine::audit::ChainRecord record;
    for (uint64_t i = 1; i <= last; ++i) {
      record = {.sequence = i, .previous = record.hash, .hash = {}, .record = "{}"};
      record.hash = engine::audit::HashOf(i, record.previous, record.record);
      if (i >= first) text += engine::audit::FormatRecordLine(record) + "\n";
    }
    return text;
  }
  ChainReport Verify() const {
    const auto report = VerifyAudit({.directory = folder.path()});
    EXPECT_TRUE(report.ok()) << report.status();
    return *report;
  }
  TemporaryFolder folder;
};

TEST_F(AuditVerifyTest, FilesAreReadInTheOrderOfTheirRecords) {
  Write(ChainFileName("20261126", 400), Lines(400, 900));  // A clock that was set back.
  Write(ChainFileName("20261127", 1), Lines(1, 399));
  Write("something-else", "not ours");
  const ChainReport report = Verify();
  EXPECT_EQ(report.finding_count, 0u);
  EXPECT_EQ(report.last, 900u);
}

TEST_F(AuditVerifyTest, AnEndWithinALineIsFound) {
  std::string text = Lines(1, 3);
  text.pop_back();
  Write(ChainFileName("20261127", 1), text);
  ASSERT_EQ(Verify().finding_count, 1u);
  EXPECT_EQ(Verify().findings[0].line, 3u);
}

TEST_F(AuditVerifyTest, ALineOfAnyLengthIsOneFindingAndTheNextIsReadAgain) {
  Write(ChainFileName("20261127", 1),
        Lines(1, 1) + std::string(1'000'000, 'x') + "\n" + Lines(3, 3));
  const ChainReport report = Verify();
  EXPECT_EQ(report.finding_count, 1u);
  EXPECT_EQ(report.last, 3u);
}

TEST_F(AuditVerifyTest, WhatCannotBeReadIsAnErrorThatSaysWhatToDo) {
  const auto text = [](const AuditVerifyOptions& options) {
    return std::string(VerifyAudit(options).status().message());
  };
  EXPECT_NE(text({.directory = folder.path()}).find("no audit files"), std::string::npos);
  EXPECT_NE(text({.directory = folder.path(), .key = "xy"}).find("64 hexadecimal"),
            std::string::npos);
  EXPECT_NE(text({.directory = folder / "nothing"}).find("--key"), std::string::npos);
  EXPECT_NE(
      text({.directory = folder / "nothing", .key = std::string(64, 'a')}).find("cannot read"),
      std::string::npos);
}

}  // namespace
}  // namespace client
