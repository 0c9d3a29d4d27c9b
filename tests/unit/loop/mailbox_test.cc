// Goal: every letter is delivered once, in order, or destroyed with the mailbox; a full mailbox
// says so and keeps nothing. Method: a simulated loop, whose Wake() shows in its virtual time.
// Threads are in the contract test.

#include "engine/loop/mailbox.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "engine/sim/sim_loop.h"

namespace engine {
namespace {

class MailboxTest : public testing::Test {
 protected:
  struct Owner {
    void OnNumber(int number) { seen.push_back(number); }
    void OnText(std::unique_ptr<std::string> text) { texts.push_back(std::move(*text)); }
    void OnSocket(Socket socket) { sockets.push_back(socket); }
    void OnPostAgain(Mailbox* mailbox) {
      seen.push_back(0);
      posted_again = mailbox->Post<&Owner::OnNumber>(this, 1);
    }
    std::vector<int> seen;
    std::vector<std::string> texts;
    std::vector<Socket> sockets;
    bool posted_again = false;
  };
  // True when the loop was woken: time then does not run to the end of the wait.
  bool Woken() {
    const Instant start = loop_.Now();
    loop_.RunOnce(std::chrono::hours(1));
    return loop_.Now() - start < std::chrono::minutes(1);
  }
  sim::SimLoop loop_{1, sim::Faults{}, 4, 64};
  Owner owner_;
};

TEST_F(MailboxTest, LettersAreDeliveredOnceInOrder) {
  Mailbox mailbox(loop_, 4);
  for (int round = 0; round < 5; ++round) {
    for (int i = 0; i < 3; ++i) {
      EXPECT_TRUE(mailbox.Post<&Owner::OnNumber>(&owner_, 3 * round + i));
    }
    EXPECT_EQ(mailbox.size(), 3u);
    EXPECT_EQ(mailbox.Deliver(), 3u);
    EXPECT_EQ(mailbox.Deliver(), 0u);
  }
  ASSERT_EQ(owner_.seen.size(), 15u);
  for (int i = 0; i < 15; ++i) EXPECT_EQ(owner_.seen[static_cast<size_t>(i)], i);
}

TEST_F(MailboxTest, PayloadsMoveInAndOut) {
  Mailbox mailbox(loop_, 4);
  EXPECT_TRUE(mailbox.Post<&Owner::OnText>(&owner_, std::make_unique<std::string>("hello")));
  EXPECT_TRUE(mailbox.Post<&Owner::OnSocket>(&owner_, Socket{7, SocketKind::kSocket}));
  mailbox.Deliver();
  EXPECT_EQ(owner_.texts, std::vector<std::string>{"hello"});
  EXPECT_EQ(owner_.sockets, (std::vector<Socket>{{7, SocketKind::kSocket}}));
}

TEST_F(MailboxTest, AFullMailboxLeavesThePayloadWithThePoster) {
  Mailbox mailbox(loop_, 1);
  auto first = std::make_unique<std::string>("first");
  auto second = std::make_unique<std::string>("second");
  EXPECT_TRUE(mailbox.Post<&Owner::OnText>(&owner_, std::move(first)));
  EXPECT_FALSE(mailbox.Post<&Owner::OnText>(&owner_, std::move(second)));
  ASSERT_NE(second, nullptr);
  EXPECT_EQ(*second, "second");
  mailbox.Deliver();
  EXPECT_TRUE(mailbox.Post<&Owner::OnText>(&owner_, std::move(second)));
  EXPECT_EQ(second, nullptr);
}

TEST_F(MailboxTest, UndeliveredPayloadsDieWithTheMailbox) {
  auto shared = std::make_shared<int>(1);
  struct Taker {
    void Take(std::shared_ptr<int>) {}
  } taker;
  {
    Mailbox mailbox(loop_, 4);
    EXPECT_TRUE(mailbox.Post<&Taker::Take>(&taker, shared));
    EXPECT_EQ(shared.use_count(), 2);
  }
  EXPECT_EQ(shared.use_count(), 1);
}

TEST_F(MailboxTest, AClosedMailboxTakesNothingMore) {
  Mailbox mailbox(loop_, 4);
  EXPECT_TRUE(mailbox.Post<&Owner::OnNumber>(&owner_, 1));
  mailbox.Close();
  EXPECT_FALSE(mailbox.Post<&Owner::OnNumber>(&owner_, 2));
  EXPECT_EQ(mailbox.Deliver(), 1u);
}

TEST_F(MailboxTest, PostingWakesTheLoopAlsoDuringADelivery) {
  Mailbox mailbox(loop_, 4);
  EXPECT_TRUE(mailbox.Post<&Owner::OnPostAgain>(&owner_, &mailbox));
  EXPECT_TRUE(Woken());
  EXPECT_EQ(mailbox.Deliver(), 1u);  // The letter posted meanwhile waits for the next time.
  EXPECT_TRUE(owner_.posted_again);
  EXPECT_TRUE(Woken());
  EXPECT_EQ(mailbox.Deliver(), 1u);
  EXPECT_EQ(owner_.seen, (std::vector<int>{0, 1}));
  EXPECT_FALSE(Woken());
}

}  // namespace
}  // namespace engine
