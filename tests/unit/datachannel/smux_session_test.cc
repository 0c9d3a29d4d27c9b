// Goal: streams share one channel of bytes without mixing, each within its bounds, and end as smux
// has it.
// Method: two sessions whose bytes the test carries, with owners that take what they are told to.

#include "engine/datachannel/smux_session.h"

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "engine/base/random.h"

namespace engine::datachannel {
namespace {

class End final : public SmuxSession::Handler {
 public:
  End(SmuxSession::Side side, const SmuxOptions& options) : session(side, options, *this) {}

  void OnOpened(uint32_t id) override { events += "open " + std::to_string(id) + "; "; }
  size_t OnData(uint32_t id, ByteView bytes) override {
    const size_t taken = std::min(bytes.size(), take_max);
    received[id] += AsText(bytes.first(taken));
    return taken;
  }
  void OnFinished(uint32_t id) override { events += "finished " + std::to_string(id) + "; "; }
  void OnRoom(uint32_t id) override { events += "room " + std::to_string(id) + "; "; }

  size_t Write(uint32_t id, std::string_view text) { return session.Write(id, AsBytes(text)); }
  // Said takes all output, in messages of at most `size` bytes.
  std::string Said(size_t size = 1'024) {
    std::string all;
    std::vector<std::byte> out(size);
    while (const size_t count = session.Gather(out)) {
      EXPECT_LE(count, size);
      all += AsText(ByteView(out).first(count));
    }
    EXPECT_FALSE(session.HasOutput());
    return all;
  }

