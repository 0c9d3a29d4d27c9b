// Goal: no bytes of a peer abort a multiplexer, nor make it keep blocks or send illegal frames.
// Method: the input is what the peer sends, in chunks; what the owner does depends on what it is
// told, so that the input reaches every call from inside every event. In half of the runs the link
// resumes, and its connection is lost now and then.

#include <algorithm>
#include <array>
#include <memory>
#include <vector>

#include "engine/mux/frame_parser.h"
#include "engine/mux/multiplexer.h"

namespace {

using engine::AsBytes;
using engine::BufferRef;
using engine::ByteView;
using engine::CloseCode;
using engine::Instant;
using engine::StreamId;

class Owner;

struct Sink final : engine::StreamEvents {
  void OnData(engine::Channel channel, BufferRef payload) override;
  void OnControl(ByteView message) override;
  void OnFinished() override;
  void OnClosed(CloseCode, std::string_view) override {}
  Owner* owner = nullptr;
  StreamId id{};
};

class Owner final : public engine::LinkEvents {
 public:
  Owner(bool resumes, bool takes_early) {
    CHECK(mux.SendControl(engine::kLinkStream, "{}"));
    mux.Attach(carrier);
    mux.PeerResumes(resumes);
    if (takes_early) mux.PeerTakesEarly();
  }
  ~Owner() { mux.Disconnected(CloseCode::kNodeGone, ""); }

  void OnOpen(StreamId id, engine::Priority, ByteView request) override {
    const auto choice = std::to_integer<unsigned>(request[0]) % 4;
    if (choice == 0) return mux.Reject(id, CloseCode::kDenied, engine::AsText(request));
    if (choice == 1) return unanswered.push_back(id);
    CHECK(mux.Accept(id, MakeSink(id)));
    (void)mux.Write(id, engine::Channel::kMain, pool.Take());
    if (choice == 2) mux.Finish(id);
  }
  void OnControl(ByteView message) override {
    if (message.size() % 5 == 1 && sinks.size() < 1'000) {
      Sink& sink = MakeSink({});
      sink.id = mux.Open(engine::Priority::kInteractive, AsBytes("{}"), sink);
    }
    if (message.size() % 5 == 3 && !unanswered.empty()) {
      const StreamId id = unanswered.back();
      unanswered.pop_back();
      Sink& sink = MakeSink(id);
      (void)mux.Accept(id, sink);
    }
    if (message.size() % 5 == 2 && !sinks.empty())
      mux.Reset(sinks.back()->id, CloseCode::kInternal, "");
    if (message.size() % 101 == 3) mux.Goaway(CloseCode::kShuttingDown, "");
  }
  void OnGoaway(CloseCode, std::string_view) override {}
  void OnFailed(CloseCode, std::string_view) override {}

  // Gather checks that all that is sent is made of legal frames.
  void Gather(Instant now) {
    std::array<ByteView, engine::kRecordSlicesMax> slices;
    while (const size_t count = mux.GatherRecord(slices, now)) {
      const BufferRef record = pool.Take();
      size_t size = 0;
      for (const ByteView slice : std::span(slices).first(count)) {
        std::copy(slice.begin(), slice.end(), record.bytes().data() + size);
        size += slice.size();
      }
      mux.RecordTaken();
      sent += size;
      if (was_cut) continue;  // A record may begin inside a frame.
      engine::FrameParser parser;
      engine::FrameParser::Frame frame;
      parser.Feed(record.Share(0, size));
      auto result = parser.Next(frame);
      while (result == engine::FrameParser::Result::kFrame) result = parser.Next(frame);
      CHECK(result == engine::FrameParser::Result::kHungry);
    }
  }

  // Cut loses the connection, with the last `lost` bytes that were sent.
  void Cut(size_t lost, Instant now) {
    if (!mux.can_resume()) return;
    was_cut = true;
    mux.Suspend();
    sent -= std::min(sent, lost);
    if (!mux.Resume(sent, {}, carrier, now)) mux.Disconnected(CloseCode::kNodeGone, "");
  }

  struct Carrier final : engine::RecordCarrier {
    void OutputReady() override {}
    void CloseAfterOutput() override {}
  };

  Sink& MakeSink(StreamId id) {
    sinks.push_back(std::make_unique<Sink>());
    sinks.back()->owner = this;
    sinks.back()->id = id;
    return *sinks.back();
  }

  engine::BufferPool pool{128, 64 * 1024};
  std::vector<std::unique_ptr<Sink>> sinks;
  std::vector<StreamId> unanswered;
  Carrier carrier;
  size_t sent = 0;
  bool was_cut = false;
  engine::Multiplexer mux{engine::Side::kAccepted,
                          {.streams_max = 8, .resume_bytes_max = engine::kResumeBytesMin},
                          *this,
                          pool,
                          Instant{}};
};

void Sink::OnData(engine::Channel channel, BufferRef payload) {
  const auto choice = std::to_integer<unsigned>(payload.bytes()[0]) % 4;
  if (choice > 0) owner->mux.Consume(id, payload.size());
  if (choice == 1) owner->mux.Reset(id, CloseCode::kInternal, "");
  // An echo, once nothing forbids it: Write after Finish is a mistake of the owner's.
  if (choice == 2 && owner->mux.Writable(id) > 200'000)
    (void)owner->mux.SendControl(id, channel == engine::Channel::kMain ? "{}" : "{1}");
}

void Sink::OnControl(ByteView message) {
  if (message.size() % 3 == 1) owner->mux.Finish(id);
  if (message.size() % 3 == 2) owner->mux.Reset(id, CloseCode::kInternal, "");
}

void Sink::OnFinished() { owner->mux.Finish(id); }

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 3) return 0;
  Owner owner((size & 1) != 0, (size & 2) != 0);
  Instant now{};
  ByteView input(reinterpret_cast<const std::byte*>(data), size);
  const size_t chunk_size = 1 + engine::LoadBig<uint16_t>(input.data()) % 8'192;
  const unsigned gathers = std::to_integer<unsigned>(input[2]) % 4;
  input = input.subspan(3);
  for (unsigned i = 1; !input.empty(); ++i) {
    const ByteView chunk = input.first(std::min(input.size(), chunk_size));
    input = input.subspan(chunk.size());
    const BufferRef block = owner.pool.Take();
    if (block.empty()) return 0;  // All are queued, which the queues' maxima allow.
    std::copy(chunk.begin(), chunk.end(), block.bytes().begin());
    owner.mux.Receive(block.Share(0, chunk.size()), now);
    now += std::chrono::milliseconds(100);
    if (now >= owner.mux.NextDeadline()) owner.mux.HandleDeadline(now);
    if (gathers != 0 && i % gathers == 0) owner.Gather(now);
    if (chunk.size() % 7 == 3) owner.Cut(chunk.size() % 50, now);
  }
  return 0;
}
