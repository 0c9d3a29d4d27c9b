// Goal: whatever a network does to messages, and however often it is cut, the bytes of both
// directions arrive once and in order.
// Method: a seed decides loss, repetition, delay (and by it order), cuts, pauses, writes, and which
// messages a consumer refuses. The client is ours, or one with the manners of real ones: it never
// acknowledges a message twice, and loses acknowledgements only by cuts, as over TCP.

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <set>
#include <string>

#include "engine/base/random.h"
#include "engine/datachannel/agent_payloads.h"
#include "engine/datachannel/data_channel.h"
#include "tests/unit/datachannel/channel_testing.h"

namespace engine::datachannel {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

char ByteAt(bool is_clients, uint64_t offset) {
  return static_cast<char>((offset * 0x9E3779B97F4A7C15u + (is_clients ? 7u : 0u)) >> 56);
}

// Checker takes bytes and compares them with what must come next.
class Checker final : public StreamConsumer {
 public:
  Checker(Random& random, bool hears_client) : random_(random), hears_client_(hears_client) {}
  bool OnStreamData(PayloadType type, ByteView payload) override {
    if (random_.Chance(refusals_percent)) return false;
    EXPECT_EQ(type, PayloadType::kOutput);
    for (const std::byte byte : payload) {
      const bool is_right = static_cast<char>(byte) == ByteAt(hears_client_, received++);
      EXPECT_TRUE(is_right) << "at offset " << received - 1;
      if (!is_right) break;
    }
    return true;
  }
  uint32_t refusals_percent = 0;
  uint64_t received = 0;

