#include "tests/sim/byte_flow.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "engine/base/bytes.h"
#include "engine/base/check.h"
#include "engine/loop/address.h"

namespace sim {

using engine::Handler;
using engine::IoError;

namespace {

std::byte ByteAt(uint64_t salt, uint64_t offset) {
  return static_cast<std::byte>((offset * 0x9E3779B97F4A7C15u + salt * 0x2545F4914F6CDD1Du) >> 56);
}

// The two directions carry other bytes, and so do any two sessions, so that none can be taken for
// the other.
uint64_t SaltOf(const FlowPlan& plan, bool is_up) {
  return (plan.salt + (plan.session << 48)) * 2 + (is_up ? 1 : 0);
}

FlowPlan Unpack(const std::array<std::byte, FlowPlan::kSize>& header) {
  return {.salt = engine::LoadBig<uint64_t>(header.data()),
          .up_bytes = engine::LoadBig<uint64_t>(header.data() + 8),
          .down_bytes = engine::LoadBig<uint64_t>(header.data() + 16),
          .pause_us = engine::LoadBig<uint64_t>(header.data() + 24),
          .session = engine::LoadBig<uint64_t>(header.data() + 32)};
}

}  // namespace

std::array<std::byte, FlowPlan::kSize> FlowPlan::Pack() const {
  std::array<std::byte, kSize> header;
  engine::StoreBig(header.data(), salt);
  engine::StoreBig(header.data() + 8, up_bytes);
  engine::StoreBig(header.data() + 16, down_bytes);
  engine::StoreBig(header.data() + 24, pause_us);
  engine::StoreBig(header.data() + 32, session);
  return header;
}

ByteFlow::ByteFlow(engine::Loop& loop, Side side, const FlowPlan& plan, FlowEnds ends)
    : loop_(loop),
      side_(side),
      plan_(plan),
      socket_(ends.out),
      in_(ends.in == ends.out ? engine::Socket{} : ends.in),
      header_(plan.Pack()),
      random_(plan.salt),
      progress_at_(loop.Now()),
      connect_op_(Handler<engine::Connected>::To<&ByteFlow::OnConnected>(this)),
      receive_op_(Handler<engine::Received>::To<&ByteFlow::OnReceived>(this)),
      send_op_(Handler<engine::Sent>::To<&ByteFlow::OnSent>(this)),
      pause_op_(Handler<engine::Fired>::To<&ByteFlow::OnPauseOver>(this)),
      close_op_(Handler<engine::Closed>::To<&ByteFlow::OnClosed>(this)) {
  if (socket_.valid()) Receive();
}

ByteFlow::ByteFlow(engine::Loop& loop, const FlowPlan& plan, const engine::Address& peer)
    : ByteFlow(loop, Side::kProgram, plan, {}) {
  const engine::Opened opened = loop.OpenStream(peer.family());
  CHECK(opened.error == IoError::kNone);
  socket_ = opened.socket;
  loop.Connect(connect_op_, socket_, peer);
}

ByteFlow::ByteFlow(engine::Loop& loop, engine::Socket accepted, std::string place)
    : ByteFlow(loop, Side::kServer, {}, {accepted, accepted}) {
  place_ = std::move(place);
}

ByteFlow::ByteFlow(engine::Loop& loop, const FlowPlan& plan, engine::Socket connected)
    : ByteFlow(loop, Side::kProgram, plan, {connected, connected}) {
  SendNext();
}

ByteFlow::ByteFlow(engine::Loop& loop, FlowEnds ends, std::string session_id)
    : ByteFlow(loop, Side::kServer, {}, ends) {
  place_ = std::move(session_id);
  is_terminal_ = ends.in == ends.out;
  may_end_ = false;
}

void ByteFlow::Receive() {
  loop_.Receive(receive_op_, in_.valid() ? in_ : socket_, engine::ReceiveMode::kOnce);
}

uint64_t ByteFlow::to_send() const {
  return side_ == Side::kProgram ? FlowPlan::kSize + plan_.up_bytes : plan_.down_bytes;
}

uint64_t ByteFlow::to_receive() const {
  return side_ == Side::kProgram ? plan_.down_bytes : FlowPlan::kSize + plan_.up_bytes;
}

void ByteFlow::OnConnected(engine::Connected outcome) {
  if (state_ != State::kRunning) return CloseIfIdle();
  if (outcome.error != IoError::kNone) return End(State::kRefused);
  progress_at_ = loop_.Now();
  Receive();
  SendNext();
}

void ByteFlow::OnReceived(engine::Received outcome) {
  if (state_ != State::kRunning) return CloseIfIdle();
  if (outcome.error == IoError::kEndOfStream) return HearEnd();
  if (outcome.error == IoError::kNone) Take(outcome.data.bytes());
  const bool may_go_on = outcome.error == IoError::kNone || outcome.error == IoError::kNoBuffers;
  if (!may_go_on || !problem_.empty()) return End(State::kBroken);
  outcome.data = {};
  Receive();
}

void ByteFlow::HearEnd() {
  if (state_ != State::kRunning || std::exchange(heard_end_, true)) return;
  progress_at_ = loop_.Now();
  if (knows_plan() && read_ == to_receive()) return EndIfWhole();
  problem_ = "the end came in order, and " + std::to_string(read_) + " bytes before it, not " +
             (knows_plan() ? std::to_string(to_receive()) : "even the plan's");
  End(State::kBroken);
}

void ByteFlow::LetEnd() {
  may_end_ = true;
  if (state_ == State::kRunning) EndIfWhole();
}

void ByteFlow::Take(engine::ByteView bytes) {
  progress_at_ = loop_.Now();
  for (const std::byte byte : bytes) {
    const uint64_t at = read_++;
    const uint64_t header = side_ == Side::kServer ? FlowPlan::kSize : 0;
    if (at < header) {
      header_[at] = byte;
      if (read_ < header) continue;
      plan_ = Unpack(header_);
      random_ = engine::Random(plan_.salt + 1);
      SendNext();
    } else if (at >= to_receive()) {
      problem_ = "byte " + std::to_string(at) + " came, and there are only so many";
    } else if (byte != ByteAt(SaltOf(plan_, side_ == Side::kServer), at - header)) {
      problem_ = "byte " + std::to_string(at) + " of " + std::to_string(to_receive()) +
                 " came changed, or in another place";
    }
    if (!problem_.empty()) return;
  }
}

void ByteFlow::SendNext() {
  if (state_ != State::kRunning || send_op_.in_flight() || pause_op_.in_flight()) return;
  if (written_ == to_send()) {
    // A terminal has one end, that of its program.
    if (!said_end_ && !is_terminal_) loop_.Shutdown(socket_, engine::ShutdownSide::kSend);
    said_end_ = true;
    return EndIfWhole();
  }
  const uint64_t header = side_ == Side::kProgram ? FlowPlan::kSize : 0;
  const auto size = std::min<uint64_t>(random_.Range(1, kPiece), to_send() - written_);
  piece_.resize(size);
  for (uint64_t i = 0; i < size; ++i) {
    const uint64_t at = written_ + i;
    piece_[i] =
        at < header ? header_[at] : ByteAt(SaltOf(plan_, side_ == Side::kProgram), at - header);
  }
  const engine::ByteView bytes(piece_);
  loop_.Send(send_op_, socket_, {&bytes, 1}, engine::SendMode::kCopy);
}

void ByteFlow::OnSent(engine::Sent outcome) {
  if (state_ != State::kRunning) return CloseIfIdle();
  if (outcome.error != IoError::kNone) return End(State::kBroken);
  written_ += piece_.size();
  progress_at_ = loop_.Now();
  if (plan_.pause_us == 0) return SendNext();
  loop_.StartTimer(pause_op_,
                   loop_.Now() + std::chrono::microseconds(random_.Range(0, plan_.pause_us)));
}

void ByteFlow::OnPauseOver(engine::Fired) {
  progress_at_ = loop_.Now();
  state_ == State::kRunning ? SendNext() : CloseIfIdle();
}

void ByteFlow::EndIfWhole() {
  if (is_done() && may_end_) End(State::kWhole);
}

void ByteFlow::Abort() {
  if (state_ == State::kRunning) End(State::kBroken);
}

void ByteFlow::End(State state) {
  state_ = state;
  loop_.Cancel(connect_op_);
  loop_.Cancel(receive_op_);
  loop_.Cancel(send_op_);
  loop_.Cancel(pause_op_);
  CloseIfIdle();
}

void ByteFlow::CloseIfIdle() {
  engine::Socket& next = socket_.valid() ? socket_ : in_;
  if (!next.valid() || is_busy()) return;
  const bool is_whole = state_ == State::kWhole;
  loop_.Close(close_op_, std::exchange(next, {}),
              is_whole ? engine::CloseMode::kOrderly : engine::CloseMode::kReset);
}

}  // namespace sim
