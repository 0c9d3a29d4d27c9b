#include "relay/switchboard/greeter.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "engine/base/log.h"
#include "engine/buffer/dry_pool.h"
#include "engine/tls/client_hello.h"

namespace relay {

using engine::BufferRef;
using engine::ClientHello;
using engine::Handler;
using engine::IoError;

namespace {

constexpr std::string_view kPlacementPrefix = "adit-loop/";
// Out of descriptors: others must close first, so trying again at once would only burn the CPU.
constexpr engine::Duration kAcceptPause = std::chrono::milliseconds(100);
// How soon to look again whether it is less crowded: a few handshakes later.
constexpr engine::Duration kCrowdedPause = std::chrono::milliseconds(5);

}  // namespace

std::optional<uint32_t> PlacementHint(const std::vector<std::string>& protocols) {
  for (const std::string& name : protocols) {
    if (!std::string_view(name).starts_with(kPlacementPrefix)) continue;
    uint32_t index = 0;
    const char* end = name.data() + name.size();
    const auto [rest, error] = std::from_chars(name.data() + kPlacementPrefix.size(), end, index);
    if (error == std::errc{} && rest == end) return index;
  }
  return std::nullopt;
}

// Guest is one connection before its hello is whole. The bytes are gathered in one block.
class Greeter::Guest {
 public:
  explicit Guest(Greeter& greeter)
      : greeter_(greeter),
        receive_op_(Handler<engine::Received>::To<&Guest::OnReceived>(this)),
        deadline_op_(Handler<engine::Fired>::To<&Guest::OnDeadline>(this)),
        again_op_(Handler<engine::Fired>::To<&Guest::OnAgain>(this)),
        close_op_(Handler<engine::Closed>::To<&Guest::OnClosed>(this)) {}

  void Welcome(engine::Socket socket, uint64_t arrival) {
    socket_ = socket;
    arrival_ = arrival;
    welcomed_at_ = greeter_.loop_.Now();
    ending_ = false;
    gathered_ = 0;
    greeter_.loop_.StartTimer(deadline_op_, greeter_.loop_.Now() + kHelloMax);
    greeter_.loop_.Receive(receive_op_, socket_, engine::ReceiveMode::kOnce);
  }

  void End() {
    if (!socket_.valid() || ending_) return;
    ending_ = true;
    greeter_.loop_.Cancel(receive_op_);
    greeter_.loop_.Cancel(deadline_op_);
    greeter_.loop_.Cancel(again_op_);
    Continue();
  }

  // Its place in the order of arrival; the largest number while it is leaving.
  engine::Instant welcomed_at() const { return welcomed_at_; }
  uint64_t arrival() const { return ending_ ? UINT64_MAX : arrival_; }

 private:
  void OnReceived(engine::Received outcome) {
    if (ending_) return Continue();
    if (outcome.error == IoError::kNoBuffers) {
      // More may say hello in one iteration than a loop has blocks at hand.
      greeter_.loop_.StartTimer(again_op_, greeter_.loop_.Now() + engine::kDryPoolPause);
      return;
    }
    if (outcome.error != IoError::kNone || !Gather(std::move(outcome.data))) return End();
    const ClientHello hello = engine::PeekClientHello(bytes_.bytes().first(gathered_));
    if (hello.state == ClientHello::State::kNeedMore) {
      greeter_.loop_.Receive(receive_op_, socket_, engine::ReceiveMode::kOnce);
      return;
    }
    // Bytes that are no TLS go on as well: the channel answers with an alert and the right words.
    loop_index_ = PlacementHint(hello.protocols);
    greeted_ = true;
    ending_ = true;
    greeter_.loop_.Cancel(deadline_op_);
    Continue();
  }

  void OnDeadline(engine::Fired outcome) {
    if (ending_) return Continue();
    if (outcome.error == IoError::kNone) End();
  }

  void OnAgain(engine::Fired) {
    if (ending_) return Continue();
    greeter_.loop_.Receive(receive_op_, socket_, engine::ReceiveMode::kOnce);
  }

  void OnClosed(engine::Closed) { Leave(); }

  // Gather appends to one block; a hello that comes in one piece, as nearly all do, is not copied.
  bool Gather(BufferRef data) {
    if (gathered_ == 0) {
      bytes_ = std::move(data);
      gathered_ = bytes_.size();
      return true;
    }
    if (gathered_ + data.size() > engine::kClientHelloSizeMax) return false;
    if (!owned_) {
      BufferRef block = greeter_.loop_.buffers().Take();
      if (block.empty() || block.size() < engine::kClientHelloSizeMax) return false;
      std::copy(bytes_.bytes().begin(), bytes_.bytes().end(), block.bytes().begin());
      bytes_ = std::move(block);
      owned_ = true;
    }
    std::copy(data.bytes().begin(), data.bytes().end(),
              bytes_.bytes().begin() + ptrdiff_t(gathered_));
    gathered_ += data.size();
    return true;
  }

  // Continue is the join: when no op is in flight, the socket is closed or handed over.
  void Continue() {
    if (receive_op_.in_flight() || deadline_op_.in_flight() || again_op_.in_flight() ||
        close_op_.in_flight()) {
      return;
    }
    if (!greeted_) {
      greeter_.loop_.Close(close_op_, socket_);
      return;
    }
    Greeting greeting{socket_, bytes_.Share(0, gathered_), loop_index_};
    if (greeter_.stopping_) {
      greeting.first_bytes = {};
      greeted_ = false;
      greeter_.loop_.Close(close_op_, socket_);
      return;
    }
    Greeter& greeter = greeter_;
    Leave();
    greeter.host_.greeted(std::move(greeting));
  }

