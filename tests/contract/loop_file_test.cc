// Goal: pipes, terminals, regular files and /dev/null work through the loop, in both blocking
// modes, and the loop never waits inside a call nor changes the mode of a descriptor. Method: real
// descriptors on the backends of real kernels. A timer that goes on firing shows that the loop is
// not standing still.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <termios.h>
#include <unistd.h>

#include <cstdlib>
#include <string>

#include "tests/contract/loop_fixture.h"

namespace engine {
namespace {

using std::chrono::milliseconds;

class LoopFile : public LoopFixture {
 protected:
  struct Ends {
    Socket read;
    Socket write;
  };
  // Pipe returns both ends; a flag of O_NONBLOCK counts for both.
  Ends Pipe(int flags) {
    int descriptors[2];
    EXPECT_EQ(::pipe2(descriptors, O_CLOEXEC | flags), 0);
    const Ends ends{loop_->Adopt(descriptors[0]), loop_->Adopt(descriptors[1])};
    EXPECT_EQ(ends.read.kind, SocketKind::kFile);
    open_.push_back(ends.read);
    open_.push_back(ends.write);
    return ends;
  }
  // Terminal returns the master, adopted, and the other side's descriptor, which is raw.
  std::pair<Socket, int> Terminal(int flags) {
    const int master = ::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | flags);
    EXPECT_GE(master, 0);
    EXPECT_EQ(::grantpt(master), 0);
    EXPECT_EQ(::unlockpt(master), 0);
    const int slave = ::open(::ptsname(master), O_RDWR | O_NOCTTY | O_CLOEXEC);
    EXPECT_GE(slave, 0);
    termios raw{};
    EXPECT_EQ(::tcgetattr(slave, &raw), 0);
    ::cfmakeraw(&raw);
    EXPECT_EQ(::tcsetattr(slave, TCSANOW, &raw), 0);
    const Socket socket = loop_->Adopt(master);
    EXPECT_EQ(socket.kind, SocketKind::kFile);
    open_.push_back(socket);
    return {socket, slave};
  }
  static int Flags(Socket socket) { return ::fcntl(static_cast<int>(socket.handle), F_GETFL); }
  static constexpr int kModes[] = {0, O_NONBLOCK};
};
INSTANTIATE_TEST_SUITE_P(Backends, LoopFile, testing::ValuesIn(RealBackends()), BackendName);

TEST_P(LoopFile, APipeCarriesBytesAndItsEndInBothModes) {
  for (const int mode : kModes) {
    const auto [read, write] = Pipe(mode);
    const int before = Flags(read);
    const std::string bytes = Pattern(500'000);
    Receiver receiver(inside_);
    Sender sender(inside_);
    loop_->Receive(receiver.op, read, ReceiveMode::kRepeat);
    Send(sender, write, bytes);
    ASSERT_TRUE(
        RunUntil([&] { return sender.finals == 1 && receiver.bytes.size() == bytes.size(); }));
    EXPECT_EQ(sender.size, bytes.size());
    EXPECT_TRUE(receiver.bytes == bytes);
    EXPECT_EQ(receiver.finals, 0);
    Close(write);
    ASSERT_TRUE(RunUntil([&] { return receiver.finals == 1; }));
    EXPECT_EQ(receiver.error, IoError::kEndOfStream);
    EXPECT_EQ(Flags(read), before);
  }
}

TEST_P(LoopFile, AFullPipeHoldsUpItsSendAndNothingElse) {
  for (const int mode : kModes) {
    const auto [read, write] = Pipe(mode);
    const std::string bytes = Pattern(300'000);
    Sender sender(inside_);
    Send(sender, write, bytes);
    Timer timer(inside_);
    loop_->StartTimer(timer.op, loop_->Now() + milliseconds(20));
    ASSERT_TRUE(RunUntil([&] { return timer.finals == 1; }));
    Settle();
    EXPECT_EQ(sender.finals, 0);
    loop_->Cancel(sender.op);
    ASSERT_TRUE(RunUntil([&] { return sender.finals == 1; }));
    EXPECT_EQ(sender.error, IoError::kCanceled);
    EXPECT_GT(sender.size, 0u);

    // What was accepted is in the pipe.
    Receiver receiver(inside_);
    loop_->Receive(receiver.op, read, ReceiveMode::kRepeat);
    ASSERT_TRUE(RunUntil([&] { return receiver.bytes.size() == sender.size; }));
    EXPECT_TRUE(receiver.bytes == bytes.substr(0, sender.size));
    loop_->Cancel(receiver.op);
    ASSERT_TRUE(RunUntil([&] { return receiver.finals == 1; }));
  }
}

TEST_P(LoopFile, ReceiveOnceOfAPipeTakesOneBlock) {
  for (const int mode : kModes) {
    const auto [read, write] = Pipe(mode);
    const std::string bytes = Pattern(kBlockSize + 10);
    Sender sender(inside_);
    Send(sender, write, bytes);
    ASSERT_TRUE(RunUntil([&] { return sender.finals == 1; }));
    Receiver receiver(inside_);
    loop_->Receive(receiver.op, read, ReceiveMode::kOnce);
    ASSERT_TRUE(RunUntil([&] { return receiver.finals == 1; }));
    EXPECT_EQ(receiver.bytes.size(), kBlockSize);
    loop_->Receive(receiver.op, read, ReceiveMode::kOnce);
    ASSERT_TRUE(RunUntil([&] { return receiver.finals == 2; }));
    EXPECT_EQ(receiver.bytes, bytes);
  }
}

TEST_P(LoopFile, AReceiveOfAFileWithoutBlocksSaysSoWhenBytesAreThere) {
  for (const int mode : kModes) {
    const auto [read, write] = Pipe(mode);
    std::vector<BufferRef> all;
    while (loop_->buffers().free_count() > 0) all.push_back(loop_->buffers().Take());
    Receiver receiver(inside_);
    loop_->Receive(receiver.op, read, ReceiveMode::kOnce);
    Settle();
    EXPECT_EQ(receiver.finals, 0);
    ASSERT_EQ(::write(static_cast<int>(write.handle), "x", 1), 1);
    ASSERT_TRUE(RunUntil([&] { return receiver.finals == 1; }));
    EXPECT_EQ(receiver.error, IoError::kNoBuffers);
    all.clear();
    loop_->Receive(receiver.op, read, ReceiveMode::kOnce);
    ASSERT_TRUE(RunUntil([&] { return receiver.finals == 2; }));
    EXPECT_EQ(receiver.bytes, "x");
  }
}

TEST_P(LoopFile, WritingToAPipeWithoutAReaderIsAnErrorAndNoSignal) {
  for (const int mode : kModes) {
    const auto [read, write] = Pipe(mode);
    Close(read);
    Sender sender(inside_);
    Send(sender, write, "x");
    ASSERT_TRUE(RunUntil([&] { return sender.finals == 1; }));
    EXPECT_EQ(sender.error, IoError::kReset);
  }
}

TEST_P(LoopFile, CancelEndsAnIdleReceiveOfPipesAndTerminals) {
  for (const int mode : kModes) {
    const auto [read, write] = Pipe(mode);
    const auto [master, slave] = Terminal(mode);
    const Socket other = loop_->Adopt(slave);
    open_.push_back(other);
    for (const Socket socket : {read, master, other}) {
      for (const ReceiveMode repeat : {ReceiveMode::kOnce, ReceiveMode::kRepeat}) {
        Receiver receiver(inside_);
        loop_->Receive(receiver.op, socket, repeat);
        Settle();
        EXPECT_EQ(receiver.completions, 0);
        loop_->Cancel(receiver.op);
        ASSERT_TRUE(RunUntil([&] { return receiver.finals == 1; }));
        EXPECT_EQ(receiver.error, IoError::kCanceled);
      }
    }
  }
}

TEST_P(LoopFile, ATerminalCarriesBytesBothWays) {
  for (const int mode : kModes) {
    const auto [master, slave] = Terminal(mode);
    const Socket other = loop_->Adopt(slave);
    open_.push_back(other);
    const int flags_before = Flags(other);
    const std::string bytes = Pattern(100'000);
    const std::pair<Socket, Socket> ways[] = {{master, other}, {other, master}};
    for (const auto& [from, to] : ways) {
      Receiver receiver(inside_);
      Sender sender(inside_);
      loop_->Receive(receiver.op, to, ReceiveMode::kRepeat);
      Send(sender, from, bytes);
      ASSERT_TRUE(
          RunUntil([&] { return sender.finals == 1 && receiver.bytes.size() == bytes.size(); }));
      EXPECT_TRUE(receiver.bytes == bytes);
      loop_->Cancel(receiver.op);
      ASSERT_TRUE(RunUntil([&] { return receiver.finals == 1; }));
    }
    EXPECT_EQ(Flags(other), flags_before);
  }
}

TEST_P(LoopFile, ATerminalWhoseOtherSideIsClosedGivesTheBytesAndThenTheEnd) {
  for (const int mode : kModes) {
    const auto [master, slave] = Terminal(mode);
    Receiver receiver(inside_);
    loop_->Receive(receiver.op, master, ReceiveMode::kRepeat);
    Settle();
    ASSERT_EQ(::write(slave, "bye", 3), 3);
    ::close(slave);
    ASSERT_TRUE(RunUntil([&] { return receiver.finals == 1; }));
    EXPECT_EQ(receiver.error, IoError::kEndOfStream);
    EXPECT_EQ(receiver.bytes, "bye");
  }
}

TEST_P(LoopFile, ARegularFileIsWrittenAndReadToItsEnd) {
  char path[] = "/tmp/loop_file_test.XXXXXX";
  const int out = ::mkstemp(path);
  ASSERT_GE(out, 0);
  const int in = ::open(path, O_RDONLY | O_CLOEXEC);
  ::unlink(path);
  const Socket write = loop_->Adopt(out);
  const Socket read = loop_->Adopt(in);
  open_.push_back(write);
  open_.push_back(read);
  const std::string bytes = Pattern(100'000);
  Sender sender(inside_);
  Send(sender, write, bytes);
  ASSERT_TRUE(RunUntil([&] { return sender.finals == 1; }));
  EXPECT_EQ(sender.size, bytes.size());
  Receiver receiver(inside_);
  loop_->Receive(receiver.op, read, ReceiveMode::kRepeat);
  ASSERT_TRUE(RunUntil([&] { return receiver.finals == 1; }));
  EXPECT_EQ(receiver.error, IoError::kEndOfStream);
  EXPECT_TRUE(receiver.bytes == bytes);
}

TEST_P(LoopFile, DevNullEndsAtOnceAndTakesEverything) {
  const Socket null = loop_->Adopt(::open("/dev/null", O_RDWR | O_CLOEXEC));
  open_.push_back(null);
  Receiver receiver(inside_);
  Sender sender(inside_);
  const std::string bytes = Pattern(1'000'000);
  loop_->Receive(receiver.op, null, ReceiveMode::kRepeat);
  Send(sender, null, bytes);
  ASSERT_TRUE(RunUntil([&] { return receiver.finals == 1 && sender.finals == 1; }));
  EXPECT_EQ(receiver.error, IoError::kEndOfStream);
  EXPECT_EQ(sender.error, IoError::kNone);
}

TEST_P(LoopFile, OneTerminalIsReadAndWrittenAtTheSameTime) {
  const auto [master, slave] = Terminal(0);
  const Socket other = loop_->Adopt(slave);
  open_.push_back(other);
  Receiver at_master(inside_);
  Receiver at_other(inside_);
  loop_->Receive(at_master.op, master, ReceiveMode::kRepeat);
  loop_->Receive(at_other.op, other, ReceiveMode::kRepeat);
  const std::string bytes = Pattern(50'000);
  Sender from_master(inside_);
  Sender from_other(inside_);
  Send(from_master, master, bytes);
  Send(from_other, other, bytes);
  ASSERT_TRUE(RunUntil([&] {
    return at_master.bytes.size() == bytes.size() && at_other.bytes.size() == bytes.size() &&
           from_master.finals == 1 && from_other.finals == 1;
  }));
  EXPECT_TRUE(at_master.bytes == bytes);
  EXPECT_TRUE(at_other.bytes == bytes);
  loop_->Cancel(at_master.op);
  loop_->Cancel(at_other.op);
  ASSERT_TRUE(RunUntil([&] { return at_master.finals == 1 && at_other.finals == 1; }));
}

TEST_P(LoopFile, ASocketFromElsewhereWorksInBothModesAndKeepsItsMode) {
  for (const int mode : {0, static_cast<int>(SOCK_NONBLOCK)}) {
    int descriptors[2];
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | mode, 0, descriptors), 0);
    const Socket one = loop_->Adopt(descriptors[0]);
    const Socket two = loop_->Adopt(descriptors[1]);
    EXPECT_EQ(one.kind, SocketKind::kSocket);
    open_.push_back(one);
    open_.push_back(two);
    const int before = Flags(one);
    const std::string bytes = Pattern(2'000'000);
    for (const SendMode send : {SendMode::kCopy, SendMode::kZeroCopy}) {
      Receiver receiver(inside_);
      Sender sender(inside_);
      loop_->Receive(receiver.op, two, ReceiveMode::kRepeat);
      Send(sender, one, bytes, send);
      ASSERT_TRUE(
          RunUntil([&] { return sender.finals == 1 && receiver.bytes.size() == bytes.size(); }));
      EXPECT_TRUE(receiver.bytes == bytes);
      loop_->Cancel(receiver.op);
      ASSERT_TRUE(RunUntil([&] { return receiver.finals == 1; }));
    }
    EXPECT_EQ(Flags(one), before);
  }
}

TEST_P(LoopFile, AListenerFromElsewhereAcceptsByPath) {
  char folder[] = "/tmp/loop_file_test.XXXXXX";
  ASSERT_NE(::mkdtemp(folder), nullptr);
  const std::string path = std::string(folder) + "/socket";
  Address address;
  ASSERT_TRUE(Address::FromPath(path, address));
  const int descriptor = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  ASSERT_EQ(::bind(descriptor, address.raw(), address.raw_size()), 0);
  ASSERT_EQ(::listen(descriptor, 4), 0);
  const Socket listener = loop_->Adopt(descriptor);
  open_.push_back(listener);
  Acceptor acceptor(inside_);
  Connector connector(inside_);
  loop_->Accept(acceptor.op, listener);
  Settle();
  const Opened client = loop_->OpenStream(AF_UNIX);
  open_.push_back(client.socket);
  loop_->Connect(connector.op, client.socket, address);
  ASSERT_TRUE(RunUntil([&] { return connector.finals == 1 && acceptor.sockets.size() == 1; }));
  EXPECT_EQ(connector.error, IoError::kNone);
  EXPECT_EQ(loop_->PeerAddress(client.socket).ToText(), "unix:" + path);
  open_.push_back(acceptor.sockets[0]);
  loop_->Cancel(acceptor.op);
  ASSERT_TRUE(RunUntil([&] { return acceptor.finals == 1; }));
  ::unlink(path.c_str());
  ::rmdir(folder);
}

}  // namespace
}  // namespace engine
