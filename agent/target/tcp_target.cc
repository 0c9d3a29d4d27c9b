#include "agent/target/tcp_target.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "engine/base/check.h"
#include "engine/base/log.h"
#include "engine/loop/link_local_address.h"
#include "engine/loop/loop.h"
#include "engine/loop/socket_options.h"

namespace agent {
namespace {

// One address that never answers must leave time for the next.
constexpr engine::Duration kAttemptMin = std::chrono::seconds(1);

// After the stream ended in order, a target that takes nothing for this long is cut off.
constexpr engine::Duration kLingerMax = std::chrono::seconds(30);

// A target's host that vanished without a word is noticed after about two minutes.
const engine::SocketOptions kSocketOptions{.no_delay = true,
                                           .keepalive_idle = std::chrono::seconds(60),
                                           .keepalive_interval = std::chrono::seconds(15),
                                           .keepalive_probes = 4};

struct Refusal {
  engine::CloseCode code;
  std::string_view reason;
};

Refusal RefusalOf(engine::IoError error) {
  switch (error) {
    case engine::IoError::kRefused:
    case engine::IoError::kReset:
      return {engine::CloseCode::kConnectionRefused, "connection refused (nobody listens there)"};
    case engine::IoError::kTimedOut:
    case engine::IoError::kCanceled:
      return {engine::CloseCode::kTimedOut, "no answer within the time limit"};
    case engine::IoError::kExhausted:
      return {engine::CloseCode::kTooMany, "the node is out of descriptors or memory"};
    case engine::IoError::kDenied:
      return {engine::CloseCode::kUnreachable, "the node does not permit it (firewall or sandbox)"};
    default:
      return {engine::CloseCode::kUnreachable, "no route to it from the node"};
  }
}

}  // namespace

TcpTarget::TcpTarget(const TargetContext& context, Owner& owner, StreamHandle stream,
                     engine::TcpRequest request)
    : loop_(context.loop),
      resolver_(context.resolver),
      owner_(owner),
      stream_(std::move(stream)),
      request_(std::move(request)),
      pump_(context.loop, stream_, engine::Channel::kMain, *this),
      resolve_op_(engine::Handler<engine::Resolved>::To<&TcpTarget::OnResolved>(this)),
      connect_op_(engine::Handler<engine::Connected>::To<&TcpTarget::OnConnected>(this)),
      timer_op_(engine::Handler<engine::Fired>::To<&TcpTarget::OnTimer>(this)) {}

TcpTarget::~TcpTarget() { CHECK(over_); }

std::string TcpTarget::Where() const {
  const bool ipv6 = request_.host.find(':') != std::string::npos;
  return (ipv6 ? "[" + request_.host + "]" : request_.host) + ":" + std::to_string(request_.port);
}

// ---------------------------------------------------------------- connecting

void TcpTarget::Start() {
  connect_deadline_ = loop_.Now() + kConnectMax;
  SetDeadline(connect_deadline_);
  resolver_.Resolve(resolve_op_, request_.host, request_.port);
}

void TcpTarget::OnResolved(engine::Resolved result) {
  if (tearing_down_) return CheckOver();
  switch (result.error) {
    case engine::ResolveError::kNone:
      break;
    case engine::ResolveError::kBusy:
      stream_.Reject(engine::CloseCode::kTooMany,
                     "too many names are being looked up on the node; try again");
      return TearDown(engine::CloseMode::kOrderly);
    case engine::ResolveError::kTemporary:
    case engine::ResolveError::kCanceled:
      stream_.Reject(engine::CloseCode::kNameNotFound,
                     request_.host + ": the node's name servers did not answer");
      return TearDown(engine::CloseMode::kOrderly);
    case engine::ResolveError::kNotFound:
      stream_.Reject(engine::CloseCode::kNameNotFound,
                     request_.host + ": the node does not know this name");
      return TearDown(engine::CloseMode::kOrderly);
  }
  addresses_ = std::move(result.addresses);
  if (!request_.may_be_link_local &&
      std::any_of(addresses_.begin(), addresses_.end(), engine::IsLinkLocal)) {
    stream_.Reject(engine::CloseCode::kDenied,
                   request_.host +
                       ": forwarding to link-local addresses, and to others where clouds keep "
                       "their machines' secrets, is forbidden unless a policy names them");
    return TearDown(engine::CloseMode::kOrderly);
  }
  ConnectNext();
}

// ConnectNext tries the next address, for its share of the time that is left.
void TcpTarget::ConnectNext() {
  const engine::Instant now = loop_.Now();
  if (next_address_ == addresses_.size() || now >= connect_deadline_) return Refuse();
  const auto left = static_cast<engine::Duration::rep>(addresses_.size() - next_address_);
  const engine::Address& address = addresses_[next_address_++];
  const engine::Opened opened = loop_.OpenStream(address.family());
  if (opened.error != engine::IoError::kNone) {
    Note(opened.error);
    return ConnectNext();
  }
  pump_.Open(opened.socket);
  loop_.Connect(connect_op_, opened.socket, address);
  const engine::Duration share = std::max(kAttemptMin, (connect_deadline_ - now) / left);
  SetDeadline(std::min(connect_deadline_, now + share));
}

// SetDeadline moves the one deadline. A timer that is armed already is canceled, and armed anew
// when it completes.
void TcpTarget::SetDeadline(engine::Instant deadline) {
  deadline_ = deadline;
  if (timer_op_.in_flight()) {
    loop_.Cancel(timer_op_);
  } else if (deadline != engine::Instant::max()) {
    loop_.StartTimer(timer_op_, deadline);
  }
}

void TcpTarget::OnTimer(engine::Fired) {
  if (tearing_down_) return CheckOver();
  if (loop_.Now() < deadline_) return SetDeadline(deadline_);
  if (lingering_) {
    if (pump_.written_bytes() == lingering_bytes_) return TearDown(engine::CloseMode::kReset);
    lingering_bytes_ = pump_.written_bytes();
    return SetDeadline(loop_.Now() + kLingerMax);
  }
  if (resolve_op_.in_flight()) {
    stream_.Reject(engine::CloseCode::kTimedOut,
                   request_.host + ": the node's name servers did not answer in time");
    return TearDown(engine::CloseMode::kOrderly);
  }
  loop_.Cancel(connect_op_);
}

void TcpTarget::OnConnected(engine::Connected outcome) {
  if (tearing_down_) return pump_.Close();
  if (outcome.error == engine::IoError::kNone) return Run();
  Note(outcome.error == engine::IoError::kCanceled ? engine::IoError::kTimedOut : outcome.error);
  pump_.Close();  // OnPumpClosed goes on with the next address.
}

// Note keeps what says most: that nobody listens at one address is not replaced by what is wrong
// with another one, which this machine may not even have.
void TcpTarget::Note(engine::IoError error) {
  if (last_error_ != engine::IoError::kRefused) last_error_ = error;
}

void TcpTarget::Refuse() {
  const Refusal refusal = RefusalOf(last_error_);
  stream_.Reject(refusal.code, Where() + ": " + std::string(refusal.reason));
  TearDown(engine::CloseMode::kOrderly);
}

void TcpTarget::Run() {
  running_ = true;
  SetDeadline(engine::Instant::max());
  loop_.SetOptions(pump_.socket(), kSocketOptions);
  if (!stream_.Accept(*this)) return TearDown(engine::CloseMode::kReset);
  pump_.StartReading();
}

// ---------------------------------------------------------------------- open

void TcpTarget::OnData(engine::Channel, engine::BufferRef payload) {
  pump_.Write(std::move(payload));
}

void TcpTarget::OnWritable() { pump_.ReadOn(); }

void TcpTarget::OnFinished() {
  peer_finished_ = true;
  pump_.FinishWriting();
}

void TcpTarget::OnReadEnd(DescriptorPump&, engine::IoError error) {
  if (error == engine::IoError::kEndOfStream) return stream_.Finish();
  Fail(error);
}

void TcpTarget::OnWriteEnd(DescriptorPump& pump, engine::IoError error) {
  if (error != engine::IoError::kNone) return Fail(error);
  write_ended_ = true;
  loop_.Shutdown(pump.socket(), engine::ShutdownSide::kSend);
  if (lingering_) TearDown(engine::CloseMode::kOrderly);
}

void TcpTarget::Fail(engine::IoError error) {
  if (tearing_down_) return;
  const bool reset = error == engine::IoError::kReset;
  stream_.Reset(engine::CloseCode::kConnectionReset,
                Where() + (reset ? ": the target reset the connection"
                                 : ": the connection to the target failed"));
  TearDown(engine::CloseMode::kReset);
}

// ------------------------------------------------------------------- the end

void TcpTarget::OnClosed(engine::CloseCode code, std::string_view) {
  stream_.Detach();
  const bool in_order = code == engine::CloseCode::kNormal && peer_finished_;
  if (!in_order) return TearDown(engine::CloseMode::kReset);
  if (write_ended_) return TearDown(engine::CloseMode::kOrderly);
  lingering_ = true;
  lingering_bytes_ = pump_.written_bytes();
  SetDeadline(loop_.Now() + kLingerMax);
}

void TcpTarget::End(engine::CloseCode code, std::string_view text) {
  if (running_) {
    stream_.Reset(code, text);
  } else {
    stream_.Reject(code, text);
  }
  TearDown(engine::CloseMode::kReset);
}

void TcpTarget::TearDown(engine::CloseMode mode) {
  if (tearing_down_) return;
  tearing_down_ = true;
  stream_.Detach();
  loop_.Cancel(timer_op_);
  if (resolve_op_.in_flight()) resolver_.Cancel(resolve_op_);
  if (connect_op_.in_flight()) {
    loop_.Cancel(connect_op_);  // Its completion closes the socket.
  } else {
    pump_.Close(mode);
  }
  CheckOver();
}

void TcpTarget::OnPumpClosed(DescriptorPump&) {
  if (tearing_down_) return CheckOver();
  ConnectNext();
}

void TcpTarget::CheckOver() {
  if (over_ || !tearing_down_) return;
  if (resolve_op_.in_flight() || connect_op_.in_flight() || timer_op_.in_flight()) return;
  if (pump_.open()) return;
  over_ = true;
  owner_.OnTargetOver();
}

}  // namespace agent
