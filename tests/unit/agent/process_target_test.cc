// Goal: a command or shell on the far side of a stream behaves as it would on this side.
// Method: real programs and terminals on a real loop, the relay's end in the same process.

#include "agent/target/process_target.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <string>

#include "engine/base/random.h"
#include "tests/unit/agent/target_fixture.h"

namespace agent {
namespace {

using ::testing::HasSubstr;

class ProcessTargetTest : public TargetFixture {
 protected:
  PeerStream& Script(const std::string& text) { return Exec({"sh", "-c", text}); }
  PeerStream& TerminalScript(const std::string& text, engine::TerminalSize size = {}) {
    return Terminal({"sh", "-c", text}, size);
  }
  void RunToTheEnd(PeerStream& stream) {
    RunUntil([&] { return stream.finished || stream.over(); });
    if (!stream.over()) stream.Send("", true);
    RunUntil([&] { return stream.over(); });
  }
};

TEST_P(ProcessTargetTest, ExitStatusComesAfterAllOutput) {
  PeerStream& stream = Script("echo out; echo err >&2; exit 7");
  RunToTheEnd(stream);
  EXPECT_EQ(stream.output, "out\n");
  EXPECT_EQ(stream.error, "err\n");
  ASSERT_TRUE(stream.exit.has_value());
  EXPECT_EQ(stream.exit->status, 7);
  EXPECT_EQ(stream.exit->signal, "");
  EXPECT_EQ(stream.closed, engine::CloseCode::kNormal);
}

TEST_P(ProcessTargetTest, EndBySignalIsReportedByName) {
  PeerStream& stream = Script("kill -9 $$");
  RunToTheEnd(stream);
  ASSERT_TRUE(stream.exit.has_value());
  EXPECT_EQ(stream.exit->signal, "KILL");
}

TEST_P(ProcessTargetTest, SixteenMebibytesOfAnyBytesComeBackUnchanged) {
  std::string bytes(16 * 1024 * 1024, '\0');
  engine::Random random(7);
  for (char& byte : bytes) byte = static_cast<char>(random.Next() >> 56);
  PeerStream& stream = Exec({"cat"});
  RunUntil([&] { return stream.accepted; });
  stream.Send(bytes, true);
  RunToTheEnd(stream);
  EXPECT_TRUE(stream.output == bytes);
  ASSERT_TRUE(stream.exit.has_value());
  EXPECT_EQ(stream.exit->status, 0);
}

TEST_P(ProcessTargetTest, EndOfInputReachesTheProgram) {
  PeerStream& stream = Script("wc -c");
  RunUntil([&] { return stream.accepted; });
  stream.Send("12345", true);
  RunToTheEnd(stream);
  EXPECT_EQ(stream.output, "5\n");
}

TEST_P(ProcessTargetTest, InputThatIsThereBeforeTheProgramReachesIt) {
  TakeEarly();
  PeerStream& stream = Script("cat; exit 4");
  stream.Send(std::string(10'000, 'a'));
  Deliver();
  EXPECT_EQ(relay_->sent_bytes(), 10'000u);
  EXPECT_FALSE(stream.accepted);
  stream.Send(std::string(10'000, 'b'), true);
  RunToTheEnd(stream);
  EXPECT_TRUE(stream.output == std::string(10'000, 'a') + std::string(10'000, 'b'));
  ASSERT_TRUE(stream.exit.has_value());
  EXPECT_EQ(stream.exit->status, 4);
}

TEST_P(ProcessTargetTest, InputThatIsThereBeforeAProgramThatCannotStartIsDropped) {
  TakeEarly();
  const uint16_t blocks_before = pool().free_count();
  PeerStream& stream = Exec({"no-such-program-at-all"});
  stream.Send(std::string(30'000, 'a'), true);
  Deliver();
  RunUntil([&] { return stream.over() && targets_->count() == 0; });
  EXPECT_EQ(stream.rejected, engine::CloseCode::kCannotStart);
  EXPECT_EQ(pool().free_count(), blocks_before);
}

TEST_P(ProcessTargetTest, InputThatNobodyReadsIsDroppedAndDoesNotStopTheOutput) {
  PeerStream& stream = Script("exec 0<&-; echo ready; sleep 0.1; echo done");
  RunUntil([&] { return stream.accepted; });
  stream.Send(std::string(4 * 1024 * 1024, 'x'), true);
  RunToTheEnd(stream);
  EXPECT_THAT(stream.output, HasSubstr("done"));
}

TEST_P(ProcessTargetTest, ProgramThatCannotStartIsRejectedWithTheReason) {
  PeerStream& stream = Exec({"no-such-program"});
  RunUntil([&] { return stream.over() && targets_->count() == 0; });
  EXPECT_EQ(stream.rejected, engine::CloseCode::kCannotStart);
  EXPECT_THAT(stream.reason, HasSubstr("command not found"));
  EXPECT_FALSE(stream.accepted);
}

TEST_P(ProcessTargetTest, RootIsRefused) {
  engine::ShellRequest request;
  request.run_as = "root";
  PeerStream& stream = Open(request);
  RunUntil([&] { return stream.over(); });
  EXPECT_EQ(stream.rejected, engine::CloseCode::kDenied);
}

TEST_P(ProcessTargetTest, ReaderThatStopsHoldsBackThatProgramOnly) {
  PeerStream& slow = Exec({"cat", "/dev/zero"});
  slow.holding = true;
  RunUntil([&] { return slow.held_bytes >= 256 * 1024; });
  PeerStream& other = Script("head -c 3000000 /dev/zero");
  RunToTheEnd(other);
  EXPECT_EQ(other.output.size(), 3'000'000u);
  EXPECT_LE(slow.held_bytes, 256u * 1024u);
  slow.Release();
  RunUntil([&] { return slow.output.size() > 1024 * 1024; });
}

TEST_P(ProcessTargetTest, ProgramThatWritesByteByByteDoesNotPinABlockWithEachByte) {
  PeerStream& stream = Script("i=0; while [ $i -lt 20000 ]; do printf x; i=$((i+1)); done");
  RunUntil([&] { return stream.accepted; });
  stalled_ = true;
  RunUntil([&] { return children_->count() == 0; });  // All of it was read.
  EXPECT_GT(pool().free_count(), pool().block_count() / 2);
  stalled_ = false;
  RunToTheEnd(stream);
  EXPECT_EQ(stream.output, std::string(20'000, 'x'));
}

TEST_P(ProcessTargetTest, ResetHangsUpAndLeavesNothing) {
  PeerStream& stream = Script("echo $$; exec sleep 1000");
  RunUntil([&] { return stream.output.ends_with('\n'); });
  const pid_t pid = std::stoi(stream.output);
  relay_->Reset(stream.id, engine::CloseCode::kSessionEnded, "over");
  RunUntil([&] { return targets_->count() == 0; });
  EXPECT_EQ(::kill(pid, 0), -1);
  EXPECT_EQ(errno, ESRCH);
}

TEST_P(ProcessTargetTest, LostLinkHangsUpOnEveryProgram) {
  PeerStream& pipes = Script("echo ready; exec sleep 1000");
  PeerStream& terminal = TerminalScript("echo ready; exec sleep 1000");
  RunUntil([&] { return pipes.output.size() == 6 && terminal.output.size() == 7; });
  Script("exec sleep 1000");  // Not accepted yet when the link goes.
  Cut();
  RunUntil([&] { return targets_->count() == 0; });
  EXPECT_EQ(children_->count(), 0u);
}

TEST_P(ProcessTargetTest, SignalsReachACommand) {
  PeerStream& stream =
      Script("trap 'echo got it; exit 3' USR1; echo ready; while :; do sleep 0.05; done");
  RunUntil([&] { return stream.output == "ready\n"; });
  Send(stream, engine::Signal{"USR1"});
  RunToTheEnd(stream);
  EXPECT_THAT(stream.output, HasSubstr("got it"));
  EXPECT_EQ(stream.exit->status, 3);
}

TEST_P(ProcessTargetTest, SignalsReachTheForegroundOfATerminal) {
  PeerStream& stream = TerminalScript("trap : INT; set -m; echo ready; sleep 1000; echo after $?");
  RunUntil([&] { return stream.output.find("ready") != std::string::npos; });
  // The foreground job may not have the terminal yet: until then the shell gets the signal, which
  // it survives, since it waits for its job.
  RunUntil([&] {
    if (stream.finished || stream.output.find("after") != std::string::npos) return true;
    Send(stream, engine::Signal{"INT"});
    return false;
  });
  RunToTheEnd(stream);
  EXPECT_THAT(stream.output, HasSubstr("after 130"));
}

TEST_P(ProcessTargetTest, TerminalHasItsSizeFromTheStartAndIsResized) {
  PeerStream& stream =
      TerminalScript("trap 'stty size; exit 0' WINCH; stty size; while :; do sleep 0.05; done",
                     {.columns = 80, .rows = 24});
  RunUntil([&] { return stream.output == "24 80\r\n"; });
  Send(stream, engine::Resize{{.columns = 132, .rows = 50}});
  RunToTheEnd(stream);
  EXPECT_EQ(stream.output, "24 80\r\n50 132\r\n");
}

TEST_P(ProcessTargetTest, TerminalShowsEverythingBeforeTheExit) {
  PeerStream& stream = TerminalScript("seq 1 20000; exit 5");
  RunToTheEnd(stream);
  EXPECT_THAT(stream.output, HasSubstr("\r\n19999\r\n20000\r\n"));
  EXPECT_EQ(stream.exit->status, 5);
}

TEST_P(ProcessTargetTest, TerminalTakesAPasteAndTheEndOfInput) {
  std::string paste;
  for (int i = 0; i < 20'000; ++i) paste += "line " + std::to_string(i) + "\n";
  PeerStream& stream = TerminalScript("stty -echo; echo ready; cat | md5sum");
  RunUntil([&] { return stream.output.find("ready\r\n") != std::string::npos; });
  stream.output.clear();
  stream.Send(paste, true);
  RunToTheEnd(stream);
  PeerStream& local = Exec({"md5sum"});
  RunUntil([&] { return local.accepted; });
  local.Send(paste, true);
  RunToTheEnd(local);
  EXPECT_EQ(stream.output.substr(0, 32), local.output.substr(0, 32));
}

TEST_P(ProcessTargetTest, BackgroundJobDoesNotHoldATerminalsExit) {
  PeerStream& stream = TerminalScript("trap '' HUP; (sleep 30) & echo done");
  RunToTheEnd(stream);
  ASSERT_TRUE(stream.exit.has_value());
  EXPECT_EQ(stream.exit->status, 0);
  EXPECT_THAT(stream.output, HasSubstr("done"));
}

TEST_P(ProcessTargetTest, BackgroundJobThatKeepsThePipeHoldsACommandsExitAsWithSsh) {
  PeerStream& stream = Script("(sleep 0.3; echo late) & echo early; exit 4");
  RunToTheEnd(stream);
  EXPECT_EQ(stream.output, "early\nlate\n");
  EXPECT_EQ(stream.exit->status, 4);
}

TEST_P(ProcessTargetTest, ShellIsALoginShell) {
  engine::ShellRequest request;
  request.session_id = "s-42";
  request.run_as = ::geteuid() == 0 ? "sync" : "";
  request.terminal = "dumb";
  if (::geteuid() != 0) GTEST_SKIP() << "needs a user whose shell is known";
  PeerStream& stream = Open(request);  // The shell of `sync` is /bin/sync.
  RunToTheEnd(stream);
  ASSERT_TRUE(stream.exit.has_value());
  EXPECT_EQ(stream.exit->status, 0);
}

TEST_P(ProcessTargetTest, TwoHundredSessionsLeaveNoDescriptorAndNoChild) {
  RunToTheEnd(Script("true"));  // Whatever is opened once is open now.
  RunUntil([&] { return targets_->count() == 0; });
  const int before = OpenDescriptors();
  const uint16_t blocks_before = pool().free_count();
  for (int round = 0; round < 10; ++round) {
    std::vector<PeerStream*> streams;
    for (int i = 0; i < 20; ++i) {
      streams.push_back(i % 2 == 0 ? &Script("echo x; exec cat")
                                   : &TerminalScript("echo x; exec cat"));
    }
    RunUntil([&] {
      return std::all_of(streams.begin(), streams.end(),
                         [](PeerStream* stream) { return !stream->output.empty(); });
    });
    for (size_t i = 0; i < streams.size(); ++i) {
      if (i % 4 < 2) {
        streams[i]->Send("", true);
      } else {
        relay_->Reset(streams[i]->id, engine::CloseCode::kNormal);
      }
    }
    RunUntil([&] { return targets_->count() == 0; });
  }
  EXPECT_EQ(OpenDescriptors(), before);
  EXPECT_EQ(children_->count(), 0u);
  EXPECT_EQ(pool().free_count(), blocks_before);
}

TEST_P(ProcessTargetTest, TargetsBeyondTheMaximumAreRejected) {
  targets_ = std::make_unique<TargetTable>(*context_, std::make_shared<TargetQuota>(2));
  Exec({"sleep", "1000"});
  Exec({"sleep", "1000"});
  PeerStream& third = Exec({"true"});
  RunUntil([&] { return third.over(); });
  EXPECT_EQ(third.rejected, engine::CloseCode::kTooMany);
  EXPECT_FALSE(targets_->quota()->Take()) << "nor may another thread have one";
}

INSTANTIATE_TEST_SUITE_P(Io, ProcessTargetTest,
                         ::testing::Values(engine::LoopIo::kEpoll, engine::LoopIo::kUring),
                         [](const auto& info) {
                           return info.param == engine::LoopIo::kEpoll ? "Epoll" : "Uring";
                         });

}  // namespace
}  // namespace agent
