// Goal: the master key is read only from a file that nobody else may read, made only when there is
// nothing to lose, and a rotation that is cut short anywhere leaves a pair that opens.
// Method: real files in a folder of the test's own.

#include "relay/store/master_key.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "relay/store/private_file.h"
#include "tests/support/temporary_folder.h"

namespace relay {
namespace {

class MasterKeyTest : public testing::Test {
 protected:
  MasterKeySource Source() const { return {.default_file = folder / "master.key"}; }
  TemporaryFolder folder;
};

TEST_F(MasterKeyTest, TheFirstStartMakesAKeyThatTheNextOneReads) {
  const auto made = LoadMasterKey(Source(), StoreState::kMissing);
  ASSERT_TRUE(made.ok()) << made.status();
  struct stat facts;
  ASSERT_EQ(stat((folder / "master.key").c_str(), &facts), 0);
  EXPECT_EQ(facts.st_mode & 0777, 0600u);
  EXPECT_EQ(LoadMasterKey(Source(), StoreState::kExists)->key, made->key);
}

TEST_F(MasterKeyTest, AKeyIsNeverMadeBesideAnOldStore) {
  const auto key = LoadMasterKey(Source(), StoreState::kExists);
  EXPECT_TRUE(absl::IsNotFound(key.status()));
  EXPECT_FALSE(std::filesystem::exists(folder / "master.key"));
}

TEST_F(MasterKeyTest, AFileThatOthersMayReadIsRefusedWithTheRemedy) {
  ASSERT_TRUE(LoadMasterKey(Source(), StoreState::kMissing).ok());
  for (const mode_t mode : {0640, 0604, 0660, 0601}) {
    ASSERT_EQ(chmod((folder / "master.key").c_str(), mode), 0);
    const auto key = LoadMasterKey(Source(), StoreState::kMissing);
    EXPECT_TRUE(absl::IsPermissionDenied(key.status()));
    EXPECT_NE(key.status().ToString().find("chmod 600"), std::string::npos);
  }
}

TEST_F(MasterKeyTest, AFileThatIsNoKeyIsRefused) {
  for (const std::string& content :
       {std::string(), std::string("\n"), std::string(63, 'a'), std::string(65, 'a'),
        std::string(64, 'x'), std::string(64, 'a') + "\n" + std::string(64, 'b')}) {
    ASSERT_TRUE(WritePrivateFile(folder / "master.key", content).ok());
    EXPECT_TRUE(absl::IsInvalidArgument(LoadMasterKey(Source(), StoreState::kMissing).status()));
  }
  ASSERT_TRUE(WritePrivateFile(folder / "master.key", std::string(100'000, 'a')).ok());
  EXPECT_TRUE(absl::IsInvalidArgument(LoadMasterKey(Source(), StoreState::kMissing).status()));
}

TEST_F(MasterKeyTest, AFileThatIsNamedMustBeThereAndACredentialComesBeforeTheDefault) {
  MasterKeySource source = Source();
  source.file = folder / "elsewhere";
  EXPECT_TRUE(absl::IsNotFound(LoadMasterKey(source, StoreState::kMissing).status()));
  source.file.clear();
  source.credentials_directory = folder.path();
  const auto fallback = LoadMasterKey(source, StoreState::kMissing);  // There is no credential.
  ASSERT_TRUE(fallback.ok());
  const auto key = NewMasterKey();
  ASSERT_TRUE(WriteMasterKeyFile(folder / kMasterKeyCredential, key).ok());
  const auto credential = LoadMasterKey(source, StoreState::kMissing);
  ASSERT_TRUE(credential.ok());
  EXPECT_EQ(credential->key, key);
}

TEST_F(MasterKeyTest, AKeyIsSaidToBeWhereItWasFound) {
  MasterKeySource source = Source();
  source.credentials_directory = folder.path();
  const auto by_default = LoadMasterKey(source, StoreState::kMissing);
  ASSERT_TRUE(by_default.ok());
  EXPECT_EQ(by_default->file, folder / "master.key");
  EXPECT_FALSE(by_default->is_credential);
  ASSERT_TRUE(WriteMasterKeyFile(folder / kMasterKeyCredential, NewMasterKey()).ok());
  const auto credential = LoadMasterKey(source, StoreState::kExists);
  ASSERT_TRUE(credential.ok());
  EXPECT_EQ(credential->file, folder / kMasterKeyCredential);
  EXPECT_TRUE(credential->is_credential);
  source.file = folder / "master.key";
  const auto named = LoadMasterKey(source, StoreState::kExists);
  ASSERT_TRUE(named.ok());
  EXPECT_EQ(named->file, source.file);
  EXPECT_FALSE(named->is_credential);
}

TEST_F(MasterKeyTest, ACredentialMayHaveTheModeThatSystemdGivesItAndNoWiderOne) {
  MasterKeySource source = Source();
  source.credentials_directory = folder.path();
  const std::string file = folder / kMasterKeyCredential;
  ASSERT_TRUE(WriteMasterKeyFile(file, NewMasterKey()).ok());
  for (const mode_t mode : {0400, 0440, 0600}) {
    ASSERT_EQ(chmod(file.c_str(), mode), 0);
    EXPECT_TRUE(LoadMasterKey(source, StoreState::kExists).ok()) << mode;
  }
  for (const mode_t mode : {0444, 0460, 0404}) {
    ASSERT_EQ(chmod(file.c_str(), mode), 0);
    EXPECT_TRUE(absl::IsPermissionDenied(LoadMasterKey(source, StoreState::kExists).status()));
  }
}

TEST_F(MasterKeyTest, ARotationReplacesStoreAndFile) {
  const auto old_key = LoadMasterKey(Source(), StoreState::kMissing)->key;
  const auto new_key = NewMasterKey();
  const std::string file = folder / "master.key";
  {
    auto store = OpenStore({.path = folder / "adit.db"}, old_key, file);
    ASSERT_TRUE(store.ok());
    ASSERT_TRUE(RotateMasterKey(**store, file, old_key, new_key).ok());
  }
  EXPECT_EQ(*ReadMasterKeyFile(file), new_key);
  EXPECT_FALSE(std::filesystem::exists(file + ".new"));
  EXPECT_TRUE(OpenStore({.path = folder / "adit.db"}, new_key, file).ok());
}

TEST_F(MasterKeyTest, ARotationThatWasCutShortIsFinishedOnTheNextStart) {
  const auto old_key = LoadMasterKey(Source(), StoreState::kMissing)->key;
  const auto new_key = NewMasterKey();
  const std::string file = folder / "master.key";
  // Cut after the new key was written: the store is under the old one, which opens it.
  ASSERT_TRUE(WriteMasterKeyFile(file + ".new", new_key).ok());
  {
    auto store = OpenStore({.path = folder / "adit.db"}, old_key, file);
    ASSERT_TRUE(store.ok());
    // Cut after the store was changed, before the file was.
    ASSERT_TRUE((*store)->RotateMasterKey(old_key, new_key).ok());
  }
  EXPECT_EQ(*ReadMasterKeyFile(file), old_key);
  EXPECT_TRUE(OpenStore({.path = folder / "adit.db"}, old_key, file).ok());
  EXPECT_EQ(*ReadMasterKeyFile(file), new_key);
  EXPECT_FALSE(std::filesystem::exists(file + ".new"));
}

TEST_F(MasterKeyTest, AFileOfAnotherStoreIsRefusedAndLeftAlone) {
  const std::string file = folder / "master.key";
  const auto key = LoadMasterKey(Source(), StoreState::kMissing)->key;
  ASSERT_TRUE(OpenStore({.path = folder / "adit.db"}, key, file).ok());
  ASSERT_TRUE(WriteMasterKeyFile(file + ".new", NewMasterKey()).ok());
  const auto store = OpenStore({.path = folder / "adit.db"}, NewMasterKey(), file);
  EXPECT_TRUE(absl::IsPermissionDenied(store.status()));
  EXPECT_EQ(*ReadMasterKeyFile(file), key);
}

}  // namespace
}  // namespace relay
