// Goal: a program on an encrypted stream is started for a client that holds the data key and nobody
// else, and then behaves as on a plain one, while nothing plain passes.
// Method: real programs on a real loop; the client's side of the encryption in the test.

#include "agent/target/encrypted_target.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "tests/unit/agent/target_fixture.h"

namespace agent {
namespace {

using engine::PacketKind;
using engine::crypto::PayloadCipher;
using ::testing::HasSubstr;
using ::testing::Not;

// FakeKeys answers when a test says so.
class FakeKeys final : public DataKeys {
 public:
  uint64_t Open(const DataKeyWish& wish, Done done) override {
    wishes.push_back(wish);
    done_ = std::move(done);
    if (answers_at_once) Answer(key);
    return wishes.size();
  }
  void Forget(uint64_t number) override { forgotten.push_back(number); }
  void Answer(absl::StatusOr<std::string> answer) { std::exchange(done_, {})(std::move(answer)); }

  std::string key = std::string(32, 'n') + std::string(32, 'c');
  bool answers_at_once = true;
  std::vector<DataKeyWish> wishes;
  std::vector<uint64_t> forgotten;

 private:
  Done done_;
};

class EncryptedTargetTest : public TargetFixture {
 protected:
  void SetUp() override {
    TargetFixture::SetUp();
    if (context_ != nullptr) context_->keys = &keys_;
  }

  PeerStream& OpenEncrypted(std::vector<std::string> arguments, bool with_terminal,
                            engine::StreamKey key = {}) {
    key.key_id = "alias/k";
    key.data_key = "c2VhbGVk";
    engine::ExecRequest request;
    request.session_id = "s-1";
    request.run_as = ::geteuid() == 0 ? "daemon" : "";
    request.arguments = std::move(arguments);
    request.with_terminal = with_terminal;
    request.key = std::move(key);
    return Open(request);
  }
  PeerStream& Script(const std::string& text, bool with_terminal, engine::StreamKey key = {}) {
    return OpenEncrypted({"sh", "-c", text}, with_terminal, std::move(key));
  }

  void SendPacket(PeerStream& stream, PacketKind kind, std::string_view plain) {
    std::string packet(engine::kPacketHeadSize + plain.size() + engine::crypto::kPayloadOverhead,
                       '\0');
    const auto bytes = std::as_writable_bytes(std::span(packet));
    engine::WritePacketHead(kind, packet.size() - engine::kPacketHeadSize, bytes);
    client_.Seal(engine::AsBytes(plain), bytes.subspan(engine::kPacketHeadSize));
    stream.Send(packet);
  }

  // ReadPackets takes what the stream has brought apart.
  void ReadPackets(PeerStream& stream) {
    engine::ByteView bytes = engine::AsBytes(stream.output).subspan(read_);
    read_ = stream.output.size();
    while (!bytes.empty()) {
      bytes = bytes.subspan(reader_.Take(bytes));
      ASSERT_FALSE(reader_.failed());
      if (!reader_.whole()) continue;
      EXPECT_LE(reader_.payload().size(), PacketOutput::kPayloadMax);
      std::string plain(reader_.payload().size(), '\0');
      if (!plain.empty()) {
        const auto size = client_.Open(reader_.payload(), std::as_writable_bytes(std::span(plain)));
        ASSERT_TRUE(size.has_value());
        plain.resize(*size);
      }
      plain_[reader_.kind()] += plain;
      all_ += plain;
      ready_ = ready_ || reader_.kind() == PacketKind::kReady;
      reader_.Pop();
    }
  }

  // Prove answers the challenge; Begin lets the program be started, too.
  void Prove(PeerStream& stream) {
    RunUntil([&] {
      ReadPackets(stream);
      return !plain_[PacketKind::kChallenge].empty() || stream.over();
    });
    SendPacket(stream, PacketKind::kAnswer, plain_[PacketKind::kChallenge]);
    all_.clear();
  }
  void Begin(PeerStream& stream, engine::TerminalSize size = {}) {
    Prove(stream);
    RunUntil([&] {
      ReadPackets(stream);
      return ready_ || stream.over();
    });
    Send(stream, engine::Resize{.size = size});
  }
  void RunToTheEnd(PeerStream& stream) {
    RunUntil([&] { return stream.finished || stream.over(); });
    if (!stream.over()) stream.Send("", true);
    RunUntil([&] { return stream.over(); });
    ReadPackets(stream);
  }

