// Goal: names are asked for no more often than there is something to win, and nobody waits for dead
// name servers who has given up.
// Method: getaddrinfo is this program's own, and answers what a test says, when it says so.

#include "engine/net/resolver.h"

#include <gtest/gtest.h>
#include <netdb.h>

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "engine/net/loop_driver.h"
#include "engine/sim/sim_loop.h"

namespace {

// NameServers stands for what getaddrinfo asks. It is never destroyed: a look-up may be left
// behind.
struct NameServers {
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<int> flags;  // Of each call.
  int code = EAI_NONAME;
  bool is_dead = false;  // They answer when this ends.
  bool gave_up = false;  // It did not end.
  int finished = 0;
};
NameServers& Servers() {
  static NameServers& servers = *new NameServers;
  return servers;
}

}  // namespace

extern "C" int getaddrinfo(const char*, const char*, const addrinfo* hints, addrinfo**) {
  NameServers& servers = Servers();
  std::unique_lock lock(servers.mutex);
  servers.flags.push_back(hints->ai_flags);
  servers.changed.notify_all();
  // Bounded, so that whoever waits for it fails instead of hanging.
  servers.gave_up |=
      !servers.changed.wait_for(lock, std::chrono::seconds(20), [&] { return !servers.is_dead; });
  ++servers.finished;
  servers.changed.notify_all();
  return servers.code;
}

namespace engine {
namespace {

class ResolverTest : public testing::Test {
 protected:
  ResolverTest() {
    const std::lock_guard lock(Servers().mutex);
    Servers().flags.clear();
    Servers().code = EAI_NONAME;
    Servers().gave_up = false;
    Servers().finished = 0;
  }

  struct Asker {
    void OnResolved(Resolved outcome) { answers.push_back(outcome); }
    ResolveOp op{Handler<Resolved>::To<&Asker::OnResolved>(this)};
    std::vector<Resolved> answers;
  };

  Resolved Ask(int code) {
    {
      const std::lock_guard lock(Servers().mutex);
      Servers().code = code;
    }
    Asker asker;
    resolver_->Resolve(asker.op, "relay.test", 443);
    {
      std::unique_lock lock(Servers().mutex);
      Servers().changed.wait(lock, [] { return Servers().finished > 0; });
    }
    while (asker.answers.empty()) resolver_->Deliver();
    return asker.answers.front();
  }
  static std::vector<int> Flags() {
    const std::lock_guard lock(Servers().mutex);
    return Servers().flags;
  }