 private:
  Random& random_;
  const bool hears_client_;
};

struct Weather {
  uint32_t loss_percent = 0;
  uint32_t repeats_percent = 0;
  uint32_t cuts_per_mille = 0;
  uint64_t delay_us_max = 1'000;
  uint32_t refusals_percent = 0;
  bool keeps_order = false;
};

Weather Swarm(Random& random) {
  Weather weather;
  if (random.Chance(50)) weather.loss_percent = static_cast<uint32_t>(random.Range(1, 30));
  if (random.Chance(50)) weather.repeats_percent = static_cast<uint32_t>(random.Range(1, 30));
  if (random.Chance(50)) weather.cuts_per_mille = static_cast<uint32_t>(random.Range(1, 5));
  if (random.Chance(50)) weather.delay_us_max = random.Range(1, 600'000);
  if (random.Chance(30)) weather.refusals_percent = static_cast<uint32_t>(random.Range(1, 40));
  return weather;
}

class World {
 public:
  World(uint64_t seed, bool has_real_client) : random_(seed), has_real_client_(has_real_client) {
    weather_ = Swarm(random_);
    if (has_real_client) {
      weather_.keeps_order = true;
      weather_.loss_percent = 0;
      weather_.repeats_percent = 0;
      weather_.refusals_percent = 0;
    }
    options_.sender.in_flight_max = random_.Range(1, 300);
    options_.sender.span_max = options_.sender.in_flight_max + random_.Range(0, 500);
    options_.receiver.ahead_max = options_.sender.span_max;
    options_.receiver.ahead_bytes_max = options_.sender.span_max * kStreamPayloadMax;
    for (Side* side : {&client_, &machine_}) {
      side->hears.refusals_percent = weather_.refusals_percent;
      side->channel = std::make_unique<DataChannel>(
          side == &client_ ? DataChannel::Side::kClient : DataChannel::Side::kMachine, options_,
          side->hears, random_.Next());
    }
  }

  void Run() {
    const int steps = 1'500;
    for (int step = 0; step < steps; ++step) {
      Write(client_);
      Write(machine_);
      Step(milliseconds(random_.Range(0, 5)));
      if (random_.Range(1, 1'000) <= weather_.cuts_per_mille) Cut();
      if (random_.Chance(1)) Publication(MessageType::kPausePublication);
      if (testing::Test::HasFailure()) return;
    }
    Settle();
  }

 private:
  struct Side {
    Side(Random& random, bool hears_client) : hears(random, hears_client) {}
    Checker hears;
    std::unique_ptr<DataChannel> channel;
    uint64_t written = 0;
    std::multimap<Instant, std::string> arriving;  // On the way to this side.
    Instant last_arrival{};
    std::set<int64_t> acknowledged;  // By a client with the manners of real ones.
  };

  void Write(Side& side) {
    if (!side.channel->HasRoom() || !random_.Chance(40)) return;
    std::string payload(random_.Chance(70) ? random_.Range(1, 60) : random_.Range(1, 1'024), ' ');
    for (char& byte : payload) byte = ByteAt(&side == &client_, side.written++);
    side.channel->Send(PayloadType::kOutput, AsBytes(payload));
  }

  void Step(Duration time) {
    now_ += time;
    for (Side* side : {&client_, &machine_}) {
      while (!side->arriving.empty() && side->arriving.begin()->first <= now_) {
        const std::string bytes = std::move(side->arriving.begin()->second);
        side->arriving.erase(side->arriving.begin());
        Deliver(*side->channel, bytes, now_);
      }
      if (side->channel->NextDeadline() <= now_) side->channel->HandleDeadline(now_);
      if (random_.Chance(20)) side->channel->Retry();
      Gather(*side, side == &client_ ? machine_ : client_);
    }
  }

  void Gather(Side& from, Side& to) {
    for (;;) {
      const std::string bytes = NextBytes(*from.channel, now_);
      if (bytes.empty()) return;
      if (!is_connected_ || random_.Chance(weather_.loss_percent)) continue;
      if (has_real_client_ && &from == &client_ && IsRepeatedAcknowledgement(bytes)) continue;
      Carry(to, bytes);
      if (random_.Chance(weather_.repeats_percent)) Carry(to, bytes);
    }
  }

  void Carry(Side& to, const std::string& bytes) {
    Instant arrival = now_ + microseconds(random_.Range(1, weather_.delay_us_max));
    if (weather_.keeps_order) arrival = std::max(arrival, to.last_arrival);
    to.last_arrival = arrival;
    to.arriving.emplace(arrival, bytes);
  }

  bool IsRepeatedAcknowledgement(std::string_view bytes) {
    AgentMessage message;
    EXPECT_EQ(Decode(AsBytes(bytes), message), AgentMessageError::kNone);
    int64_t sequence = 0;
    return message.type == MessageType::kAcknowledge &&
           DecodeAcknowledge(message.payload, sequence) &&
           !client_.acknowledged.insert(sequence).second;
  }

  // Cut loses all that is on the way; the connection comes back at once, or some steps later.
  void Cut() {
    client_.arriving.clear();
    machine_.arriving.clear();
    client_.channel->Disconnected();
    machine_.channel->Disconnected();
    is_connected_ = false;
    for (uint64_t i = random_.Range(0, 20); i > 0; --i) {
      Write(client_);
      Write(machine_);
      Step(milliseconds(random_.Range(0, 500)));
    }
    is_connected_ = true;
    client_.last_arrival = machine_.last_arrival = Instant{};
    client_.channel->Connected();
    machine_.channel->Connected();
  }

  void Publication(MessageType type) {
    (void)machine_.channel->Receive({.type = type, .created_ms = kCreatedMs}, now_);
  }

  // Settle waits, in good weather, for what was promised.
  void Settle() {
    weather_ = {.keeps_order = weather_.keeps_order};
    client_.hears.refusals_percent = machine_.hears.refusals_percent = 0;
    Publication(MessageType::kStartPublication);
    for (int i = 0; i < 20'000; ++i) {
      const bool has_all =
          client_.hears.received == machine_.written && machine_.hears.received == client_.written;
      const bool is_quiet =
          client_.channel->drained() && (has_real_client_ || machine_.channel->drained());
      if (has_all && is_quiet) break;
      Step(milliseconds(50));
    }
    EXPECT_EQ(client_.hears.received, machine_.written);
    EXPECT_EQ(machine_.hears.received, client_.written);
    EXPECT_TRUE(client_.channel->drained());
    EXPECT_TRUE(has_real_client_ || machine_.channel->drained());
    EXPECT_EQ(client_.channel->receiver().ahead_count(), 0u);
    EXPECT_EQ(machine_.channel->receiver().ahead_bytes(), 0u);
  }

  Random random_;
  const bool has_real_client_;
  Weather weather_;
  DataChannelOptions options_;
  Instant now_{std::chrono::hours(1)};
  bool is_connected_ = true;
  Side client_{random_, /*hears_client=*/false};
  Side machine_{random_, /*hears_client=*/true};
};

class DataChannelProperty : public testing::TestWithParam<uint64_t> {
 protected:
  static void RunSeeds(uint64_t group, bool has_real_client) {
    for (uint64_t seed = group * 40 + 1; seed <= (group + 1) * 40; ++seed) {
      SCOPED_TRACE("seed " + std::to_string(seed));
      World(seed, has_real_client).Run();
      if (HasFailure()) return;
    }
  }
};

TEST_P(DataChannelProperty, BytesArriveOnceAndInOrderInAnyWeather) { RunSeeds(GetParam(), false); }

TEST_P(DataChannelProperty, AClientThatNeverAcknowledgesTwiceGetsEverythingAfterCuts) {
  RunSeeds(GetParam(), true);
}

INSTANTIATE_TEST_SUITE_P(Seeds, DataChannelProperty, testing::Range<uint64_t>(0, 8));

}  // namespace
}  // namespace engine::datachannel
