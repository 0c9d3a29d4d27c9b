// A client's link to a relay and a node of the test's own, honest or not, on a simulated network
// with faults by seed, and what its owner hears of it.

#pragma once

#include <gtest/gtest.h>

#include <cstring>
#include <memory>
#include <string>
#include <utility>

#include "client/session_link.h"
#include "engine/sim/sim_loop.h"
#include "tests/unit/client/fake_relay.h"

namespace client {

class SessionLinkTest : public testing::Test, private SessionLink::Events {
 protected:
  void Make(uint64_t seed = 1, const engine::sim::Faults& faults = {}) {
    driver_ = std::make_unique<engine::LoopDriver>(
        std::make_unique<engine::sim::SimLoop>(seed, faults, 512, 32768));
    relay_ = std::make_unique<FakeRelay>(*driver_);
  }
  void Dial(LinkTarget target) {
    link_ = std::make_unique<SessionLink>(*driver_, std::move(target), lanes_,
                                          static_cast<SessionLink::Events&>(*this));
    link_->Dial();
  }
  template <class Done>
  bool Run(Done done) {
    const engine::Instant begin = driver_->loop().Now();
    while (!done()) {
      if (driver_->loop().Now() - begin > std::chrono::minutes(3)) return false;
      driver_->RunOnce(std::chrono::milliseconds(50));
      relay_->Step();
      lanes_.Step();
    }
    return true;
  }
  void TearDown() override {
    if (driver_ == nullptr) return;
    if (link_ != nullptr && !ended_) link_->Abort();
    EXPECT_TRUE(Run([this] { return link_ == nullptr || ended_; }));
    link_.reset();
    EXPECT_TRUE(Run([this] { return relay_->Stop(); }));
    EXPECT_TRUE(Run([this] { return driver_->loop().in_flight_count() == 0; }));
    relay_.reset();
    EXPECT_EQ(driver_->loop().buffers().free_count(), driver_->loop().buffers().block_count());
    driver_.reset();
    end_ = {};
    echo_ = {};
    lanes_ = {};
    said_.clear();
    consumed_ = 0;
    ready_ = ended_ = false;
  }

  struct Echo final : engine::StreamEvents {
    void OnData(engine::Channel, engine::BufferRef payload) override {
      heard += engine::AsText(payload.bytes());
    }
    void OnFinished() override {}
    void OnClosed(engine::CloseCode, std::string_view) override { closed = true; }
    std::string heard;
    bool closed = false;
  };
  void OpenStream() {
    engine::TcpRequest request;
    request.host = "db";
    request.port = 5432;
    const std::string json = engine::EncodeOpen(request);
    id_ = link_->multiplexer().Open(engine::Priority::kBulk, engine::AsBytes(json), echo_);
    ASSERT_NE(id_, engine::kLinkStream);
  }
  // Talk sends a word to the node and waits for it to come back. TalkOn does so on the same stream.
  void Talk() {
    OpenStream();
    TalkOn("hello");
  }
  void Write(std::string_view word) {
    engine::BufferRef block = driver_->loop().buffers().Take();
    std::memcpy(block.bytes().data(), word.data(), word.size());
    EXPECT_EQ(link_->multiplexer().Write(id_, engine::Channel::kMain, block.Share(0, word.size())),
              word.size());
    said_ += word;
  }
  void TalkOn(std::string_view word) {
    Write(word);
    EXPECT_TRUE(Run([this] { return echo_.heard == said_; })) << echo_.heard;
    link_->multiplexer().Consume(id_, echo_.heard.size() - consumed_);
    consumed_ = echo_.heard.size();
  }
  // Of a link that resumes: the relay loses its connection, and it is asked for another one.
  void Lose(size_t connection) {
    relay_->Cut(connection);
    ASSERT_TRUE(Run([this] { return !lanes_.asked.empty(); }));
    EXPECT_TRUE(link_->multiplexer().suspended());
  }
  void MeetResuming() {
    Make();
    Dial(relay_->Resuming());
    ASSERT_TRUE(Run([this] { return ready_ && relay_->seen(0).hello_came; }));
    Talk();
  }
  // What must hold after a lie: the owner never had a link, and nobody heard its hello.
  void ExpectNothingTold() {
    EXPECT_FALSE(ready_);
    for (size_t i = 0; i < relay_->count(); ++i) {
      EXPECT_FALSE(relay_->seen(i).hello_came) << i;
      EXPECT_EQ(relay_->seen(i).stream_count, 0u) << i;
    }
  }

  void OnLinkReady(SessionLink&) override { ready_ = true; }
  void OnLinkEnded(SessionLink&, const LinkEnd& end) override {
    ended_ = true;
    end_ = end;
  }

  std::unique_ptr<engine::LoopDriver> driver_;
  std::unique_ptr<FakeRelay> relay_;
  FakeLanes lanes_;
  std::unique_ptr<SessionLink> link_;
  Echo echo_;
  engine::StreamId id_ = engine::kLinkStream;
  std::string said_;  // On that stream.
  size_t consumed_ = 0;
  bool ready_ = false;
  bool ended_ = false;
  LinkEnd end_;
};

}  // namespace client
