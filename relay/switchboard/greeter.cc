#include "relay/switchboard/greeter.h"

#include <algorithm>
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

// Out of descriptors: others must close first, so trying again at once would only burn the CPU.
constexpr engine::Duration kAcceptPause = std::chrono::milliseconds(100);
// How soon to look again whether it is less crowded: a few handshakes later.
constexpr engine::Duration kCrowdedPause = std::chrono::milliseconds(5);
// How many of the silent are cut in one go: each is a walk over all.
constexpr size_t kCutsMax = 64;

}  // namespace

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
    is_live_ = SaysLive(hello.protocols);
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
    const bool is_live = is_live_;
    Leave();
    greeter.SaidHello(std::move(greeting), is_live);
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
  bool is_live_ = false;  // By its own word.
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
      arrived_.push_back(outcome.socket);
      GreetArrived();
      if (outcome.more && is_full()) loop_.Cancel(accept_op_);
    }
  }
  if (outcome.more) return;
  if (stopping_) {
    if (!retry_op_.in_flight() && !close_op_.in_flight() && !listener_closed_) {
      loop_.Close(close_op_, listener_);
    }
    return;
  }
  if (is_full()) return;  // GreetArrived() starts it again.
  if (outcome.error == IoError::kNone || outcome.error == IoError::kCanceled) return StartAccept();
  engine::log::Write(engine::log::Level::kWarning, "accept_paused",
                     {{"reason", "out of descriptors or memory; see ulimit -n"}});
  loop_.StartTimer(retry_op_, loop_.Now() + kAcceptPause);
}

void Greeter::GreetArrived() {
  size_t cuts = kCutsMax;
  while (!arrived_.empty()) {
    if (greeting_count() >= host_.greetings_max) {
      if (cuts == 0 || !CutOldest()) break;
      --cuts;
    }
    Greet(TakeArrived());
  }
  if (!is_full()) StartAccept();
  LookAgain();
}

void Greeter::SaidHello(Greeting greeting, bool is_live) {
  if (waiting_.empty() && !is_crowded()) return host_.greeted(std::move(greeting));
  WaitingRoom::Guest guest{.socket = greeting.socket,
                           .first_bytes = std::string(engine::AsText(greeting.first_bytes.bytes())),
                           .loop_index = greeting.loop_index};
  greeting.first_bytes = {};
  if (!waiting_.Enter(std::move(guest), is_live)) Greet(greeting.socket).End();
  LetIn();
}

void Greeter::LetIn() {
  const engine::Instant now = loop_.Now();
  size_t anyway = now - let_in_at_ >= kCrowdedMax ? kLetInAnyway : 0;
  while (!waiting_.empty()) {
    if (is_crowded()) {
      if (anyway == 0) break;
      --anyway;
    }
    BufferRef block = loop_.buffers().Take();
    if (block.size() < WaitingRoom::kHelloSizeMax) break;  // The pool has run dry.
    let_in_at_ = now;
    const WaitingRoom::Guest guest = waiting_.Next();
    const engine::ByteView bytes = engine::AsBytes(guest.first_bytes);
    std::ranges::copy(bytes, block.bytes().begin());
    host_.greeted({guest.socket, block.Share(0, bytes.size()), guest.loop_index});
  }
  LookAgain();
}

void Greeter::LookAgain() {
  const bool is_needed = !arrived_.empty() || !waiting_.empty();
  if (is_needed && !let_in_op_.in_flight()) {
    loop_.StartTimer(let_in_op_, loop_.Now() + kCrowdedPause);
  }
}

engine::Socket Greeter::TakeArrived() {
  const engine::Socket socket = arrived_.front();
  arrived_.pop_front();
  return socket;
}

void Greeter::OnLetIn(engine::Fired) {
  if (stopping_) return;
  GreetArrived();
  LetIn();
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

void Greeter::Left(Guest& guest) { free_.push_back(&guest); }

void Greeter::Stop() {
  if (stopping_) return;
  stopping_ = true;
  loop_.Cancel(accept_op_);
  loop_.Cancel(retry_op_);
  if (!accept_op_.in_flight() && !retry_op_.in_flight()) loop_.Close(close_op_, listener_);
  loop_.Cancel(let_in_op_);
  while (!arrived_.empty()) Greet(TakeArrived());
  while (!waiting_.empty()) Greet(waiting_.Next().socket);
  for (const auto& guest : guests_) guest->End();
}

bool Greeter::stopped() const {
  return listener_closed_ && !let_in_op_.in_flight() && free_.size() == guests_.size();
}

}  // namespace relay
