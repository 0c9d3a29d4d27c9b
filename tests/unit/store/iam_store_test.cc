// Goal: what IAM keeps is found again as it was written, names are one whatever their case, seeds
// are not in the file, and a store from before IAM has its administrator. Method: a store in a
// folder of its own; its schema set back to before IAM.

#include "relay/store/iam_store.h"

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>

#include "relay/store/schema.h"
#include "relay/store/sqlite_store.h"
#include "tests/support/temporary_folder.h"

namespace relay {
namespace {

using engine::crypto::MasterKey;

MasterKey Key(uint8_t fill) {
  MasterKey key;
  key.fill(std::byte{fill});
  return key;
}

class IamStoreTest : public testing::Test {
 protected:
  std::string path() const { return folder / "adit.db"; }
  std::unique_ptr<SqliteStore> Open(uint8_t key = 1) {
    auto opened = SqliteStore::Open({.path = path()}, Key(key));
    EXPECT_TRUE(opened.ok()) << opened.status();
    return opened.ok() ? *std::move(opened) : nullptr;
  }
  IamStore& iam() { return store->Iam(); }
  static IamEntity User(const std::string& name) {
    return {.kind = IamKind::kUser, .id = "AIDA" + name, .name = name, .created_unix_ms = 7};
  }
  std::vector<std::string> UserNames(const IamPage& page) {
    const auto users = iam().ListEntities(IamKind::kUser, page);
    EXPECT_TRUE(users.ok()) << users.status();
    std::vector<std::string> names;
    for (const IamEntity& user : users.value_or(std::vector<IamEntity>())) {
      names.push_back(user.name);
    }
    return names;
  }