  SmuxSession session;
  size_t take_max = SIZE_MAX;
  std::string events;
  std::map<uint32_t, std::string> received;
};

std::string Frame(SmuxCommand command, uint32_t stream, std::string_view payload = "") {
  std::array<std::byte, kSmuxHeaderSize> header;
  WriteSmuxHeader(
      {.command = command, .size = static_cast<uint16_t>(payload.size()), .stream = stream},
      header);
  return std::string(AsText(header)) + std::string(payload);
}
std::string Syn(uint32_t id) { return Frame(SmuxCommand::kSyn, id); }
std::string Fin(uint32_t id) { return Frame(SmuxCommand::kFin, id); }
std::string Psh(uint32_t id, std::string_view text) { return Frame(SmuxCommand::kPsh, id, text); }

class Smux : public testing::Test {
 protected:
  bool Feed(End& end, std::string_view bytes) { return end.session.Receive(AsBytes(bytes)); }
  void Exchange() {
    for (;;) {
      const std::string to_machine = client.Said();
      const std::string to_client = machine.Said();
      if (to_machine.empty() && to_client.empty()) return;
      EXPECT_TRUE(Feed(machine, to_machine));
      EXPECT_TRUE(Feed(client, to_client));
    }
  }
  static constexpr SmuxOptions kOptions = {
      .streams_max = 4, .stream_backlog_max = 100, .backlogs_max = 250, .stream_output_max = 2'000};
  End client{SmuxSession::Side::kClient, kOptions};
  End machine{SmuxSession::Side::kMachine, kOptions};
};

TEST_F(Smux, AStreamLivesFromSynToTheSecondFin) {
  const uint32_t id = client.session.Open();
  EXPECT_EQ(id, 3u);
  EXPECT_EQ(client.Write(id, "hello"), 5u);
  EXPECT_EQ(client.Said(), Syn(3) + Psh(3, "hello"));
  Feed(machine, Syn(3) + Psh(3, "hello"));
  EXPECT_EQ(machine.events, "open 3; ");
  EXPECT_EQ(machine.received[3], "hello");
  machine.Write(3, "world");
  machine.session.Finish(3);
  EXPECT_EQ(machine.Said(), Psh(3, "world") + Fin(3));
  EXPECT_EQ(machine.session.stream_count(), 1u) << "the client may still speak";
  Feed(client, Psh(3, "world") + Fin(3));
  EXPECT_EQ(client.events, "finished 3; ");
  client.Write(3, "half");
  client.session.Finish(3);
  Exchange();
  EXPECT_EQ(machine.received[3], "hellohalf");
  EXPECT_EQ(machine.session.stream_count(), 0u);
  EXPECT_EQ(client.session.stream_count(), 0u);
  EXPECT_EQ(client.session.Open(), 5u);
}

// Trap P4: real clients break on any frame that comes before they spoke, and on keep-alives.
TEST_F(Smux, NothingIsSaidUnasked) {
  EXPECT_EQ(machine.Said(), "");
  EXPECT_TRUE(Feed(machine, Frame(SmuxCommand::kNop, 0) + Syn(3)));
  EXPECT_EQ(machine.Said(), "");
}

TEST_F(Smux, AMessageHoldsWholeFramesAndIsFilled) {
  const uint32_t id = client.session.Open();
  client.Write(id, std::string(2'000, 'x'));
  std::array<std::byte, 1'024> out;
  EXPECT_EQ(client.session.Gather(out), 1'024u);
  const std::string first(AsText(out));
  EXPECT_EQ(first, Syn(3) + Psh(3, std::string(1'024 - 16, 'x')));
  EXPECT_EQ(client.Said(), Psh(3, std::string(2'000 - (1'024 - 16), 'x')));
}

TEST_F(Smux, StreamsTakeTurns) {
  const uint32_t bulk = client.session.Open();
  const uint32_t typed = client.session.Open();
  client.Write(bulk, std::string(2'000, 'b'));
  client.Write(typed, "key");
  std::array<std::byte, 200> out;
  std::string first_two;
  for (int i = 0; i < 2; ++i) first_two += AsText(ByteView(out).first(client.session.Gather(out)));
  EXPECT_NE(first_two.find(Psh(typed, "key")), std::string::npos);
}

TEST_F(Smux, WhatAnOwnerWritesIsBoundedAndRoomIsToldOnce) {
  const uint32_t id = client.session.Open();
  EXPECT_EQ(client.Write(id, std::string(5'000, 'x')), 2'000u);
  EXPECT_EQ(client.Write(id, "y"), 0u);
  EXPECT_EQ(client.events, "");
  client.Said();
  EXPECT_EQ(client.events, "room 3; ");
  EXPECT_EQ(client.Write(id, "y"), 1u);
  client.Said();
  EXPECT_EQ(client.events, "room 3; ");
}

TEST_F(Smux, ASlowStreamStopsTheReadingAtItsBound) {
  Feed(machine, Syn(3) + Syn(5));
  machine.take_max = 0;
  Feed(machine, Psh(3, std::string(99, 'x')));
  EXPECT_TRUE(machine.session.CanReceive());
  Feed(machine, Psh(3, "x"));
  EXPECT_FALSE(machine.session.CanReceive());
  Feed(machine, Psh(3, "more, since it was read") + Fin(3));
  EXPECT_EQ(machine.events, "open 3; open 5; ") << "not finished before all of it was taken";
  machine.take_max = SIZE_MAX;
  machine.session.Resume(3);
  EXPECT_TRUE(machine.session.CanReceive());
  EXPECT_EQ(machine.received[3], std::string(100, 'x') + "more, since it was read");
  EXPECT_EQ(machine.events, "open 3; open 5; finished 3; ");
  EXPECT_EQ(machine.session.backlog_bytes(), 0u);
}

TEST_F(Smux, AllBacklogsTogetherAreBounded) {
  machine.take_max = 0;
  for (const uint32_t id : {3, 5, 7}) {
    EXPECT_TRUE(machine.session.CanReceive());
    Feed(machine, Syn(id) + Psh(id, std::string(90, 'x')));
  }
  EXPECT_FALSE(machine.session.CanReceive());
  machine.session.Abort(5);
  EXPECT_TRUE(machine.session.CanReceive()) << "what is aborted holds nothing";
}

TEST_F(Smux, AStreamBeyondTheBoundIsRefusedAndAFloodEndsTheSession) {
  for (const uint32_t id : {3, 5, 7, 9}) EXPECT_TRUE(Feed(machine, Syn(id)));
  EXPECT_TRUE(Feed(machine, Syn(11) + Psh(11, "lost")));
  EXPECT_EQ(machine.events, "open 3; open 5; open 7; open 9; ");
  EXPECT_EQ(machine.Said(), Fin(11));
  for (size_t i = 0; i < SmuxSession::kRefusedMax; ++i) EXPECT_TRUE(Feed(machine, Syn(13)));
  EXPECT_FALSE(Feed(machine, Syn(13)));
  EXPECT_FALSE(Feed(machine, Psh(3, "x")));
  EXPECT_EQ(machine.received[3], "");
}

TEST_F(Smux, AClientRefusesStreamsOfTheMachine) {
  Feed(client, Syn(2) + Psh(2, "x"));
  EXPECT_EQ(client.events, "");
  EXPECT_EQ(client.Said(), Fin(2));
}

TEST_F(Smux, AClientOpensNoMoreThanItsBound) {
  for (int i = 0; i < 4; ++i) EXPECT_NE(client.session.Open(), 0u);
  EXPECT_EQ(client.session.Open(), 0u);
}

TEST_F(Smux, WhatIsSaidOfStreamsThatAreNotThereIsNothing) {
  EXPECT_TRUE(Feed(machine, Psh(99, "x") + Fin(99) + Syn(0)));
  EXPECT_EQ(machine.events, "");
  EXPECT_EQ(machine.Said(), Fin(0)) << "no stream is called 0";
  EXPECT_TRUE(Feed(machine, Syn(3) + Syn(3) + Fin(3) + Fin(3) + Psh(3, "after the end")));
  EXPECT_EQ(machine.events, "open 3; finished 3; ");
  EXPECT_EQ(machine.received[3], "");
}

TEST_F(Smux, AnAbortedStreamSaysItsEndAndNothingElse) {
  const uint32_t id = client.session.Open();
  client.Write(id, "dropped");
  client.session.Abort(id);
  EXPECT_EQ(client.Said(), Syn(3) + Fin(3));
  EXPECT_EQ(client.session.stream_count(), 0u);
  EXPECT_TRUE(Feed(client, Psh(3, "late") + Fin(3)));
  EXPECT_EQ(client.received[3], "");
  EXPECT_EQ(client.events, "");
}

TEST_F(Smux, AStreamMayBeAbortedAfterItWasFinished) {
  Feed(machine, Syn(3));
  machine.session.Finish(3);
  EXPECT_EQ(machine.Said(), Fin(3));
  machine.session.Abort(3);
  EXPECT_EQ(machine.session.stream_count(), 0u);
  EXPECT_EQ(machine.Said(), "");
}

TEST_F(Smux, AnOwnerMayAbortInAnyEvent) {
  class Rash final : public SmuxSession::Handler {
   public:
    void OnOpened(uint32_t id) override {
      if (id == 3) session->Abort(id);
    }
    size_t OnData(uint32_t id, ByteView bytes) override {
      session->Abort(id);
      return bytes.size();
    }
    void OnFinished(uint32_t id) override { session->Abort(id); }
    void OnRoom(uint32_t id) override { session->Abort(id); }
    SmuxSession* session = nullptr;
  } rash;
  SmuxSession session(SmuxSession::Side::kMachine, kOptions, rash);
  rash.session = &session;
  const std::string bytes = Syn(3) + Psh(3, "x") + Syn(5) + Psh(5, "x") + Fin(5) + Syn(7) + Fin(7) +
                            Syn(9) + Psh(9, "") + Syn(3);
  EXPECT_TRUE(session.Receive(AsBytes(bytes)));
  EXPECT_EQ(session.Write(9, AsBytes(std::string(3'000, 'x'))), 2'000u);
  std::array<std::byte, 1'024> out;
  while (session.Gather(out) > 0) {
  }
  EXPECT_EQ(session.stream_count(), 0u);
}

// A seed decides who opens, writes, finishes, aborts and takes how much, and where the bytes are
// cut; every stream that was not aborted arrives whole.
TEST_F(Smux, AnythingThatTwoEndsDoArrivesWhole) {
  for (uint64_t seed = 1; seed <= 300; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    SmuxOptions options = kOptions;
    options.streams_max = 100;  // It forgets later than the client, which then opens more.
    End ends[2] = {{SmuxSession::Side::kClient, kOptions}, {SmuxSession::Side::kMachine, options}};
    const auto knows = [&ends](size_t who, uint32_t id) {
      const std::string opened = "open " + std::to_string(id) + ";";
      return who == 0 || ends[1].events.find(opened) != std::string::npos;
    };
    std::string wire[2];  // To the client, to the machine.
    std::map<uint32_t, std::string> written[2];
    std::map<uint32_t, bool> is_finished[2];
    for (int step = 0; step < 400; ++step) {
      const size_t who = random.Range(0, 1);
      End& end = ends[who];
      end.take_max = random.Chance(20) ? 0 : random.Range(1, 300);
      if (who == 0 && random.Chance(10)) {
        if (const uint32_t id = end.session.Open()) written[0][id];
      }
      for (auto& [id, text] : written[0]) {
        if (!knows(who, id) || is_finished[who][id] || !random.Chance(50)) continue;
        std::string more(random.Range(1, 300), static_cast<char>('a' + step % 26));
        more.resize(end.Write(id, more));
        written[who][id] += more;
        if (random.Chance(10)) {
          end.session.Finish(id);
          is_finished[who][id] = true;
        }
      }
      std::vector<std::byte> out(random.Range(16, 1'024));
      wire[1 - who] += AsText(ByteView(out).first(end.session.Gather(out)));
      if (end.session.CanReceive()) {
        const std::string part = wire[who].substr(0, random.Range(0, 500));
        wire[who].erase(0, part.size());
        ASSERT_TRUE(Feed(end, part));
      }
    }
    for (const size_t who : {0, 1, 0, 1, 0, 1}) {
      ends[who].take_max = SIZE_MAX;
      for (const auto& [id, text] : written[1 - who]) {
        const bool has_all = ends[who].received[id].size() == text.size();
        if (!has_all && knows(who, id)) ends[who].session.Resume(id);
      }
      wire[1 - who] += ends[who].Said();
      ASSERT_TRUE(Feed(ends[1 - who], std::exchange(wire[1 - who], "")));
    }
    for (const size_t who : {0, 1}) {
      for (const auto& [id, text] : written[who]) {
        ASSERT_EQ(ends[1 - who].received[id], text) << who << " " << id;
      }
      EXPECT_EQ(ends[who].session.backlog_bytes(), 0u);
    }
  }
}

}  // namespace
}  // namespace engine::datachannel