  sim::SimLoop loop_{1, sim::Faults{}, 4, 64};
  std::unique_ptr<Resolver> resolver_ = std::make_unique<Resolver>(loop_);
};

TEST_F(ResolverTest, ANameThatIsNotThereIsAskedForAgainWithoutRegardForOwnAddresses) {
  EXPECT_EQ(Ask(EAI_NONAME).error, ResolveError::kNotFound);
  ASSERT_EQ(Flags().size(), 2u);
  EXPECT_NE(Flags()[0] & AI_ADDRCONFIG, 0);
  EXPECT_EQ(Flags()[1] & AI_ADDRCONFIG, 0);
}

TEST_F(ResolverTest, NameServersThatDoNotAnswerAreNotAskedAgain) {
  EXPECT_EQ(Ask(EAI_AGAIN).error, ResolveError::kTemporary);
  EXPECT_EQ(Flags().size(), 1u);
}

TEST_F(ResolverTest, WhatHasShownItsCertificateIsRemembered) {
  Address address;
  ASSERT_TRUE(Address::Parse("192.0.2.1", 443, address));
  EXPECT_FALSE(resolver_->Recall("relay.test", 443).has_value());
  resolver_->Remember("relay.test", 443, address);
  EXPECT_EQ(resolver_->Recall("relay.test", 443), address);
  EXPECT_FALSE(resolver_->Recall("relay.test", 444).has_value());
  EXPECT_TRUE(resolver_->Trusts("relay.test", 443));
  resolver_->Doubt("relay.test", 443);
  EXPECT_FALSE(resolver_->Trusts("relay.test", 443));
  EXPECT_EQ(resolver_->Recall("relay.test", 443), address) << "better than nothing";
  resolver_->Remember("192.0.2.1", 443, address);
  EXPECT_FALSE(resolver_->Recall("192.0.2.1", 443).has_value()) << "nobody has to be asked for it";
  for (size_t i = 1; i < Resolver::kRememberedMax; ++i) {
    resolver_->Remember("other" + std::to_string(i), 443, address);
  }
  resolver_->Remember("relay.test", 443, address);  // Used again.
  EXPECT_TRUE(resolver_->Trusts("relay.test", 443));
  resolver_->Remember("one.more", 443, address);
  EXPECT_TRUE(resolver_->Recall("relay.test", 443).has_value());
  EXPECT_FALSE(resolver_->Recall("other1", 443).has_value())
      << "the one that was used least lately";
}

TEST_F(ResolverTest, OneLookUpAnswersAllWhoAskForTheSameAndTheQueueIsBounded) {
  NameServers& servers = Servers();
  servers.code = EAI_AGAIN;
  servers.is_dead = true;
  std::vector<std::unique_ptr<Asker>> askers;
  const auto ask = [&](const char* name) {
    askers.push_back(std::make_unique<Asker>());
    resolver_->Resolve(askers.back()->op, name, 443);
  };
  for (size_t i = 0; i < Resolver::kThreads; ++i) {  // The threads are in a look-up from here on.
    ask("relay.test");
    std::unique_lock lock(servers.mutex);
    servers.changed.wait(lock, [&] { return servers.flags.size() == i + 1; });
  }
  for (size_t i = 0; i < Resolver::kQueueMax; ++i) ask(i % 2 == 0 ? "relay.test" : "other.test");
  ask("relay.test");
  resolver_->Deliver();
  ASSERT_EQ(askers.back()->answers.size(), 1u);
  EXPECT_EQ(askers.back()->answers[0].error, ResolveError::kBusy);

  {
    const std::lock_guard lock(servers.mutex);
    servers.is_dead = false;
    servers.changed.notify_all();
  }
  for (const auto& asker : askers) {
    while (asker->answers.empty()) resolver_->Deliver();
    if (asker == askers.back()) continue;
    EXPECT_EQ(asker->answers[0].error, ResolveError::kTemporary);
  }
  EXPECT_LE(Flags().size(), 2 * Resolver::kThreads);
}

TEST_F(ResolverTest, TheMachineItselfIsFoundWithoutALookUp) {
  Asker asker;
  resolver_->Resolve(asker.op, "localhost", 22);
  EXPECT_TRUE(resolver_->has_answers());
  resolver_->Deliver();
  ASSERT_EQ(asker.answers.size(), 1u);
  EXPECT_EQ(asker.answers[0].error, ResolveError::kNone);
  ASSERT_EQ(asker.answers[0].addresses.size(), 2u);
  EXPECT_EQ(asker.answers[0].addresses[0].ToText(), "127.0.0.1:22");
  EXPECT_EQ(asker.answers[0].addresses[1].ToText(), "[::1]:22");
  EXPECT_TRUE(Flags().empty());
}

TEST_F(ResolverTest, ADriverDoesNotWaitWhileThereIsAnAnswer) {
  LoopDriver driver(std::make_unique<sim::SimLoop>(1, sim::Faults{}, 4, 64));
  const Instant begin = driver.loop().Now();
  Asker asker;
  driver.resolver().Resolve(asker.op, "127.0.0.1", 22);
  driver.RunOnce(std::chrono::hours(1));
  EXPECT_EQ(asker.answers.size(), 1u);
  EXPECT_LT(driver.loop().Now() - begin, std::chrono::seconds(1));
}

TEST_F(ResolverTest, NobodyWaitsForALookUpThatHeHasGivenUp) {
  NameServers& servers = Servers();
  servers.is_dead = true;
  Asker asker;
  resolver_->Resolve(asker.op, "relay.test", 443);
  {
    std::unique_lock lock(servers.mutex);
    servers.changed.wait(lock, [&] { return !servers.flags.empty(); });
  }
  resolver_->Cancel(asker.op);
  resolver_->Deliver();
  ASSERT_EQ(asker.answers.size(), 1u);
  EXPECT_EQ(asker.answers[0].error, ResolveError::kCanceled);
  resolver_.reset();

  std::unique_lock lock(servers.mutex);
  EXPECT_FALSE(servers.gave_up);
  EXPECT_EQ(servers.finished, 0);
  servers.is_dead = false;
  servers.changed.notify_all();
  // The thread finds no loop to wake. Both questions of one look-up are answered first.
  servers.changed.wait(lock, [&] { return servers.finished == 2; });
}

}  // namespace
}  // namespace engine
