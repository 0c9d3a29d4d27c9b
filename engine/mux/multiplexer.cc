#include "engine/mux/multiplexer.h"

#include <algorithm>
#include <array>
#include <limits>
#include <utility>

#include "engine/base/check.h"
#include "engine/mux/multiplexer_state.h"
#include "engine/mux/window_reserve.h"

namespace engine {
namespace {

// Link frames that may wait: opens and answers are small, and each stream may have one reset.
constexpr size_t kLinkBytesBase = 128 * 1024;
constexpr size_t kLinkBytesPerStream = 32;

// Credit that windows may not grow into, so that new streams start with a useful one.
constexpr uint64_t kGrowthReserveFraction = 4;

// While there is no connection, opens leave so much of the link frames' room to the resets.
constexpr size_t kSuspendedLinkBytesMax = kLinkBytesBase / 2;

// Acknowledgements that travel with credit cost nothing, and so come earlier than they must.
constexpr uint64_t kAckBytesWithCredit = 64 * 1024;

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
      now_(now),
      next_id_(side == Side::kConnected ? 1 : 2),
      liveness_(side == Side::kConnected ? kConnectedLiveness : kAcceptedLiveness, now),
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
  all_.PushBack(*stream);
  return stream;
}

void Multiplexer::State::DestroyStream(Stream& stream) {
  output_.Drop(stream);
  window_bytes_sum_ -= stream.receive.window();
  ReturnBorrowed();
  streams_.erase(static_cast<uint32_t>(stream.id()));
  all_.Remove(stream);
  stream_slab_.Return(&stream);
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

Credit Multiplexer::State::GatherCredit(StreamOutput& output) {
  ReceiveWindow& window = static_cast<Stream&>(output).receive;
  const uint64_t wanted =
      window.GrowthWanted(now_, liveness_.round_trip(), options_.window_bytes_max);
  const uint64_t left = WindowLeft();
  const uint64_t kept = options_.window_bytes_sum_max / kGrowthReserveFraction;
  uint64_t growth = std::min(wanted, left > kept ? left - kept : 0);
  if (growth < wanted && options_.window_reserve != nullptr) {
    const uint64_t borrowed = options_.window_reserve->Take(wanted - growth);
    window_bytes_borrowed_ += borrowed;
    growth += borrowed;
  }
  window.Grow(growth);
  window_bytes_sum_ += growth;
  if (received_position_ - acknowledged_position_ >= kAckBytesWithCredit) Acknowledge();
  return window.Renew(now_);
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

// The owner's calls.

Multiplexer::Multiplexer(Side side, const MultiplexerOptions& options, LinkEvents& events,
                         BufferPool& pool, Instant now)
    : state_(std::make_unique<State>(side, options, events, pool, now)) {}

Multiplexer::~Multiplexer() = default;

void Multiplexer::Attach(RecordCarrier& carrier) {
  state_->carrier_ = &carrier;
  state_->Wake();
}

void Multiplexer::Receive(BufferRef plaintext, Instant now) {
  State& s = *state_;
  s.Enter(now);
  if (s.phase_ == State::Phase::kRunning) s.Receive(std::move(plaintext));
  s.Leave();
}

size_t Multiplexer::GatherRecord(std::span<ByteView> slices, Instant now) {
  State& s = *state_;
  if (s.phase_ == State::Phase::kGone || s.is_suspended_) return 0;
  s.now_ = now;
  if (!s.preface_.empty()) {
    s.is_preface_gathered_ = true;
    slices[0] = AsBytes(s.preface_);
    return 1;
  }
  return s.output_.Gather(slices);
}

void Multiplexer::RecordTaken() {
  State& s = *state_;
  if (s.phase_ == State::Phase::kGone || s.is_suspended_) return;
  if (std::exchange(s.is_preface_gathered_, false)) return s.preface_.clear();
  s.Enter(s.now_);
  if (s.phase_ != State::Phase::kGone) s.output_.Taken();
  if (s.log_ != nullptr && s.log_->is_overrun()) s.FailLater({CloseCode::kTooMany, kUnreadText});
  s.Leave();
}

Instant Multiplexer::NextDeadline() const {
  const State& s = *state_;
  const bool is_awaited = s.phase_ == State::Phase::kRunning && !s.is_suspended_ && !s.is_stalled_;
  return is_awaited ? s.liveness_.NextDeadline() : Instant::max();
}

void Multiplexer::HandleDeadline(Instant now) {
  State& s = *state_;
  s.Enter(now);
  const bool is_awaited = s.phase_ == State::Phase::kRunning && !s.is_suspended_ && !s.is_stalled_;
  if (is_awaited) s.CheckLiveness();
  s.Leave();
}

void Multiplexer::Disconnected(CloseCode code, std::string_view text) {
  State& s = *state_;
  if (s.phase_ == State::Phase::kGone) return;
  s.phase_ = State::Phase::kGone;
  s.parser_.Drop();
  s.output_.Abandon();
  s.EndStreams(code, text);
}

void Multiplexer::PeerResumes(bool does) {
  State& s = *state_;
  s.resumes_ = does && s.log_ != nullptr;
  if (s.resumes_) return;
  s.output_.KeepIn(nullptr);
  s.log_.reset();
}

bool Multiplexer::can_resume() const {
  return state_->resumes_ && state_->phase_ == State::Phase::kRunning;
}

bool Multiplexer::suspended() const { return state_->is_suspended_; }

uint64_t Multiplexer::received_position() const { return state_->received_position_; }

void Multiplexer::Suspend() {
  State& s = *state_;
  CHECK(can_resume());
  s.carrier_ = nullptr;
  s.is_suspended_ = true;
  s.preface_.clear();
  s.is_preface_gathered_ = false;
  s.Enter(s.now_);
  s.output_.Interrupt();
  s.Leave();
}

bool Multiplexer::Resume(uint64_t peer_position, ByteView preface, RecordCarrier& carrier,
                         Instant now) {
  State& s = *state_;
  CHECK(s.is_suspended_);
  if (!can_resume() || !s.log_->Rewind(peer_position)) return false;
  s.is_suspended_ = false;
  s.is_stalled_ = false;
  s.preface_ = AsText(preface);
  s.acknowledged_position_ = s.received_position_;  // The peer was told.
  s.output_.DropAck();
  s.now_ = now;
  s.liveness_.Heard(now);
  s.carrier_ = &carrier;
  carrier.OutputReady();
  s.Changed();
  return true;
}

StreamId Multiplexer::Open(Priority priority, ByteView request, StreamEvents& events) {
  State& s = *state_;
  CHECK(!request.empty());
  CHECK(request.size() <= kOpenRequestMax);
  if (s.phase_ != State::Phase::kRunning) return kLinkStream;
  CHECK(s.is_hello_sent_);
  if (s.is_goaway_sent_ || s.is_goaway_received_) return kLinkStream;
  if (s.next_id_ > std::numeric_limits<uint32_t>::max()) return kLinkStream;
  if (s.is_suspended_ && s.output_.link_bytes() > kSuspendedLinkBytesMax) return kLinkStream;
  const StreamId id{static_cast<uint32_t>(s.next_id_)};
  Stream* stream = s.MakeStream(id, priority, Stream::Opener::kUs);
  if (stream == nullptr) return kLinkStream;
  std::array<std::byte, sizeof(uint64_t)> limit;
  StoreBig(limit.data(), stream->receive.limit());
  const uint8_t flags = priority == Priority::kInteractive ? kFlagInteractive : uint8_t{0};
  if (!s.output_.PushLink(FrameType::kOpen, flags, id, {limit, request})) {
    s.DestroyStream(*stream);
    return kLinkStream;
  }
  s.next_id_ += 2;
  stream->events = &events;
  s.Changed();
  return id;
}

bool Multiplexer::Accept(StreamId id, StreamEvents& events) {
  State& s = *state_;
  Stream* stream = s.Find(id);
  if (stream == nullptr) return false;
  CHECK(stream->opener == Stream::Opener::kPeer);
  CHECK(!stream->is_accepted());
  stream->events = &events;
  stream->send_half = Stream::Half::kOpen;
  stream->receive_half = Stream::Half::kOpen;
  std::array<std::byte, sizeof(uint64_t)> limit;
  StoreBig(limit.data(), stream->receive.limit());
  if (!s.output_.PushLink(FrameType::kAccept, 0, id, {limit}))
    s.FailLater({CloseCode::kTooMany, kUnreadText});
  s.output_.Open(*stream, stream->peer_limit);
  s.Changed();
  return true;
}

void Multiplexer::Reject(StreamId id, CloseCode code, std::string_view text) {
  State& s = *state_;
  Stream* stream = s.Find(id);
  if (stream == nullptr) return;
  CHECK(stream->opener == Stream::Opener::kPeer);
  CHECK(!stream->is_accepted());
  s.DestroyStream(*stream);
  s.PushClose(FrameType::kReject, id, code, text);
  s.Changed();
}

size_t Multiplexer::Write(StreamId id, Channel channel, BufferRef payload) {
  State& s = *state_;
  const size_t size = payload.size();
  Stream* stream = s.Find(id);
  if (stream == nullptr || size == 0) return size;
  CHECK(stream->events != nullptr);
  CHECK(stream->send_half != Stream::Half::kFinished);
  const size_t taken = std::min(size, Writable(id));
  if (taken < size) stream->wants_writable = true;
  if (taken == 0) return 0;
  const uint8_t flags = channel == Channel::kStderr ? kFlagStderr : uint8_t{0};
  if (!s.output_.PushData(*stream, flags,
                          taken < size ? payload.Share(0, taken) : std::move(payload))) {
    stream->wants_writable = true;
    return 0;
  }
  s.Changed();
  return taken;
}

size_t Multiplexer::Writable(StreamId id) const {
  Stream* stream = state_->Find(id);
  if (stream == nullptr) return 0;
  return state_->options_.output_bytes_per_stream_max - stream->queued_bytes();
}

void Multiplexer::Consume(StreamId id, size_t size) {
  State& s = *state_;
  Stream* stream = s.Find(id);
  if (stream == nullptr) return;
  stream->receive.Consume(size);
  if (stream->receive_half != Stream::Half::kOpen || !stream->receive.IsCreditDue()) return;
  s.output_.CreditDue(*stream);
  s.Changed();
}

bool Multiplexer::SendControl(StreamId id, std::string_view json) {
  State& s = *state_;
  CHECK(!json.empty());
  CHECK(json.size() <= kControlSizeMax);
  if (id == kLinkStream) {
    if (s.phase_ != State::Phase::kRunning) return true;
    if (!s.output_.PushLink(FrameType::kControl, 0, kLinkStream, {AsBytes(json)})) return false;
    s.is_hello_sent_ = true;
  } else {
    Stream* stream = s.Find(id);
    if (stream == nullptr) return true;
    CHECK(stream->events != nullptr);
    if (!s.output_.PushControl(*stream, AsBytes(json))) return false;
  }
  s.Changed();
  return true;
}

void Multiplexer::Finish(StreamId id) {
  State& s = *state_;
  Stream* stream = s.Find(id);
  if (stream == nullptr || stream->is_finish_queued()) return;
  CHECK(stream->events != nullptr);
  stream->send_half = Stream::Half::kFinished;
  s.output_.PushFinish(*stream);
  s.Changed();
}

void Multiplexer::Reset(StreamId id, CloseCode code, std::string_view text) {
  State& s = *state_;
  Stream* stream = s.Find(id);
  if (stream == nullptr) return;
  const bool is_answer = stream->opener == Stream::Opener::kPeer && !stream->is_accepted();
  s.DestroyStream(*stream);
  s.PushClose(is_answer ? FrameType::kReject : FrameType::kReset, id, code, text);
  s.Changed();
}

void Multiplexer::Goaway(CloseCode code, std::string_view text) {
  State& s = *state_;
  if (s.phase_ != State::Phase::kRunning) return;
  s.is_goaway_sent_ = true;
  s.PushClose(FrameType::kGoaway, kLinkStream, code, text);
  s.Wake();
}

size_t Multiplexer::stream_count() const { return state_->streams_.size(); }
uint64_t Multiplexer::received_bytes() const { return state_->received_bytes_; }
uint64_t Multiplexer::sent_bytes() const { return state_->output_.data_bytes(); }
uint64_t Multiplexer::window_bytes_sum() const { return state_->window_bytes_sum_; }
Duration Multiplexer::round_trip() const {
  return state_->liveness_.round_trip().value_or(Duration::zero());
}

}  // namespace engine
