// Goal: a desk goes on with what the process before it left: sessions follow a clock that was set
// in between, if the machine was not started anew, and are watched by what they were allowed.
// Method: desks one after the other over one store, whose tasks run at once; the linker leads the
// clocks here (--wrap).

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "relay/access/access_case_text.h"
#include "relay/audit/chain_files.h"
#include "relay/control_desk.h"
#include "tests/support/iam_user.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/tls_credentials.h"
#include "tests/unit/broker/full_disk.h"

namespace {

constexpr int64_t kNow = 1'800'000'000'000;
int64_t unix_now = kNow;
int64_t passed = 0;

}  // namespace

extern "C" {

// engine::UnixNowMs and engine::PassedMs.
int64_t __wrap__ZN6engine9UnixNowMsEv() { return unix_now; }  // NOLINT: the linker's name.
int64_t __wrap__ZN6engine8PassedMsEv() { return passed; }     // NOLINT

}  // extern "C"

namespace relay {
namespace {

constexpr int64_t kDay = int64_t{24} * 3'600'000;
constexpr int64_t kYear = 365 * kDay;
constexpr char kNode[] = "mi-0123456789abcdef0";
constexpr char kRestarted[] = "The relay was restarted.";

// AtOnce runs each task where it is told.
class AtOnce final : public TaskLine {
 public:
  AtOnce(std::function<void()> tick, Batch batch)
      : tick_(std::move(tick)), batch_(std::move(batch)) {}

  bool Ask(std::function<void()> task) override {
    Tell(std::move(task));
    return true;
  }
  void Tell(std::function<void()> task) override {
    batch_.begin();
    task();
    batch_.end();
  }
  bool IsBehind() const override { return false; }
  void Tick() { Tell(tick_); }

 private:
  const std::function<void()> tick_;
  const Batch batch_;
};

// SilentLoop is there, and runs nothing.
class SilentLoop final : public LoopPort {
 public:
  bool Post(Task) override { return true; }
  bool Tell(Task) override { return true; }
};

class TakeOverTest : public testing::Test {
 protected:
  TakeOverTest()
      : audit_key_(engine::test::Must(OpenAuditKey(folder_ / "audit.key", folder_ / "audit"))) {
    unix_now = kNow;
    passed = 5'000;
    const auto store = OpenStore();
    for (const std::string user : {"alice", "bob"}) {
      AddAdministrator(*store, {.id = "AKIA" + user,
                                .user_name = user,
                                .principal = "arn:aws:iam::000000000000:user/" + user,
                                .secret = "s"});
    }
    EXPECT_TRUE(store->AddNode({.id = kNode, .name = "web"}).ok());
  }

  std::unique_ptr<SqliteStore> OpenStore() {
    return engine::test::Must(
        SqliteStore::Open({.path = folder_ / "adit.db"}, engine::crypto::MasterKey{}));
  }

  static std::string AllowedTo(const std::string& user) {
    AccessCase asked;
    asked.caller = {.access_key_id = "AKIA" + user,
                    .user_name = user,
                    .principal = "arn:aws:iam::000000000000:user/" + user,
                    .entity_id = "AIDA" + user};
    asked.asked_unix_ms = kNow;
    asked.question.action = "ssm:StartSession";
    return WriteAccessCase(asked);
  }

  // Leave is what a process before left in its store: a session that is joined, for a day.
  void Leave(const std::string& id, const std::string& access = AllowedTo("alice")) {
    const auto store = OpenStore();
    Session session;
    session.id = id;
    session.node_id = kNode;
    session.principal = "arn:aws:iam::000000000000:user/alice";
    session.started_unix_ms = kNow;
    session.duration_seconds_max = kDay / 1'000;
    session.carriage = Carriage::kSealed;
    session.access = access;
    ASSERT_TRUE(store->AddSession(session).ok());
    ASSERT_TRUE(store->SetSessionConnected(id).ok());
  }

  // Run is a process from its start to its end, with so many ticks, a second each.
  absl::Status Run(const std::string& boot_id, int64_t ticks = 0) {
    SilentLoop loop;
    auto store = OpenStore();
    auto outbox = engine::test::Must(
        AuditOutbox::Open(*store, {.directory = folder_ / "audit", .key = audit_key_}));
    AtOnce* line = nullptr;
    ControlDesk desk(
        std::move(store), std::move(outbox), authority_.issuer(), "relay.test:443", [] {},
        [&line](std::function<void()> tick, TaskLine::Batch batch) {
          auto made = std::make_unique<AtOnce>(std::move(tick), std::move(batch));
          line = made.get();
          return made;
        });
    absl::Status status = desk.Open({&loop}, boot_id);
    for (int64_t i = 0; i < ticks; ++i) {
      unix_now += 1'000;
      passed += 1'000;
      line->Tick();
    }
    return status;
  }

  // RunLater is the next process, one second later; in between the wall clock was set by so much.
  absl::Status RunLater(const std::string& boot_id, int64_t set_by_ms, int64_t ticks = 0) {
    unix_now += 1'000 + set_by_ms;
    passed += 1'000;
    return Run(boot_id, ticks);
  }

  Session Found(const std::string& id) { return engine::test::Must(OpenStore()->FindSession(id)); }
  void ExpectBegin(const std::string& boot_id, int64_t unix_ms) {
    const ClockBegin begin = engine::test::Must(OpenStore()->FindClockBegin());
    EXPECT_EQ(begin.boot_id, boot_id);
    EXPECT_EQ(begin.unix_ms, unix_ms);
  }

