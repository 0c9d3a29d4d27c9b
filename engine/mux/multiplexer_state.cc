#include "engine/mux/multiplexer_state.h"

#include <algorithm>
#include <array>

#include "engine/base/check.h"
#include "engine/mux/window_reserve.h"

namespace engine {
namespace {

// Beside kLinkBytesBase: each stream may have one reset.
constexpr size_t kLinkBytesPerStream = 32;

// Credit that windows may not grow into, so that new streams start with a useful one.
constexpr uint64_t kGrowthReserveFraction = 4;

// Acknowledgements that travel with credit cost nothing, and so come earlier than they must.
constexpr uint64_t kAckBytesWithCredit = 64 * 1024;

LivenessTimes Times(Side side, bool may_rest) {
  const LivenessTimes times = side == Side::kConnected ? kConnectedLiveness : kAcceptedLiveness;
  return may_rest ? Resting(times) : times;
}

OutputQueue::Options OutputOptions(const MultiplexerOptions& options) {
  return {.link_bytes_max = kLinkBytesBase + kLinkBytesPerStream * size_t{options.streams_max},
          .control_messages_max = kControlQueueMax,
          .chunks = OutputQueue::Chunks::kFill};
}

}  // namespace

Multiplexer::State::State(Side side, const MultiplexerOptions& options, LinkEvents& events,
                          BufferPool& pool, Instant now)
    : side_(side),
      options_(options),
      events_(events),
      pool_(pool),
      now_(now),
      next_id_(side == Side::kConnected ? 1 : 2),
      liveness_(Times(side, options.may_rest), now),
      output_(OutputOptions(options), pool, *this),
      stream_slab_(options.streams_max) {
  CHECK(options.streams_max > 0);
  CHECK(options.window_bytes_min >= kWindowBytesFloor);
  CHECK(options.window_bytes_max >= options.window_bytes_min);
  CHECK(options.window_bytes_sum_max >= options.window_bytes_min);
  CHECK(options.output_bytes_per_stream_max > 0);
  CHECK(options.resume_bytes_max == 0 || options.resume_bytes_max >= kResumeBytesMin);
  if (options.resume_bytes_max > 0) {
    log_ = std::make_unique<SentLog>(options.resume_bytes_max);
    output_.KeepIn(log_.get());
  }
  stream_slab_.Reserve();
  streams_.reserve(options.streams_max);
}

Multiplexer::State::~State() {
  CHECK(!is_inside_);
  while (Stream* stream = all_.front()) DestroyStream(*stream);
}

// Streams.

bool Multiplexer::State::IsOurs(StreamId id) const {
  const bool is_odd = (static_cast<uint32_t>(id) & 1) != 0;
  return is_odd == (side_ == Side::kConnected);
}

Stream* Multiplexer::State::Find(StreamId id) {
  const auto found = streams_.find(static_cast<uint32_t>(id));
  return found == streams_.end() ? nullptr : found->second;
}

uint64_t Multiplexer::State::WindowLeft() const {
  return options_.window_bytes_sum_max + window_bytes_borrowed_ - window_bytes_sum_;
}

// ReturnBorrowed gives back what our own sum, without what is kept for new streams, can serve.
void Multiplexer::State::ReturnBorrowed() {
  if (window_bytes_borrowed_ == 0) return;
  const uint64_t own =
      options_.window_bytes_sum_max - options_.window_bytes_sum_max / kGrowthReserveFraction;
  const uint64_t needed = window_bytes_sum_ > own ? window_bytes_sum_ - own : 0;
  if (needed >= window_bytes_borrowed_) return;
  options_.window_reserve->Return(window_bytes_borrowed_ - needed);
  window_bytes_borrowed_ = needed;
}

// GrantWindow leaves at least the floor for each stream that may still come.
uint64_t Multiplexer::State::GrantWindow() const {
  const uint64_t left = WindowLeft();
  const uint64_t others = options_.streams_max - streams_.size() - 1;
  const uint64_t kept = std::min(left, others * kWindowBytesFloor);
  return std::min(options_.window_bytes_min,
                  std::max(left - kept, std::min(left, kWindowBytesFloor)));
}

Stream* Multiplexer::State::MakeStream(StreamId id, Priority priority, Stream::Opener opener) {
  if (streams_.size() >= options_.streams_max) return nullptr;
  const uint64_t window_bytes = GrantWindow();
  if (window_bytes < kWindowBytesFloor) return nullptr;
  Stream* stream = stream_slab_.Make(id, priority, opener, window_bytes);
  CHECK(stream != nullptr);
  window_bytes_sum_ += window_bytes;
  streams_.emplace(static_cast<uint32_t>(id), stream);
  liveness_.Used(now_);
  CountUsers();
  all_.PushBack(*stream);
  return stream;
}

void Multiplexer::State::DestroyStream(Stream& stream) {
  output_.Drop(stream);
  window_bytes_sum_ -= stream.receive.window();
  ReturnBorrowed();
  streams_.erase(static_cast<uint32_t>(stream.id()));
  CountUsers();
  all_.Remove(stream);
  stream_slab_.Return(&stream);
}

void Multiplexer::State::CountUsers() {
  liveness_.SetOccupied(is_kept_awake_ || !streams_.empty());
}

void Multiplexer::State::CloseIfOver(Stream& stream) {
  if (!stream.IsOver()) return;
  StreamEvents* events = stream.events;
  DestroyStream(stream);
  events->OnClosed(CloseCode::kNormal, {});
}

void Multiplexer::State::EndStreams(CloseCode code, std::string_view text) {
  while (Stream* stream = all_.front()) {
    StreamEvents* events = stream->events;
    DestroyStream(*stream);
    if (events != nullptr) events->OnClosed(code, text);
  }
}

void Multiplexer::State::PushClose(FrameType type, StreamId id, CloseCode code,
                                   std::string_view text) {
  if (!output_.PushClose(type, id, code, text)) FailLater({CloseCode::kTooMany, kUnreadText});
}

// The link.

void Multiplexer::State::Fail(CloseCode code, std::string_view text) {
  CHECK(phase_ == Phase::kRunning);
  phase_ = Phase::kFailed;
  parser_.Drop();
  output_.ClearLink();
  CHECK(output_.PushClose(FrameType::kGoaway, kLinkStream, code, text));
  EndStreams(code, text);
  if (carrier_ != nullptr) {
    carrier_->OutputReady();
    if (code == CloseCode::kSilent) carrier_->GiveUpPeer();
    carrier_->CloseAfterOutput();
  }
  events_.OnFailed(code, text);
}

// Acknowledge says with the next record what we have.
void Multiplexer::State::Acknowledge() {
  if (!resumes_ || acknowledged_position_ == received_position_) return;
  acknowledged_position_ = received_position_;
  output_.AckDue(received_position_);
}

void Multiplexer::State::Ping() {
  Acknowledge();
  // The number is counted even when the ping cannot be queued: its deadline then stands for it.
  std::array<std::byte, sizeof(uint64_t)> payload;
  StoreBig(payload.data(), liveness_.Ping(now_));
  if (!is_hello_sent_) return;
  if (!output_.PushLink(FrameType::kPing, 0, kLinkStream, {payload}))
    FailLater({CloseCode::kTooMany, kUnreadText});
}

void Multiplexer::State::CheckLiveness() {
  switch (liveness_.Check(now_)) {
    case Liveness::Due::kNothing:
      return;
    case Liveness::Due::kPing:
      return Ping();
    case Liveness::Due::kSilent:
      if (!resumes_) break;
      is_stalled_ = true;
      return events_.OnStalled();
  }
  Fail(CloseCode::kSilent, "nothing was heard from the other side");
}

void Multiplexer::State::Enter(Instant now) {
  CHECK(!is_inside_);
  is_inside_ = true;
  now_ = now;
}

void Multiplexer::State::Leave() {
  if (!failing_.ok() && phase_ == Phase::kRunning) Fail(failing_.code, failing_.text);
  is_inside_ = false;
  Changed();
}

void Multiplexer::State::Changed() {
  Wake();
  if (!is_inside_) Verify();
}

void Multiplexer::State::Wake() {
  if (carrier_ != nullptr && phase_ != Phase::kGone && output_.HasOutput()) carrier_->OutputReady();
}

void Multiplexer::State::OnOutputTaken(StreamOutput& output) {
  Stream& stream = static_cast<Stream&>(output);
  if (stream.IsOver()) return CloseIfOver(stream);
  if (!stream.wants_writable || stream.send_half == Stream::Half::kFinished) return;
  if (stream.queued_bytes() > options_.output_bytes_per_stream_max / 2) return;
  stream.wants_writable = false;
  if (stream.events != nullptr) stream.events->OnWritable();
}

// A window that is drained keeps less than half of what the way holds: what waits gets through.
uint64_t Multiplexer::State::WindowWanted(const ReceiveWindow& window) const {
  const PathDelay& delay = liveness_.delay();
  if (!delay.least().has_value()) return window.window();
  const uint64_t bytes = window.Needed(*delay.least());
  if (bytes == 0) return window.window();
  if (delay.is_draining()) return std::max(std::min(bytes, window.window()) / 4, kWindowBytesFloor);
  const uint64_t least = std::min(window.window(), options_.window_bytes_min);
  return std::clamp(bytes, least, options_.window_bytes_max);
}

// GrowthGranted returns how much of `wanted` a window may grow: from our own sum, and then lent.
uint64_t Multiplexer::State::GrowthGranted(uint64_t wanted) {
  const uint64_t left = WindowLeft();
  const uint64_t kept = options_.window_bytes_sum_max / kGrowthReserveFraction;
  uint64_t growth = std::min(wanted, left > kept ? left - kept : 0);
  if (growth < wanted && options_.window_reserve != nullptr) {
    const uint64_t borrowed = options_.window_reserve->Take(wanted - growth);
    window_bytes_borrowed_ += borrowed;
    growth += borrowed;
  }
  return growth;
}

Credit Multiplexer::State::GatherCredit(StreamOutput& output) {
  ReceiveWindow& window = static_cast<Stream&>(output).receive;
  PathDelay& delay = liveness_.delay();
  if (delay.IsOld(now_) && window.window() > options_.window_bytes_min) delay.Drain(now_);
  // What comes while the way runs dry tells nothing of it.
  if (delay.least().has_value() && !delay.is_draining()) window.Measure(now_, *delay.least());
  const uint64_t wanted = WindowWanted(window);
  window.Resize(wanted);
  if (wanted > window.window()) {
    const uint64_t growth = GrowthGranted(wanted - window.window());
    window.Grow(growth);
    window_bytes_sum_ += growth;
  } else {
    window_bytes_sum_ -= window.TakeReleased();
    ReturnBorrowed();
  }
  if (received_position_ - acknowledged_position_ >= kAckBytesWithCredit) Acknowledge();
  return window.Renew();
}

void Multiplexer::State::Verify() {
#ifdef ENGINE_VERIFY
  // All of it costs a walk over the streams: every time for a few, now and then for many.
  constexpr size_t kFew = 32;
  constexpr uint32_t kNowAndThen = 256;
  CHECK(streams_.size() <= options_.streams_max);
  CHECK(window_bytes_sum_ <= options_.window_bytes_sum_max + window_bytes_borrowed_);
  CHECK(phase_ == Phase::kRunning || streams_.empty());
  if (streams_.size() > kFew && ++verify_count_ % kNowAndThen != 0) return;
  size_t count = 0;
  uint64_t window_bytes = 0;
  for (const Stream* stream = all_.front(); stream != nullptr;
       stream = decltype(all_)::Next(*stream)) {
    ++count;
    window_bytes += stream->receive.window();
    CHECK(Find(stream->id()) == stream);
    CHECK(!stream->IsOver());
    CHECK((stream->send_half == Stream::Half::kWaiting) <= !stream->is_accepted());
    CHECK(stream->events != nullptr || !stream->is_accepted());
    CHECK(stream->queued_bytes() <= options_.output_bytes_per_stream_max);
    CHECK(stream->receive.consumed() <= stream->receive.received());
    CHECK(stream->receive.received() <= stream->receive.limit());
    CHECK(stream->receive.window() <= options_.window_bytes_max);
    output_.VerifyStream(*stream);
  }
  CHECK(count == streams_.size());
  CHECK(window_bytes == window_bytes_sum_);
#endif
}

}  // namespace engine
