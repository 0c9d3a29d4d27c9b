#include "engine/net/secure_connection.h"

#include <algorithm>
#include <array>
#include <utility>

#include "engine/buffer/dry_pool.h"
#include "engine/loop/socket_options.h"
#include "engine/tls/tls_channel.h"

namespace engine {
namespace {

static_assert(SecureConnection::kNoBuffersPause == kDryPoolPause);

// What is adopted, a relay's accepted connection above all, may be passed on to where its owner
// sends no PING of his own: what is joined must end when its peer is gone without a word and never
// comes back. Whoever speaks more often is never probed.
constexpr SocketOptions kAdopted{.no_delay = true,
                                 .keepalive_idle = std::chrono::seconds(60),
                                 .keepalive_interval = std::chrono::seconds(15),
                                 .keepalive_probes = 4};

using Kind = ConnectionEnd::Kind;

std::string_view IoErrorReason(IoError error) {
  switch (error) {
    case IoError::kRefused:
      return "nobody listens there (connection refused)";
    case IoError::kUnreachable:
      return "there is no route to it";
    case IoError::kTimedOut:
      return "it did not answer in time";
    case IoError::kReset:
      return "the connection was reset";
    case IoError::kExhausted:
      return "this machine is out of descriptors or memory";
    case IoError::kDenied:
      return "this machine does not permit it (firewall or sandbox)";
    default:
      return "the connection failed";
  }
}

// NoteFailure keeps what says most of several addresses: a refusal is not replaced by what is wrong
// with another one, which this machine may not even have.
void NoteFailure(IoError error, std::string& text) {
  if (text != IoErrorReason(IoError::kRefused)) text = IoErrorReason(error);
}

}  // namespace

SecureConnection::SecureConnection(Loop& loop, Events& events)
    : loop_(loop),
      events_(&events),
      resolve_op_(Handler<Resolved>::To<&SecureConnection::OnResolved>(this)),
      connect_op_(Handler<Connected>::To<&SecureConnection::OnConnected>(this)),
      receive_op_(Handler<Received>::To<&SecureConnection::OnReceived>(this)),
      send_op_(Handler<Sent>::To<&SecureConnection::OnSent>(this)),
      pump_op_(Handler<Fired>::To<&SecureConnection::OnPump>(this)),
      deadline_op_(Handler<Fired>::To<&SecureConnection::OnDeadline>(this)),
      close_op_(Handler<Closed>::To<&SecureConnection::OnSocketClosed>(this)) {}

SecureConnection::~SecureConnection() { CHECK(phase_ == Phase::kIdle || phase_ == Phase::kClosed); }

void SecureConnection::Dial(Resolver& resolver, std::string_view host, uint16_t port,
                            std::unique_ptr<TlsChannel> channel, Duration connect_max) {
  CHECK(phase_ == Phase::kIdle);
  channel_ = std::move(channel);
  route_ = std::make_unique<Route>(Route{.resolver = resolver,
                                         .host = std::string(host),
                                         .port = port,
                                         .connect_max = connect_max,
                                         .addresses = {},
                                         .peer = {},
                                         .is_recalled = false});
  phase_ = Phase::kResolving;
  phase_deadline_ = loop_.Now() + (resolver.Trusts(host, port) ? kRecallAfter : kConnectMax);
  resolver.Resolve(resolve_op_, host, port);
  ArmDeadline();
}

void SecureConnection::Events::OnDetached(SecureConnection&, DetachedSocket) { CHECK(false); }

void SecureConnection::Adopt(Socket socket, std::unique_ptr<TlsChannel> channel,
                             BufferRef first_bytes) {
  std::vector<BufferRef> all;
  if (!first_bytes.empty()) all.push_back(std::move(first_bytes));
  Adopt(socket, std::move(channel), std::move(all));
}

void SecureConnection::Adopt(Socket socket, std::unique_ptr<TlsChannel> channel,
                             std::vector<BufferRef> first_bytes) {
  CHECK(phase_ == Phase::kIdle);
  channel_ = std::move(channel);
  socket_ = socket;
  loop_.SetOptions(socket_, kAdopted);
  phase_ = Phase::kHandshaking;
  phase_deadline_ = loop_.Now() + kHandshakeMax;
  for (BufferRef& slice : first_bytes) CHECK(channel_->Receive(std::move(slice)));
  ArmDeadline();
  SchedulePump(Duration::zero());
}

void SecureConnection::SetProtocol(RecordProtocol& protocol) {
  CHECK(protocol_ == nullptr);
  protocol_ = &protocol;
}

void SecureConnection::ReplaceProtocol(RecordProtocol& protocol) {
  CHECK(protocol_ != nullptr);
  protocol_ = &protocol;
}

void SecureConnection::ReplaceEvents(Events& events) {
  CHECK(open());
  CHECK(!close_requested_);
  events_ = &events;
}

void SecureConnection::HoldInput(bool is_held) {
  input_is_held_ = is_held;
  if (!is_held && phase_ == Phase::kOpen && !pumping_) SchedulePump(Duration::zero());
}

void SecureConnection::OutputReady() {
  // A send in flight pumps when it completes, and a pump on the stack goes on until all is said.
  const bool writes = phase_ == Phase::kOpen || phase_ == Phase::kDraining;
  if (!writes && phase_ != Phase::kDetaching) return;
  if (pumping_) return;
  // Of a send that never completes, the deadline that came with the output is the only end.
  if (send_op_.in_flight()) return ArmDeadline();
  SchedulePump(Duration::zero());
}

void SecureConnection::CloseAfterOutput() {
  if (close_requested_) return;
  close_requested_ = true;
  if (flowing() && !pumping_) SchedulePump(Duration::zero());
}

void SecureConnection::Detach() {
  CHECK(phase_ == Phase::kOpen);
  phase_ = Phase::kDetaching;
  phase_deadline_ = loop_.Now() + kDrainMax;
  ArmDeadline();
  SchedulePump(Duration::zero());
}

void SecureConnection::Close() {
  if (phase_ == Phase::kIdle || phase_ >= Phase::kClosing) return;
  Join({Kind::kClosedByUs, "closed"});
}

// ---------------------------------------------------------------- completions

void SecureConnection::OnResolved(Resolved outcome) {
  if (phase_ == Phase::kClosing) return FinishJoin();
  if (outcome.error != ResolveError::kNone) {
    const auto remembered = route_->resolver.Recall(route_->host, route_->port);
    if (!remembered.has_value()) {
      const bool is_silent = outcome.error == ResolveError::kTemporary;
      return Join({Kind::kUnreachable,
                   is_silent ? "the name servers do not answer" : "its name cannot be resolved"});
    }
    outcome.addresses = {*remembered};
    route_->is_recalled = true;
  }
  route_->addresses = std::move(outcome.addresses);
  std::reverse(route_->addresses.begin(), route_->addresses.end());
  phase_ = Phase::kConnecting;
  phase_deadline_ = loop_.Now() + route_->connect_max;
  ArmDeadline();
  TryNextAddress();
}

void SecureConnection::TryNextAddress() {
  Address& peer = route_->peer;
  peer = route_->addresses.back();
  route_->addresses.pop_back();
  const Opened opened = loop_.OpenStream(peer.family());
  if (opened.error != IoError::kNone) {
    NoteFailure(opened.error, end_.text);
    if (!route_->addresses.empty()) return TryNextAddress();
    return Join({Kind::kUnreachable, std::move(end_.text)});
  }
  socket_ = opened.socket;
  loop_.SetOptions(socket_, {.no_delay = true});
  loop_.Connect(connect_op_, socket_, peer);
}

void SecureConnection::OnConnected(Connected outcome) {
  if (phase_ == Phase::kClosing) return FinishJoin();
  if (outcome.error != IoError::kNone) {
    NoteFailure(outcome.error, end_.text);
    // The next address is tried when the socket of this one is closed.
    if (!route_->addresses.empty()) return loop_.Close(close_op_, socket_);
    return Join({Kind::kUnreachable, std::move(end_.text)});
  }
  phase_ = Phase::kHandshaking;
  phase_deadline_ = loop_.Now() + kHandshakeMax;
  Pump();  // The client's first flight.
}

void SecureConnection::OnReceived(Received outcome) {
  if (phase_ == Phase::kClosing) return FinishJoin();
  switch (outcome.error) {
    case IoError::kNone:
      if (phase_ == Phase::kDraining) return StartReceive();  // Nobody listens to it any more.
      heard_peer_ = true;
      held_input_.Push(std::move(outcome.data));
      if (!outcome.more) Pump();
      return;
    case IoError::kCanceled:
      CHECK(phase_ == Phase::kDetaching);
      return FinishDetach();
    case IoError::kNoBuffers:
      return SchedulePump(kNoBuffersPause);
    case IoError::kEndOfStream:
      if (phase_ == Phase::kDraining) {
        peer_finished_ = true;
        return FinishDrain();
      }
      return Join({phase_ == Phase::kHandshaking ? Kind::kHandshakeFailed : Kind::kCut,
                   phase_ == Phase::kHandshaking ? "the other side hung up before TLS was set up"
                                                 : "the connection ended without a goodbye"});
    default:
      return Join({phase_ == Phase::kHandshaking ? Kind::kHandshakeFailed : Kind::kCut,
                   std::string(IoErrorReason(outcome.error))});
  }
}

void SecureConnection::OnSent(Sent outcome) {
  if (phase_ == Phase::kClosing) {
    if (!outcome.more) FinishJoin();
    return;
  }
  if (outcome.error != IoError::kNone) {
    return Join({Kind::kCut, std::string(IoErrorReason(outcome.error))});
  }
  channel_->OutputSent(outcome.size);
  Pump();
}

void SecureConnection::OnPump(Fired) {
  if (phase_ == Phase::kClosing) return FinishJoin();
  Pump();
}

void SecureConnection::OnDeadline(Fired) {
  armed_deadline_ = Instant::max();
  if (phase_ == Phase::kClosing) return FinishJoin();
  if (phase_ == Phase::kDetaching && io_is_over_) return FinishDetach();
  const Instant now = loop_.Now();
  if (now >= phase_deadline_) {
    switch (phase_) {
      case Phase::kResolving:
        if (!route_->resolver.Recall(route_->host, route_->port)) {
          return Join({Kind::kUnreachable, "its name was not resolved in time"});
        }
        phase_deadline_ = Instant::max();
        return route_->resolver.Cancel(resolve_op_);  // OnResolved recalls.
      case Phase::kConnecting:
        return Join({Kind::kUnreachable, "it did not answer in time"});
      case Phase::kHandshaking:
        return Join({Kind::kHandshakeFailed, "TLS was not set up in time"});
      case Phase::kDraining:
        return Join(std::move(end_));
      case Phase::kDetaching:
        return Join({Kind::kCut, "the other side did not take our last words in time"});
      default:
        break;
    }
  }
  if (phase_ == Phase::kOpen && protocol_ != nullptr && now >= protocol_->NextDeadline()) {
    protocol_->HandleDeadline(now);
    if (phase_ == Phase::kOpen) return Pump();
    return;
  }
  ArmDeadline();
}

void SecureConnection::OnSocketClosed(Closed) {
  if (phase_ == Phase::kConnecting) {
    socket_ = {};
    return TryNextAddress();
  }
  if (phase_ == Phase::kClosing && socket_.valid()) {
    socket_ = {};
    return FinishJoin();
  }
  phase_ = Phase::kClosed;
  events_->OnClosed(*this, end_);  // Last: it may destroy this.
}

// ------------------------------------------------------------------- pumping

void SecureConnection::StartReceive() {
  if (!receive_op_.in_flight()) loop_.Receive(receive_op_, socket_, ReceiveMode::kBatch);
}

void SecureConnection::StartSend() {
  if (send_op_.in_flight() || channel_->output_size() == 0) return;
  std::array<ByteView, kSendSlicesMax> slices;
  const size_t count = channel_->Output(slices);
  loop_.Send(send_op_, socket_, std::span(slices).first(count), SendMode::kCopy);
}

void SecureConnection::SchedulePump(Duration delay) {
  if (!pump_op_.in_flight()) loop_.StartTimer(pump_op_, loop_.Now() + delay);
}

void SecureConnection::Pump() {
  if (phase_ == Phase::kDraining) {
    if (PumpOutput()) FinishDrain();
    return;
  }
  if (phase_ == Phase::kDetaching) {
    if (PumpOutput()) FinishDetach();
    return;
  }
  if (!flowing()) return;
  CHECK(!pumping_);
  pumping_ = true;
  const bool goes_on = PumpInput() && PumpOutput();
  pumping_ = false;
  if (!goes_on) return;
  if (close_requested_) return Drain({Kind::kClosedByUs, "closed"});
  if (held_input_.empty() && !input_is_held_) StartReceive();
  ArmDeadline();
}

bool SecureConnection::PumpInput() {
  while (true) {
    if (input_is_held_) return true;
    while (!held_input_.empty() && channel_->Receive(std::move(held_input_.front()))) {
      held_input_.Pop();
    }
    BufferRef plaintext;
    const TlsChannel::Outcome outcome = channel_->Read(plaintext);
    if (phase_ == Phase::kHandshaking && channel_->handshake_done()) {
      phase_ = Phase::kOpen;
      phase_deadline_ = Instant::max();
      secured_ = true;
      if (route_ != nullptr) {
        route_->resolver.Remember(route_->host, route_->port, route_->peer);
        route_.reset();
      }
      events_->OnSecured(*this);
      if (phase_ != Phase::kOpen) return false;
    }
    switch (outcome) {
      case TlsChannel::Outcome::kOk:
        if (protocol_ != nullptr && !close_requested_) {
          protocol_->Receive(std::move(plaintext), loop_.Now());
          if (phase_ != Phase::kOpen) return false;
        }
        continue;
      case TlsChannel::Outcome::kNeedMore:
        if (held_input_.empty()) return true;
        continue;  // The queue has room again.
      case TlsChannel::Outcome::kOutputFull:
        return true;
      case TlsChannel::Outcome::kNoBuffers:
        SchedulePump(kNoBuffersPause);
        return true;
      case TlsChannel::Outcome::kEndOfStream:
        Drain({Kind::kClosedByPeer, "the other side closed the connection"});
        return false;
      case TlsChannel::Outcome::kError:
        Drain({secured_ ? Kind::kPeerError : Kind::kHandshakeFailed, channel_->error_text()});
        return false;
    }
  }
}

bool SecureConnection::PumpOutput() {
  std::array<ByteView, kRecordSlicesMax> slices;
  const bool may_write = phase_ == Phase::kOpen || !sent_last_;
  while (protocol_ != nullptr && may_write && channel_->handshake_done() &&
         channel_->error() == TlsError::kNone && channel_->output_size() < kSealedAheadMax) {
    // What was gathered must be taken: it cannot be given back.
    const TlsChannel::Outcome room = channel_->RoomForRecord();
    if (room == TlsChannel::Outcome::kNoBuffers) SchedulePump(kNoBuffersPause);
    if (room != TlsChannel::Outcome::kOk) break;
    const size_t count = protocol_->GatherRecord(slices, loop_.Now());
    if (count == 0) break;
    BufferRef* payload = protocol_->GatheredPayload();
    const TlsChannel::Outcome outcome = payload != nullptr
                                            ? channel_->WriteInPlace(slices[0], *payload)
                                            : channel_->Write(std::span(slices).first(count));
    if (outcome == TlsChannel::Outcome::kError) {
      Join({Kind::kPeerError, channel_->error_text()});
      return false;
    }
    CHECK(outcome == TlsChannel::Outcome::kOk);
    protocol_->RecordTaken();
    const bool writes_on =
        phase_ == Phase::kOpen || phase_ == Phase::kDraining || phase_ == Phase::kDetaching;
    if (!writes_on) return false;
  }
  StartSend();
  return true;
}

// ------------------------------------------------------------------- the end

void SecureConnection::Drain(ConnectionEnd end) {
  CHECK(flowing());
  end_ = std::move(end);
  phase_ = Phase::kDraining;
  phase_deadline_ = loop_.Now() + kDrainMax;
  held_input_.Clear();
  // Else its end is waited for: bytes that meet a closed socket are answered with a reset, which
  // may take our last words with it.
  peer_finished_ = is_peer_given_up_ || end_.kind == Kind::kClosedByPeer;
  if (!peer_finished_) StartReceive();
  ArmDeadline();
  SchedulePump(Duration::zero());
}

void SecureConnection::FinishDrain() {
  if (phase_ != Phase::kDraining) return;
  if (send_op_.in_flight() || channel_->output_size() > 0) return;
  if (!sent_last_) {
    sent_last_ = true;
    if (channel_->handshake_done() && channel_->error() == TlsError::kNone) {
      static_cast<void>(channel_->Close());
      StartSend();
      if (send_op_.in_flight()) return;
    }
  }
  loop_.Shutdown(socket_, ShutdownSide::kSend);
  if (peer_finished_) Join(std::move(end_));
}

// Output first, so that the last words are sent; then the receive, which may still bring bytes of
// what comes next; then the timers.
void SecureConnection::FinishDetach() {
  if (phase_ != Phase::kDetaching) return;
  if (send_op_.in_flight() || channel_->output_size() > 0) return;
  if (receive_op_.in_flight()) return loop_.Cancel(receive_op_);
  io_is_over_ = true;
  loop_.Cancel(deadline_op_);
  if (deadline_op_.in_flight() || pump_op_.in_flight()) return;
  DetachedSocket detached{std::exchange(socket_, {}), channel_->TakeUnread()};
  for (; !held_input_.empty(); held_input_.Pop()) {
    detached.unread.push_back(std::move(held_input_.front()));
  }
  phase_ = Phase::kClosed;
  events_->OnDetached(*this, std::move(detached));  // Last: it may destroy this.
}

void SecureConnection::Join(ConnectionEnd end) {
  CHECK(phase_ < Phase::kClosing);
  end_ = std::move(end);
  phase_ = Phase::kClosing;
  held_input_.Clear();
  if (route_ != nullptr) LeaveRoute();
  loop_.Cancel(connect_op_);
  loop_.Cancel(receive_op_);
  loop_.Cancel(send_op_);
  loop_.Cancel(deadline_op_);
  // The pump carries on the join when nothing else is in flight, so that OnClosed never comes from
  // inside a call of the owner's.
  SchedulePump(Duration::zero());
}

// LeaveRoute is for what ends before it is secured. At an address that is only remembered anybody
// may be found by now, so what was found there says nothing of the server.
void SecureConnection::LeaveRoute() {
  route_->resolver.Cancel(resolve_op_);
  if (!route_->is_recalled || end_.kind == Kind::kClosedByUs) return;
  route_->resolver.Doubt(route_->host, route_->port);
  end_.kind = Kind::kUnreachable;
  end_.text += " (where it was last: its name cannot be resolved now)";
}

void SecureConnection::FinishJoin() {
  if (resolve_op_.in_flight() || connect_op_.in_flight() || receive_op_.in_flight() ||
      send_op_.in_flight() || pump_op_.in_flight() || deadline_op_.in_flight() ||
      close_op_.in_flight()) {
    return;
  }
  if (socket_.valid()) return loop_.Close(close_op_, socket_);
  OnSocketClosed({IoError::kNone});
}

// ----------------------------------------------------------------- deadlines

Instant SecureConnection::EarliestDeadline() const {
  Instant earliest = phase_deadline_;
  if (phase_ == Phase::kOpen && protocol_ != nullptr) {
    earliest = std::min(earliest, protocol_->NextDeadline());
  }
  return earliest;
}

// A timer that is armed for later than needed is cancelled and armed anew when it completes; one
// that is armed for earlier just fires, finds nothing to do, and is armed anew. So the common case,
// a deadline that moves away with every record, costs nothing.
void SecureConnection::ArmDeadline() {
  const Instant earliest = EarliestDeadline();
  if (deadline_op_.in_flight()) {
    if (earliest < armed_deadline_) loop_.Cancel(deadline_op_);
    return;
  }
  if (earliest == Instant::max()) return;
  armed_deadline_ = earliest;
  loop_.StartTimer(deadline_op_, earliest);
}

}  // namespace engine