  TemporaryFolder folder_;
  const engine::test::TestAuthority authority_;
  engine::crypto::IdentityKey audit_key_;
};

TEST_F(TakeOverTest, OnTheSameBootASessionFollowsAClockThatWasSetWhileNoProcessRan) {
  ASSERT_TRUE(Run("boot-1").ok());
  ExpectBegin("boot-1", kNow - 5'000);
  Leave("alice-1");
  ASSERT_TRUE(RunLater("boot-1", kYear).ok());
  EXPECT_EQ(Found("alice-1").status, SessionStatus::kConnected) << Found("alice-1").details;
  EXPECT_EQ(Found("alice-1").started_unix_ms, kNow + kYear);
  ExpectBegin("boot-1", kNow + kYear - 5'000);
  ASSERT_TRUE(RunLater("boot-1", -kYear).ok());
  EXPECT_EQ(Found("alice-1").status, SessionStatus::kConnected);
  EXPECT_EQ(Found("alice-1").started_unix_ms, kNow);
  ExpectBegin("boot-1", kNow - 5'000);
}

TEST_F(TakeOverTest, TimeThatGoesByIsNoClockThatWasSet) {
  ASSERT_TRUE(Run("boot-1").ok());
  Leave("alice-1");
  passed += kDay - 2'000;
  unix_now += kDay - 2'000;
  ASSERT_TRUE(RunLater("boot-1", 0).ok());
  EXPECT_EQ(Found("alice-1").status, SessionStatus::kConnected);
  EXPECT_EQ(Found("alice-1").started_unix_ms, kNow);
  ASSERT_TRUE(RunLater("boot-1", 0).ok());
  EXPECT_EQ(Found("alice-1").status, SessionStatus::kTerminated) << "its day is over";
  EXPECT_EQ(Found("alice-1").details, kRestarted);
}

TEST_F(TakeOverTest, OnAnotherBootNobodyKnowsHowTheClockWasSetAndItIsTakenAsItIs) {
  const std::pair<std::string, std::string> kBoots[] = {{"boot-1", "boot-2"}, {"", ""}};
  for (const auto& [before, after] : kBoots) {
    SCOPED_TRACE(before);
    unix_now = kNow;
    ASSERT_TRUE(Run(before).ok());
    const std::string id = "alice-of-" + before;
    Leave(id);
    passed = 300;
    ASSERT_TRUE(RunLater(after, kDay / 2).ok());
    EXPECT_EQ(Found(id).status, SessionStatus::kConnected);
    EXPECT_EQ(Found(id).started_unix_ms, kNow);
    ExpectBegin(after, unix_now - passed);
    ASSERT_TRUE(RunLater("boot-3", kYear).ok());
    EXPECT_EQ(Found(id).details, kRestarted);
  }
}

TEST_F(TakeOverTest, AClockThatIsSetLaterIsFoundFromWhereItWasTakenOver) {
  ASSERT_TRUE(Run("boot-1").ok());
  Leave("alice-1");
  ASSERT_TRUE(RunLater("boot-1", kYear, /*ticks=*/3).ok());
  EXPECT_EQ(Found("alice-1").started_unix_ms, kNow + kYear) << "the step is not taken twice";
  EXPECT_EQ(Found("alice-1").status, SessionStatus::kConnected);
}

TEST_F(TakeOverTest, ASessionGoesOnOnlyByWhatItWasAllowedAndIsWatched) {
  Leave("alice-1");
  Leave("bob-1", AllowedTo("bob"));
  Leave("old-1", "of another release");
  Leave("link-1", "");
  ASSERT_TRUE(Run("boot-1").ok());
  EXPECT_EQ(Found("alice-1").status, SessionStatus::kConnected);
  EXPECT_EQ(Found("bob-1").status, SessionStatus::kConnected);
  for (const char* id : {"old-1", "link-1"}) {
    EXPECT_EQ(Found(id).status, SessionStatus::kTerminated) << id;
    EXPECT_EQ(Found(id).details, kRestarted) << id;
  }
  ASSERT_TRUE(OpenStore()->Iam().Detach("AIDAbob", "arn:aws:iam::aws:policy/AditAdmin").ok());
  ASSERT_TRUE(RunLater("boot-1", 0, /*ticks=*/3).ok());
  EXPECT_EQ(Found("alice-1").status, SessionStatus::kConnected);
  EXPECT_EQ(Found("bob-1").status, SessionStatus::kTerminated);
  EXPECT_NE(Found("bob-1").details, kRestarted) << "it is not allowed any more";
}

TEST_F(TakeOverTest, AStoreThatCannotBeWrittenIsAnErrorAndNothingIsForgotten) {
  ASSERT_TRUE(Run("boot-1").ok());
  Leave("alice-1");
  {
    const FullDisk full;
    EXPECT_FALSE(RunLater("boot-1", kYear).ok());
  }
  ExpectBegin("boot-1", kNow - 5'000);
  EXPECT_EQ(Found("alice-1").started_unix_ms, kNow);
  ASSERT_TRUE(RunLater("boot-1", 0).ok());
  EXPECT_EQ(Found("alice-1").started_unix_ms, kNow + kYear) << "it is found again";
}

}  // namespace
}  // namespace relay
