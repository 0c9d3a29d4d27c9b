// Goal: whoever talks through `adit proxy` has a connection like any other: every byte, each
// direction's end by itself, and an honest word about how it ended. Method: the target is played by
// a FakeNode, our standard streams are connections of the simulated loop, whose faults delay and
// cut.

#include "client/proxy_stream.h"

#include <gtest/gtest.h>

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "engine/sim/sim_loop.h"
#include "tests/unit/client/fake_node.h"
#include "tests/unit/client/stream_peer.h"

namespace client {
namespace {

using engine::sim::Faults;
using engine::sim::SimLoop;
using Kind = ProxyEnd::Kind;

std::string Noise(size_t size) {
  engine::Random random(size);
  std::string bytes(size, '\0');
  for (char& byte : bytes) byte = static_cast<char>(random.Next());
  return bytes;
}

class ProxyStreamTest : public testing::Test, private ProxyStream::Events {
 protected:
  void Make(uint64_t seed, const Faults& faults = {}) {
    loop_ = std::make_unique<SimLoop>(seed, faults, 2048, 16 * 1024);
    const auto in = loop_->ConnectedPair();
    const auto out = loop_->ConnectedPair();
    ours_ = {in[0], out[0]};
    in_ = std::make_unique<StreamPeer>(*loop_, in[1]);
    out_ = std::make_unique<StreamPeer>(*loop_, out[1]);
    out_->Read();
    node_ = std::make_unique<FakeNode>(*loop_);
  }
  void Open() {
    proxy_ = std::make_unique<ProxyStream>(*loop_, node_->client(), ours_[0], ours_[1],
                                           static_cast<ProxyStream::Events&>(*this));
    ASSERT_TRUE(proxy_->Open(engine::AsBytes(R"({"type":"tcp","host":"localhost","port":22})")));
    Run([this] { return node_->stream_count() == 1 || end_.has_value(); });
  }
  FakeStream& target() { return node_->stream(0); }

  void TearDown() override {
    if (loop_ == nullptr) return;
    if (proxy_ != nullptr) {
      proxy_->Stop();
      EXPECT_TRUE(Run([this] { return proxy_->joined(); }));
    }
    for (StreamPeer* peer : {in_.get(), out_.get()}) peer->Close();
    engine::CloseOp close_in(engine::Handler<engine::Closed>::To<&ProxyStreamTest::OnClosed>(this));
    engine::CloseOp close_out(
        engine::Handler<engine::Closed>::To<&ProxyStreamTest::OnClosed>(this));
    loop_->Close(close_in, ours_[0]);
    loop_->Close(close_out, ours_[1]);
    EXPECT_TRUE(Run([this] { return loop_->in_flight_count() == 0; }));
    proxy_.reset();
    node_.reset();
    EXPECT_EQ(loop_->buffers().free_count(), loop_->buffers().block_count());
    in_.reset();
    out_.reset();
    loop_.reset();
    end_.reset();
    output_finished_ = false;
  }

  template <class Done>
  bool Run(Done done) {
    for (int idle = 0; idle < 2000; ++idle) {
      if (done()) return true;
      loop_->RunOnce(std::chrono::milliseconds(1));
      if (node_ != nullptr && node_->Exchange()) idle = 0;
    }
    return done();
  }

  void OnOutputFinished() override {
    EXPECT_FALSE(output_finished_);
    output_finished_ = true;
    EXPECT_FALSE(end_.has_value()) << "the reader hears of the end first";
    loop_->Shutdown(ours_[1], engine::ShutdownSide::kSend);
  }
  void OnProxyEnded(const ProxyEnd& end) override {
    EXPECT_FALSE(end_.has_value());
    end_ = end;
  }
  void OnClosed(engine::Closed) {}