  void Leave() {
    socket_ = {};
    bytes_ = {};
    owned_ = false;
    greeted_ = false;
    loop_index_.reset();
    greeter_.Left(*this);
  }

  Greeter& greeter_;
  engine::Socket socket_;
  uint64_t arrival_ = 0;
  engine::Instant welcomed_at_;
  BufferRef bytes_;
  size_t gathered_ = 0;
  bool owned_ = false;    // bytes_ is a block of our own to append to.
  bool greeted_ = false;  // Hand over, do not close.
  bool ending_ = true;    // Or not there at all.
  std::optional<uint32_t> loop_index_;
  engine::ReceiveOp receive_op_;
  engine::TimerOp deadline_op_;
  engine::TimerOp again_op_;
  engine::CloseOp close_op_;
};

Greeter::Greeter(engine::Loop& loop, engine::Socket listener, Host host)
    : loop_(loop),
      listener_(listener),
      host_(std::move(host)),
      accept_op_(Handler<engine::Accepted>::To<&Greeter::OnAccepted>(this)),
      retry_op_(Handler<engine::Fired>::To<&Greeter::OnRetry>(this)),
      let_in_op_(Handler<engine::Fired>::To<&Greeter::OnLetIn>(this)),
      close_op_(Handler<engine::Closed>::To<&Greeter::OnListenerClosed>(this)) {
  StartAccept();
}

Greeter::~Greeter() { CHECK(stopped()); }

void Greeter::StartAccept() {
  if (stopping_ || accept_op_.in_flight() || retry_op_.in_flight()) return;
  loop_.Accept(accept_op_, listener_);
}

void Greeter::OnAccepted(engine::Accepted outcome) {
  if (outcome.error == IoError::kNone) {
    if (stopping_) {
      Greet(outcome.socket).End();
    } else {
      queue_.push_back(outcome.socket);
      LetIn();
      if (outcome.more && is_queue_long()) loop_.Cancel(accept_op_);
    }
  }
  if (outcome.more) return;
  if (stopping_) {
    if (!retry_op_.in_flight() && !close_op_.in_flight() && !listener_closed_) {
      loop_.Close(close_op_, listener_);
    }
    return;
  }
  if (is_queue_long()) return;  // LetIn() starts it again.
  if (outcome.error == IoError::kNone || outcome.error == IoError::kCanceled) return StartAccept();
  engine::log::Write(engine::log::Level::kWarning, "accept_paused",
                     {{"reason", "out of descriptors or memory; see ulimit -n"}});
  loop_.StartTimer(retry_op_, loop_.Now() + kAcceptPause);
}

void Greeter::LetIn() {
  while (queue_.size() > kQueueMax) Greet(TakeQueued()).End();
  const engine::Instant now = loop_.Now();
  size_t anyway = now - let_in_at_ >= kCrowdedMax ? kLetInAnyway : 0;
  size_t cuts = kLetInAnyway;  // In one go: each is a walk over all.
  while (!queue_.empty()) {
    if (greeting_count() >= host_.greetings_max) {
      if (cuts == 0 || !CutOldest()) break;
      --cuts;
    }
    if (is_crowded()) {
      if (anyway == 0) break;
      --anyway;
    }
    let_in_at_ = now;
    Greet(TakeQueued());
  }
  if (!is_queue_long()) StartAccept();
  if (!queue_.empty() && !let_in_op_.in_flight()) {
    loop_.StartTimer(let_in_op_, now + kCrowdedPause);
  }
}

engine::Socket Greeter::TakeQueued() {
  const engine::Socket socket = queue_.front();
  queue_.pop_front();
  return socket;
}

void Greeter::OnLetIn(engine::Fired) {
  if (!stopping_) LetIn();
}

Greeter::Guest& Greeter::Greet(engine::Socket socket) {
  Guest* guest = nullptr;
  if (!free_.empty()) {
    guest = free_.back();
    free_.pop_back();
  } else {
    guest = guests_.emplace_back(std::make_unique<Guest>(*this)).get();
  }
  guest->Welcome(socket, ++arrivals_);
  return *guest;
}

// Under attack alone: a walk over all of them is cheaper than keeping them in order.
bool Greeter::CutOldest() {
  Guest& oldest = **std::ranges::min_element(guests_, {}, &Guest::arrival);
  if (loop_.Now() - oldest.welcomed_at() < kSilentMin) return false;
  oldest.End();
  return true;
}

void Greeter::OnRetry(engine::Fired) {
  if (!stopping_) return StartAccept();
  if (!accept_op_.in_flight() && !close_op_.in_flight() && !listener_closed_) {
    loop_.Close(close_op_, listener_);
  }
}

void Greeter::OnListenerClosed(engine::Closed) { listener_closed_ = true; }

void Greeter::Left(Guest& guest) {
  free_.push_back(&guest);
  StartAccept();
}

void Greeter::Stop() {
  if (stopping_) return;
  stopping_ = true;
  loop_.Cancel(accept_op_);
  loop_.Cancel(retry_op_);
  if (!accept_op_.in_flight() && !retry_op_.in_flight()) loop_.Close(close_op_, listener_);
  loop_.Cancel(let_in_op_);
  while (!queue_.empty()) Greet(TakeQueued());
  for (const auto& guest : guests_) guest->End();
}

bool Greeter::stopped() const {
  return listener_closed_ && !let_in_op_.in_flight() && free_.size() == guests_.size();
}

}  // namespace relay
