#include "engine/mux/multiplexer.h"

#include <algorithm>
#include <array>
#include <limits>
#include <utility>

#include "engine/base/check.h"
#include "engine/mux/multiplexer_state.h"

namespace engine {
namespace {

// While there is no connection, opens leave so much of the link frames' room to the resets.
constexpr size_t kSuspendedLinkBytesMax = kLinkBytesBase / 2;

}  // namespace

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
  return s.is_awaited() ? s.liveness_.NextDeadline() : Instant::max();
}

void Multiplexer::HandleDeadline(Instant now) {
  State& s = *state_;
  s.Enter(now);
  if (s.is_awaited()) s.CheckLiveness();
  s.Leave();
}

void Multiplexer::Probe(Duration patience, Instant now) {
  State& s = *state_;
  s.Enter(now);
  if (s.is_awaited()) {
    s.liveness_.Suspect(now, patience);
    s.Ping();
  }
  s.Leave();
}

void Multiplexer::KeepAwake(bool is_needed, Instant now) {
  State& s = *state_;
  if (std::exchange(s.is_kept_awake_, is_needed) == is_needed) return;
  if (is_needed) s.liveness_.Used(now);
  s.CountUsers();
  if (is_needed && s.carrier_ != nullptr) s.carrier_->OutputReady();  // A deadline came nearer.
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

void Multiplexer::PeerTakesEarly() {
  static_assert(kEarlyDataMax <= kWindowBytesFloor);   // So every window has room for it ...
  CHECK(state_->pool_.block_size() >= kEarlyDataMax);  // ... and a block.
  CHECK(state_->streams_.empty());
  state_->takes_early_ = true;
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
  s.liveness_.StartAnew(now);
  for (Stream* stream = s.all_.front(); stream != nullptr;
       stream = decltype(s.all_)::Next(*stream)) {
    stream->receive.ForgetRate();  // It may be another way.
  }
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
  if (s.takes_early_) s.output_.OpenEarly(*stream);
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
  CHECK(s.output_.Open(*stream, stream->peer_limit));
  BufferRef early = stream->TakeEarly();
  s.Changed();
  if (!early.empty()) events.OnData(Channel::kMain, std::move(early));
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
  return state_->liveness_.delay().least().value_or(Duration::zero());
}

}  // namespace engine