  TemporaryFolder folder;
  std::unique_ptr<SqliteStore> store = Open();
};

TEST_F(IamStoreTest, AnEntityIsFoundByNameAndIdAsItWasAdded) {
  IamEntity role = {.kind = IamKind::kRole,
                    .id = "AROA1",
                    .name = "ops",
                    .path = "/team/",
                    .created_unix_ms = 9,
                    .boundary_arn = "arn:b",
                    .trust_policy = "{}",
                    .description = "d",
                    .session_max_seconds = 7200};
  ASSERT_TRUE(iam().AddEntity(role).ok());
  for (const auto& found :
       {iam().FindEntity(IamKind::kRole, "ops"), iam().FindEntityById("AROA1")}) {
    ASSERT_TRUE(found.ok());
    EXPECT_EQ(found->kind, IamKind::kRole);
    EXPECT_EQ(found->Arn(), "arn:aws:iam::000000000000:role/team/ops");
    EXPECT_EQ(found->created_unix_ms, 9);
    EXPECT_EQ(found->boundary_arn, "arn:b");
    EXPECT_EQ(found->trust_policy, "{}");
    EXPECT_EQ(found->description, "d");
    EXPECT_EQ(found->session_max_seconds, 7200);
  }
  EXPECT_TRUE(absl::IsNotFound(iam().FindEntity(IamKind::kUser, "ops").status()));
}

TEST_F(IamStoreTest, NamesOfOneKindDifferInMoreThanTheirCase) {
  ASSERT_TRUE(iam().AddEntity(User("alice")).ok());
  IamEntity other = User("Alice");
  EXPECT_TRUE(absl::IsAlreadyExists(iam().AddEntity(other)));
  EXPECT_TRUE(absl::IsNotFound(iam().FindEntity(IamKind::kUser, "ALICE").status()));
  other.kind = IamKind::kGroup;
  EXPECT_TRUE(iam().AddEntity(other).ok());
}

TEST_F(IamStoreTest, ListsGoOnAfterANameAndKeepToAPath) {
  for (const char* name : {"carol", "alice", "bob"}) {
    IamEntity user = User(name);
    if (user.name == "bob") user.path = "/x_/";
    ASSERT_TRUE(iam().AddEntity(user).ok());
  }
  EXPECT_EQ(UserNames({}), (std::vector<std::string>{"alice", "bob", "carol"}));
  EXPECT_EQ(UserNames({.after = "alice", .count_max = 1}), (std::vector<std::string>{"bob"}));
  EXPECT_EQ(UserNames({.path_prefix = "/x_"}), (std::vector<std::string>{"bob"}));
}

TEST_F(IamStoreTest, AnAccessKeyFollowsTheNameOfItsUser) {
  IamEntity user = User("alice");
  ASSERT_TRUE(iam().AddEntity(user).ok());
  ASSERT_TRUE(store
                  ->AddAccessKey({.id = "AKIA1",
                                  .user_id = user.id,
                                  .user_name = user.name,
                                  .principal = user.Arn(),
                                  .secret = "s",
                                  .active = true,
                                  .created_unix_ms = 1})
                  .ok());
  user.name = "alicia";
  ASSERT_TRUE(iam().UpdateEntity(user).ok());
  const auto key = store->FindAccessKey("AKIA1");
  ASSERT_TRUE(key.ok());
  EXPECT_EQ(key->user_id, user.id);
  EXPECT_EQ(key->user_name, "alicia");
  EXPECT_EQ(key->principal, "arn:aws:iam::000000000000:user/alicia");
  ASSERT_TRUE(iam().SetAccessKeyActive("AKIA1", false).ok());
  ASSERT_TRUE(iam().TouchAccessKey("AKIA1", "ssm", 77).ok());
  const auto keys = iam().ListAccessKeys(user.id);
  ASSERT_TRUE(keys.ok());
  ASSERT_EQ(keys->size(), 1U);
  EXPECT_FALSE(keys->front().is_active);
  EXPECT_EQ(keys->front().used_unix_ms, 77);
  EXPECT_EQ(keys->front().used_service, "ssm");
  ASSERT_TRUE(iam().DeleteAccessKey("AKIA1").ok());
  EXPECT_TRUE(absl::IsNotFound(iam().DeleteAccessKey("AKIA1")));
}

TEST_F(IamStoreTest, AManagedPolicyHasVersionsOfWhichOneIsTheDefault) {
  const IamPolicy policy = {.id = "ANPA1", .name = "p", .created_unix_ms = 1};
  ASSERT_TRUE(iam().AddPolicy(policy, "one").ok());
  EXPECT_TRUE(absl::IsAlreadyExists(iam().AddPolicy(policy, "again")));
  const std::string arn = policy.Arn();
  ASSERT_TRUE(iam().AddPolicyVersion(arn, {2, "two", 2}, IamStore::Default::kStays).ok());
  EXPECT_EQ(iam().FindPolicy(arn)->default_version, 1);
  EXPECT_EQ(iam().FindPolicy(arn)->newest_version, 2);
  ASSERT_TRUE(iam().AddPolicyVersion(arn, {3, "three", 3}, IamStore::Default::kThis).ok());
  EXPECT_EQ(iam().FindPolicy(arn)->default_version, 3);
  EXPECT_TRUE(absl::IsNotFound(iam().SetDefaultVersion(arn, 4, 9)));
  ASSERT_TRUE(iam().DeletePolicyVersion(arn, 1).ok());
  const auto versions = iam().ListPolicyVersions(arn);
  ASSERT_TRUE(versions.ok());
  ASSERT_EQ(versions->size(), 2U);
  EXPECT_EQ(versions->front().document, "three");
  ASSERT_TRUE(iam().DeletePolicy(arn).ok());
  EXPECT_TRUE(iam().ListPolicyVersions(arn)->empty());
}

TEST_F(IamStoreTest, MembersAttachmentsInlinePoliciesAndTagsAreKeptPerOwner) {
  IamEntity group = User("g");
  group.kind = IamKind::kGroup;
  ASSERT_TRUE(iam().AddEntity(User("u")).ok());
  ASSERT_TRUE(iam().AddEntity(group).ok());
  ASSERT_TRUE(iam().AddMember("AIDAg", "AIDAu").ok());
  ASSERT_TRUE(iam().AddMember("AIDAg", "AIDAu").ok());
  EXPECT_EQ(iam().ListGroupsOf("AIDAu")->size(), 1U);
  EXPECT_EQ(iam().ListMembers("AIDAg")->front().name, "u");
  ASSERT_TRUE(iam().Attach("AIDAg", "arn:p").ok());
  EXPECT_EQ(iam().ListAttachedTo("arn:p")->front().name, "g");
  EXPECT_TRUE(iam().ListAttached("AIDAu")->empty());
  ASSERT_TRUE(iam().PutInlinePolicy("AIDAu", {"i", "1"}).ok());
  ASSERT_TRUE(iam().PutInlinePolicy("AIDAu", {"i", "2"}).ok());
  EXPECT_EQ(iam().ListInlinePolicies("AIDAu")->front().document, "2");
  ASSERT_TRUE(iam().PutTag("AIDAu", {"team", "db"}).ok());
  ASSERT_TRUE(iam().PutTag("AIDAu", {"team", "web"}).ok());
  ASSERT_EQ(iam().ListTags("AIDAu")->size(), 1U);
  EXPECT_EQ(iam().ListTags("AIDAu")->front().value, "web");
  ASSERT_TRUE(iam().PutTag("AIDAu", {"Team", "ops"}).ok());
  ASSERT_EQ(iam().ListTags("AIDAu")->size(), 1U) << "conditions do not regard the case of a key";
  EXPECT_EQ(iam().ListTags("AIDAu")->front().value, "ops");
  // Whoever has something attached cannot vanish.
  EXPECT_FALSE(iam().DeleteEntity("AIDAu").ok());
  ASSERT_TRUE(iam().DeleteInlinePolicy("AIDAu", "i").ok());
  ASSERT_TRUE(iam().RemoveMember("AIDAg", "AIDAu").ok());
  ASSERT_TRUE(iam().DeleteEntity("AIDAu").ok());
  EXPECT_TRUE(iam().ListTags("AIDAu")->empty());
  EXPECT_TRUE(absl::IsNotFound(iam().DeleteEntity("AIDAu")));
}

TEST_F(IamStoreTest, EveryChangeThatMayChangeADecisionCountsAsARevision) {
  const uint64_t before = iam().revision();
  ASSERT_TRUE(iam().AddEntity(User("u")).ok());
  const uint64_t after = iam().revision();
  EXPECT_GT(after, before);
  EXPECT_TRUE(iam().ListEntities(IamKind::kUser, {}).ok());
  EXPECT_EQ(iam().revision(), after);
}

TEST_F(IamStoreTest, ASeedIsEncryptedAndLivesThroughARotationOfTheMasterKey) {
  const IamMfaDevice device = {.name = "phone", .seed = "twenty-secret-bytes!"};
  ASSERT_TRUE(iam().AddMfaDevice(device).ok());
  std::string bytes;
  for (const char* suffix : {"", "-wal"}) {
    std::ifstream file(path() + suffix, std::ios::binary);
    bytes.append(std::istreambuf_iterator<char>(file), {});
  }
  EXPECT_NE(bytes.find("mfa/phone"), std::string::npos);
  EXPECT_EQ(bytes.find(device.seed), std::string::npos);
  ASSERT_TRUE(store->RotateMasterKey(Key(1), Key(2)).ok());
  store.reset();
  store = Open(2);
  const auto found = iam().FindMfaDevice("arn:aws:iam::000000000000:mfa/phone");
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_EQ(found->seed, device.seed);
  ASSERT_TRUE(iam().ListMfaDevices(std::nullopt).ok());
  EXPECT_EQ(iam().ListMfaDevices(std::nullopt)->front().seed, "");
}

TEST_F(IamStoreTest, AStoreFromBeforeIamHasItsAdministrator) {
  store.reset();
  ASSERT_EQ(std::remove(path().c_str()), 0);
  {
    auto database = SqliteDatabase::Open({.path = path()});
    ASSERT_TRUE(database.ok());
    ASSERT_TRUE((*database)
                    ->Execute("CREATE TABLE schema_version(version INTEGER NOT NULL) STRICT;"
                              "INSERT INTO schema_version VALUES(2)")
                    .ok());
    ASSERT_TRUE((*database)->Execute(Migrations()[0]).ok());
    ASSERT_TRUE((*database)->Execute(Migrations()[1]).ok());
    ASSERT_TRUE((*database)
                    ->Execute("INSERT INTO access_keys VALUES('AKIA1', 'admin',"
                              " 'arn:aws:iam::000000000000:user/admin', x'00', 1, 5)")
                    .ok());
  }
  store = Open();
  const auto admin = iam().FindEntity(IamKind::kUser, "admin");
  ASSERT_TRUE(admin.ok()) << admin.status();
  EXPECT_EQ(admin->id.size(), 21U);
  EXPECT_EQ(admin->created_unix_ms, 5);
  EXPECT_EQ(*iam().ListAttached(admin->id),
            std::vector<std::string>{"arn:aws:iam::aws:policy/AditAdmin"});
  EXPECT_EQ(iam().ListAccessKeys(admin->id)->size(), 1U);
}

}  // namespace
}  // namespace relay
