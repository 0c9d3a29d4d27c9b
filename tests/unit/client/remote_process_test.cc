// Goal: a remote program's streams, end and signals arrive here as ssh would have it, however slow
// or broken our own side is. Method: the program is played by a FakeNode, our standard streams are
// connections of the simulated loop, whose faults delay, cut and break them.

#include "client/remote_process.h"

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "engine/sim/sim_loop.h"
#include "tests/unit/client/fake_node.h"
#include "tests/unit/client/stream_peer.h"

namespace client {
namespace {

using engine::sim::Faults;
using engine::sim::SimLoop;

class RemoteProcessTest : public testing::Test, private RemoteProcess::Events {
 protected:
  void Make(uint64_t seed, const Faults& faults = {},
            InputPump::Escapes escapes = InputPump::Escapes::kOff) {
    loop_ = std::make_unique<SimLoop>(seed, faults, 2048, 16 * 1024);
    const auto in = loop_->ConnectedPair();
    const auto out = loop_->ConnectedPair();
    const auto error = loop_->ConnectedPair();
    ours_ = {.in = in[0], .out = out[0], .error = error[0]};
    in_ = std::make_unique<StreamPeer>(*loop_, in[1]);
    out_ = std::make_unique<StreamPeer>(*loop_, out[1]);
    error_ = std::make_unique<StreamPeer>(*loop_, error[1]);
    out_->Read();
    error_->Read();
    node_ = std::make_unique<FakeNode>(*loop_);
    process_ = std::make_unique<RemoteProcess>(*loop_, node_->client(), ours_, escapes,
                                               static_cast<RemoteProcess::Events&>(*this));
    engine::ExecRequest request;
    request.arguments = {"cat"};
    ASSERT_TRUE(process_->Open(request));
    Run([] { return false; });
  }

  void TearDown() override {
    if (loop_ == nullptr) return;
    process_->Stop();
    Run([this] { return process_->joined(); });
    EXPECT_TRUE(process_->joined());
    for (StreamPeer* peer : {in_.get(), out_.get(), error_.get()}) peer->Close();
    std::vector<std::unique_ptr<engine::CloseOp>> closes;
    for (const engine::Socket socket : {ours_.in, ours_.out, ours_.error}) {
      closes.push_back(std::make_unique<engine::CloseOp>(
          engine::Handler<engine::Closed>::To<&RemoteProcessTest::OnSocketClosed>(this)));
      loop_->Close(*closes.back(), socket);
    }
    Run([this] { return loop_->in_flight_count() == 0; });
    process_.reset();
    node_.reset();
    EXPECT_EQ(loop_->buffers().free_count(), loop_->buffers().block_count());
    closes.clear();
    in_.reset();
    out_.reset();
    error_.reset();
    loop_.reset();
  }

  // Run runs until `done`, or until nothing has happened for a while.
  template <class Done>
  void Run(Done done, int idle_max = 300) {
    for (int idle = 0; idle < idle_max && !done(); ++idle) {
      loop_->RunOnce(std::chrono::milliseconds(1));
      if (node_ != nullptr && node_->Exchange()) idle = 0;
    }
  }

  FakeStream& stream() { return node_->stream(0); }

  void OnProcessEnded(const ProcessEnd& end) override {
    EXPECT_FALSE(end_.has_value()) << "told once";
    end_ = end;
  }
  void OnProcessEscape(Escape escape) override { escapes_.push_back(escape); }
  void OnSocketClosed(engine::Closed) {}