  std::unique_ptr<SimLoop> loop_;
  std::array<engine::Socket, 2> ours_;
  std::unique_ptr<StreamPeer> in_, out_;
  std::unique_ptr<FakeNode> node_;
  std::unique_ptr<ProxyStream> proxy_;
  std::optional<ProxyEnd> end_;
  bool output_finished_ = false;
};

TEST_F(ProxyStreamTest, BytesOfAllKindsPassBothWaysOnEverySeed) {
  for (uint64_t seed = 1; seed <= 12; ++seed) {
    SCOPED_TRACE(seed);
    Faults faults = Faults::SwarmThatLasts(seed);
    Make(seed, faults);
    Open();
    const std::string there = Noise(300'001), back = Noise(200'003);
    in_->Type(there);
    target().Say(back);
    EXPECT_TRUE(Run([&] {
      return target().received.size() == there.size() && out_->read.size() == back.size();
    }));
    EXPECT_TRUE(target().received == there);
    EXPECT_TRUE(out_->read == back);
    EXPECT_FALSE(end_.has_value());
    TearDown();
  }
}

TEST_F(ProxyStreamTest, AfterTheEndOfOurInputTheAnswerStillComes) {
  Make(1);
  Open();
  in_->Type("question");
  Run([this] { return in_->sent(); });
  in_->Finish();
  ASSERT_TRUE(Run([this] { return target().finished; }));
  EXPECT_EQ(target().received, "question");
  EXPECT_FALSE(end_.has_value());
  target().Say("answer");
  ASSERT_TRUE(Run([this] { return out_->read == "answer"; }));
  EXPECT_FALSE(output_finished_);
  target().mux.Finish(target().id);
  ASSERT_TRUE(Run([this] { return end_.has_value(); }));
  EXPECT_EQ(end_->kind, Kind::kOrderly);
  EXPECT_TRUE(Run([this] { return out_->ended; }));
}

TEST_F(ProxyStreamTest, AfterTheEndOfTheAnswerWeMaySendOn) {
  Make(2);
  Open();
  target().Say("bye");
  target().mux.Finish(target().id);
  ASSERT_TRUE(Run([this] { return out_->ended; }));
  EXPECT_EQ(out_->read, "bye");
  EXPECT_FALSE(end_.has_value());
  in_->Type("one more thing");
  ASSERT_TRUE(Run([this] { return target().received == "one more thing"; }));
  in_->Finish();
  ASSERT_TRUE(Run([this] { return end_.has_value(); }));
  EXPECT_EQ(end_->kind, Kind::kOrderly);
}

TEST_F(ProxyStreamTest, ARefusalIsToldBeforeAnyByte) {
  Make(3);
  node_->reject = engine::CloseCode::kConnectionRefused;
  Open();
  ASSERT_TRUE(Run([this] { return end_.has_value(); }));
  EXPECT_EQ(end_->kind, Kind::kRefused);
  EXPECT_EQ(end_->code, engine::CloseCode::kConnectionRefused);
  EXPECT_FALSE(output_finished_);
}

TEST_F(ProxyStreamTest, AResetAndALostLinkAreNoOrderlyEnd) {
  for (const bool by_link : {false, true}) {
    Make(4);
    Open();
    if (by_link) {
      node_->Disconnect();
    } else {
      target().mux.Reset(target().id, engine::CloseCode::kConnectionReset, "");
    }
    ASSERT_TRUE(Run([this] { return end_.has_value(); }));
    EXPECT_EQ(end_->kind, Kind::kReset);
    EXPECT_FALSE(output_finished_);
    TearDown();
  }
}

TEST_F(ProxyStreamTest, WhenNobodyReadsTheTargetIsReset) {
  Make(5);
  Open();
  out_->Close(engine::CloseMode::kReset);
  Run([] { return false; });
  target().Say(Noise(100'000));
  ASSERT_TRUE(Run([this] { return end_.has_value(); }));
  EXPECT_EQ(end_->kind, Kind::kOutputClosed);
  EXPECT_TRUE(Run([this] { return target().closed; }));
}

TEST_F(ProxyStreamTest, AnInputThatBreaksIsNotTakenForItsEnd) {
  Make(6);
  Open();
  in_->Close(engine::CloseMode::kReset);
  ASSERT_TRUE(Run([this] { return end_.has_value(); }));
  EXPECT_EQ(end_->kind, Kind::kInputBroken);
  EXPECT_TRUE(Run([this] { return target().closed; }));
  EXPECT_FALSE(target().finished);
}

TEST_F(ProxyStreamTest, ATargetThatDoesNotReadStopsOurInput) {
  Make(7);
  node_->consumes = false;
  Open();
  in_->Type(Noise(4'000'000));
  Run([] { return false; });
  EXPECT_FALSE(in_->sent());
  EXPECT_GT(loop_->buffers().free_count(), loop_->buffers().block_count() - 64);
}

}  // namespace
}  // namespace client