  FakeKeys keys_;
  PayloadCipher client_{PayloadCipher::End::kClient, engine::AsBytes(keys_.key)};
  engine::PacketReader reader_;
  size_t read_ = 0;
  bool ready_ = false;
  std::map<PacketKind, std::string> plain_;
  std::string all_;  // As it came, but for the challenge.
};

TEST_P(EncryptedTargetTest, ATerminalIsThereForWhoHoldsTheKey) {
  PeerStream& stream = Script("stty size; read line; echo got $line; exit 7", true);
  Begin(stream, {.columns = 90, .rows = 20});
  SendPacket(stream, PacketKind::kInput, "secret\n");
  RunToTheEnd(stream);
  EXPECT_THAT(plain_[PacketKind::kOutput], HasSubstr("20 90"));
  EXPECT_THAT(plain_[PacketKind::kOutput], HasSubstr("got secret"));
  EXPECT_THAT(stream.output, Not(HasSubstr("secret")));
  ASSERT_TRUE(stream.exit.has_value());
  EXPECT_EQ(stream.exit->status, 7);
  EXPECT_EQ(plain_[PacketKind::kExitCode], "");
  ASSERT_EQ(keys_.wishes.size(), 1u);
  EXPECT_EQ(keys_.wishes[0].session_id, "s-1");
  EXPECT_EQ(keys_.wishes[0].key_id, "alias/k");
  EXPECT_EQ(keys_.wishes[0].data_key, "c2VhbGVk");
}

TEST_P(EncryptedTargetTest, WhatIsTypedBeforeTheProgramIsThereReachesIt) {
  PeerStream& stream = Script("cat", true);
  Begin(stream);
  std::string typed;
  for (int i = 0; i < 200; ++i) {
    const std::string line = "line " + std::to_string(i) + "\n";
    SendPacket(stream, PacketKind::kInput, line);
    typed += line;
  }
  Send(stream, engine::Resize{.size = {.columns = 70, .rows = 10}});
  SendPacket(stream, PacketKind::kInput, "\x04");
  RunToTheEnd(stream);
  EXPECT_THAT(plain_[PacketKind::kOutput], HasSubstr("line 0\r\n"));
  EXPECT_THAT(plain_[PacketKind::kOutput], HasSubstr("line 199\r\n"));
}

TEST_P(EncryptedTargetTest, NobodyCanAnswerAChallengeThatWasNotSaid) {
  TakeEarly();
  const std::string nothing(engine::crypto::kKeyChallengeSize, '\0');
  for (const bool is_sealed : {true, false}) {
    keys_.answers_at_once = false;
    PeerStream& stream = Script("echo started", false);
    if (is_sealed) {
      SendPacket(stream, PacketKind::kAnswer, nothing);
    } else {
      stream.Send(std::string(1'000, '\xFF'));
    }
    Deliver();
    EXPECT_FALSE(stream.accepted);
    keys_.Answer(keys_.key);
    RunUntil([&] { return stream.over() && targets_->count() == 0; });
    EXPECT_EQ(stream.closed,
              is_sealed ? engine::CloseCode::kDenied : engine::CloseCode::kProtocolError);
    EXPECT_EQ(stream.output, "") << "nothing more is said to it";
  }
}

TEST_P(EncryptedTargetTest, AMegabyteComesWholeThroughAStreamThatStops) {
  PeerStream& stream = Script("head -c 1000000 /dev/zero | tr '\\0' x", false);
  Begin(stream);
  stream.holding = true;
  RunUntil([&] { return stream.held_bytes >= 200 * 1024; });
  stream.Release();
  RunToTheEnd(stream);
  EXPECT_TRUE(plain_[PacketKind::kOutput] == std::string(1'000'000, 'x'));
  EXPECT_EQ(stream.closed, engine::CloseCode::kNormal);
}

TEST_P(EncryptedTargetTest, ApartMeansPrefixesStandardErrorAndTheCode) {
  PeerStream& stream =
      Script("echo out; sleep 0.2; echo err >&2; exit 3", false,
             {.separates_output = true, .output_prefix = "O:", .error_prefix = "E:"});
  Begin(stream);
  RunToTheEnd(stream);
  EXPECT_EQ(plain_[PacketKind::kOutput], "O:out\n");
  EXPECT_EQ(plain_[PacketKind::kErrorOutput], "E:err\n");
  EXPECT_EQ(plain_[PacketKind::kExitCode], "EXIT_CODE: 3");
  EXPECT_EQ(all_, "O:out\nE:err\nEXIT_CODE: 3");
}

TEST_P(EncryptedTargetTest, NotApartEverythingIsOutput) {
  PeerStream& stream = Script("echo err >&2; exit 3", false);
  Begin(stream);
  RunToTheEnd(stream);
  EXPECT_EQ(all_, "err\n");
}

TEST_P(EncryptedTargetTest, WithoutATerminalTwoKeysAreSignals) {
  PeerStream& stream =
      Script("trap 'echo INT; exit 5' INT; echo on; while :; do sleep 0.05; done", false);
  Begin(stream);
  RunUntil([&] {
    ReadPackets(stream);
    return !all_.empty();
  });
  SendPacket(stream, PacketKind::kInput, "ignored \x03");
  RunToTheEnd(stream);
  EXPECT_EQ(all_, "on\nINT\n");
  EXPECT_EQ(stream.exit->status, 5);
}

TEST_P(EncryptedTargetTest, AWrongAnswerStartsNothing) {
  PeerStream& stream = Script("echo never", false);
  RunUntil([&] {
    ReadPackets(stream);
    return !plain_[PacketKind::kChallenge].empty();
  });
  SendPacket(stream, PacketKind::kAnswer, std::string(64, 'x'));
  RunUntil([&] { return stream.over() && targets_->count() == 0; });
  EXPECT_EQ(stream.closed, engine::CloseCode::kDenied);
  EXPECT_THAT(stream.reason, HasSubstr("does not hold"));
}

TEST_P(EncryptedTargetTest, InputUnderAnotherKeyEndsTheStream) {
  PeerStream& stream = Script("cat", true);
  Begin(stream);
  std::string packet(engine::kPacketHeadSize + 40, 'x');
  engine::WritePacketHead(PacketKind::kInput, 40, std::as_writable_bytes(std::span(packet)));
  stream.Send(packet);
  RunUntil([&] { return stream.over() && targets_->count() == 0; });
  EXPECT_EQ(stream.closed, engine::CloseCode::kDenied);
}

TEST_P(EncryptedTargetTest, ABrokenPacketEndsTheStream) {
  for (const std::string& bytes : {std::string("\xff\xff\x07", 3), std::string("\0\x01\x07x", 4),
                                   std::string("\0\0\x63", 3)}) {
    PeerStream& stream = Script("cat", true);
    RunUntil([&] { return stream.accepted; });
    stream.Send(bytes);
    RunUntil([&] { return stream.over() && targets_->count() == 0; });
    EXPECT_EQ(stream.closed, engine::CloseCode::kProtocolError);
  }
}

TEST_P(EncryptedTargetTest, WithoutAKeyThereIsNoStream) {
  keys_.answers_at_once = false;
  PeerStream& stream = Script("echo never", false);
  RunUntil([&] { return keys_.wishes.size() == 1; });
  keys_.Answer(absl::PermissionDeniedError("the key is gone"));
  RunUntil([&] { return stream.over() && targets_->count() == 0; });
  EXPECT_EQ(stream.rejected, engine::CloseCode::kCannotStart);
  EXPECT_EQ(stream.reason, "the key is gone");

  PeerStream& second = Script("echo never", false);
  RunUntil([&] { return keys_.wishes.size() == 2; });
  keys_.Answer(std::string(63, 'k'));
  RunUntil([&] { return second.over() && targets_->count() == 0; });
  EXPECT_EQ(second.rejected, engine::CloseCode::kCannotStart);
}

TEST_P(EncryptedTargetTest, AClientThatGoesBeforeTheKeyIsForgotten) {
  keys_.answers_at_once = false;
  PeerStream& stream = Script("echo never", false);
  RunUntil([&] { return keys_.wishes.size() == 1; });
  relay_->Reset(stream.id, engine::CloseCode::kSessionEnded);
  targets_->EndAll(engine::CloseCode::kSessionEnded, "over");
  RunUntil([&] { return targets_->count() == 0; });
  EXPECT_EQ(keys_.forgotten, std::vector<uint64_t>{1});
}

TEST_P(EncryptedTargetTest, AProgramThatCannotStartSaysWhy) {
  PeerStream& stream = OpenEncrypted({"no-such-program"}, false);
  Begin(stream);
  RunUntil([&] { return stream.over() && targets_->count() == 0; });
  EXPECT_EQ(stream.closed, engine::CloseCode::kCannotStart);
  EXPECT_THAT(stream.reason, HasSubstr("command not found"));
}

TEST_P(EncryptedTargetTest, ADryPoolIsWaitedFor) {
  PeerStream& stream = Script("sleep 0.1; echo later", false);
  Begin(stream);
  RunUntil([&] { return stream.accepted && children_->count() == 1; });
  std::vector<engine::BufferRef> held;
  while (pool().free_count() > 1) held.push_back(pool().Take());
  int rounds = 0;  // Enough for the output to come, on a machine that is not busy.
  RunUntil([&] { return ++rounds > 150; });
  held.clear();
  RunToTheEnd(stream);
  EXPECT_EQ(all_, "later\n");
}

TEST_P(EncryptedTargetTest, AStreamThatNobodyCanEncryptIsRefused) {
  context_->keys = nullptr;
  PeerStream& stream = Script("echo never", false);
  RunUntil([&] { return stream.over(); });
  EXPECT_EQ(stream.rejected, engine::CloseCode::kUnsupported);
}

INSTANTIATE_TEST_SUITE_P(Io, EncryptedTargetTest,
                         ::testing::Values(engine::LoopIo::kEpoll, engine::LoopIo::kUring),
                         [](const auto& info) {
                           return info.param == engine::LoopIo::kEpoll ? "Epoll" : "Uring";
                         });

}  // namespace
}  // namespace agent