  std::unique_ptr<SimLoop> loop_;
  StandardStreams ours_;
  std::unique_ptr<StreamPeer> in_, out_, error_;
  std::unique_ptr<FakeNode> node_;
  std::unique_ptr<RemoteProcess> process_;
  std::optional<ProcessEnd> end_;
  std::vector<Escape> escapes_;
};

std::string Noise(size_t size) {
  engine::Random random(size);
  std::string bytes(size, '\0');
  for (char& byte : bytes) byte = static_cast<char>(random.Next());
  return bytes;
}

TEST_F(RemoteProcessTest, StdoutAndStderrArriveApartAndTheStatusLast) {
  Make(1);
  stream().Say("out");
  stream().Say("err", engine::Channel::kStderr);
  stream().Exit({.status = 7, .signal = ""});
  Run([this] { return end_.has_value(); });
  ASSERT_TRUE(end_.has_value());
  EXPECT_EQ(end_->kind, ProcessEnd::Kind::kExited);
  EXPECT_EQ(end_->exit.status, 7);
  Run([this] { return false; }, 50);
  EXPECT_EQ(out_->read, "out");
  EXPECT_EQ(error_->read, "err");
}

TEST_F(RemoteProcessTest, AMegabyteThereAndBackIsUnchangedOnEverySeed) {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE(seed);
    Faults faults = Faults::Swarm(seed);
    faults.reset = 0;
    Make(seed, faults);
    const std::string noise = Noise(1'000'000 + seed);
    stream().echoes = true;
    in_->Type(noise);
    Run([&] { return in_->sent() && out_->read.size() == noise.size(); }, 3000);
    in_->Finish();
    Run([&] { return stream().finished; }, 3000);
    EXPECT_TRUE(stream().finished);
    EXPECT_TRUE(stream().received == noise);
    EXPECT_TRUE(out_->read == noise);
    TearDown();
    end_.reset();
  }
}

TEST_F(RemoteProcessTest, EndOfInputIsToldAtOnceAndOutputGoesOn) {
  Make(2);
  in_->Finish();
  Run([this] { return stream().finished; });
  EXPECT_TRUE(stream().finished);
  EXPECT_FALSE(end_.has_value());
  stream().Say("late");
  stream().Exit({.status = 0, .signal = "TERM"});
  Run([this] { return end_.has_value(); });
  ASSERT_TRUE(end_.has_value());
  EXPECT_EQ(end_->exit.signal, "TERM");
  Run([this] { return out_->read == "late"; }, 50);
  EXPECT_EQ(out_->read, "late");
}

TEST_F(RemoteProcessTest, ASlowReaderOfStdoutGetsEveryByteBeforeTheEnd) {
  Make(3);
  out_->read_max = 1000;
  const std::string noise = Noise(3'000'000);
  stream().Say(noise);
  Run([] { return false; }, 500);
  EXPECT_FALSE(end_.has_value());
  EXPECT_LT(out_->read.size(), noise.size()) << "credit holds the rest at the node";
  out_->read_max = SIZE_MAX;
  out_->Read();
  Run([&] { return out_->read.size() == noise.size(); }, 3000);
  stream().Exit({});
  Run([this] { return end_.has_value(); });
  EXPECT_TRUE(end_.has_value());
  EXPECT_TRUE(out_->read == noise);
}

TEST_F(RemoteProcessTest, AClosedStdoutResetsTheProgram) {
  Make(4);
  out_->Close(engine::CloseMode::kReset);
  Run([this] { return out_->idle(); });
  stream().Say(Noise(100'000));
  Run([this] { return end_.has_value() && stream().closed; });
  ASSERT_TRUE(end_.has_value());
  EXPECT_EQ(end_->kind, ProcessEnd::Kind::kOutputClosed);
  EXPECT_TRUE(stream().closed);
  EXPECT_EQ(stream().close_code, engine::CloseCode::kConnectionReset);
}

TEST_F(RemoteProcessTest, AClosedStderrDoesNotStopTheProgram) {
  Make(5);
  error_->Close(engine::CloseMode::kReset);
  Run([this] { return error_->idle(); });
  for (int i = 0; i < 100; ++i) {
    stream().Say(std::string(16'000, 'e'), engine::Channel::kStderr);
    Run([] { return false; }, 20);
  }
  stream().Say("still here");
  stream().Exit({.status = 3, .signal = ""});
  Run([this] { return end_.has_value(); });
  ASSERT_TRUE(end_.has_value());
  EXPECT_EQ(end_->kind, ProcessEnd::Kind::kExited);
  Run([this] { return out_->read == "still here"; }, 50);
  EXPECT_EQ(out_->read, "still here");
}

TEST_F(RemoteProcessTest, AResetAndALostLinkAreEndsWithAReason) {
  Make(6);
  stream().mux.Reset(stream().id, engine::CloseCode::kSessionEnded, "by alice");
  Run([this] { return end_.has_value(); });
  ASSERT_TRUE(end_.has_value());
  EXPECT_EQ(end_->kind, ProcessEnd::Kind::kReset);
  EXPECT_EQ(end_->code, engine::CloseCode::kSessionEnded);
  EXPECT_EQ(end_->text, "by alice");
}

TEST_F(RemoteProcessTest, ALostLinkEndsTheProgramAfterItsOutput) {
  Make(7);
  stream().Say("last words");
  node_->Exchange();
  node_->Disconnect();
  Run([this] { return end_.has_value(); });
  ASSERT_TRUE(end_.has_value());
  EXPECT_EQ(end_->kind, ProcessEnd::Kind::kReset);
  Run([] { return false; }, 50);
  EXPECT_EQ(out_->read, "last words");
}

TEST_F(RemoteProcessTest, SizesAndSignalsGoToTheProgram) {
  Make(8);
  process_->Resize({.columns = 132, .rows = 50});
  process_->SendSignal("INT");
  Run([this] { return stream().controls.size() == 2; });
  ASSERT_EQ(stream().controls.size(), 2u);
  engine::ControlMessage message;
  ASSERT_TRUE(engine::Decode(stream().controls[0], message));
  EXPECT_EQ(std::get<engine::Resize>(message).size.columns, 132);
  ASSERT_TRUE(engine::Decode(stream().controls[1], message));
  EXPECT_EQ(std::get<engine::Signal>(message).name, "INT");
}

TEST_F(RemoteProcessTest, EscapesAreTakenOutOfWhatIsTyped) {
  Make(9, {}, InputPump::Escapes::kOn);
  in_->Type("ls\r~?~~x\r~#~y\r~.");
  Run([this] { return escapes_.size() == 3; });
  EXPECT_EQ(escapes_, (std::vector{Escape::kHelp, Escape::kStreams, Escape::kDisconnect}));
  Run([] { return false; }, 50);
  EXPECT_EQ(stream().received, "ls\r~x\r~y\r");
}

TEST_F(RemoteProcessTest, APasteOfAMegabyteWithEscapesOnIsUnchanged) {
  Make(10, {}, InputPump::Escapes::kOn);
  std::string noise = Noise(1'000'000);
  for (size_t i = 1; i < noise.size(); ++i) {
    if (noise[i] == '~') noise[i - 1] = 'x';  // Never at the start of a line.
  }
  noise[0] = 'x';
  in_->Type(noise);
  Run([&] { return stream().received.size() == noise.size(); }, 3000);
  EXPECT_TRUE(stream().received == noise);
  EXPECT_TRUE(escapes_.empty());
}

}  // namespace
}  // namespace client
