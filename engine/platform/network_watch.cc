#include "engine/platform/network_watch.h"

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <utility>

#include "engine/base/check.h"
#include "engine/platform/network_message.h"

namespace engine {
namespace {

constexpr uint32_t kGroups =
    RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR | RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_ROUTE;

// OpenRouteSocket returns a descriptor, or -1 where there is none to be had.
int OpenRouteSocket() {
  const int descriptor =
      ::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
  if (descriptor < 0) return -1;
  sockaddr_nl address{};
  address.nl_family = AF_NETLINK;
  address.nl_groups = kGroups;
  if (::bind(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) {
    return descriptor;
  }
  ::close(descriptor);
  return -1;
}

Duration ClockTime(clockid_t clock) {
  timespec time{};
  CHECK(::clock_gettime(clock, &time) == 0);
  return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

// IsOurs asks whether a socket could be bound to that address: that is so of this machine's alone.
bool IsOurs(const sockaddr_storage& address, socklen_t size) {
  sockaddr_storage any_port = address;
  if (address.ss_family == AF_INET) {
    reinterpret_cast<sockaddr_in&>(any_port).sin_port = 0;
  } else if (address.ss_family == AF_INET6) {
    reinterpret_cast<sockaddr_in6&>(any_port).sin6_port = 0;
  } else {
    return true;
  }
  const int descriptor = ::socket(address.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (descriptor < 0) return true;
  const bool is_bound = ::bind(descriptor, reinterpret_cast<const sockaddr*>(&any_port), size) == 0;
  const bool is_foreign = !is_bound && errno == EADDRNOTAVAIL;
  ::close(descriptor);
  return !is_foreign;
}

}  // namespace

NetworkWatch::NetworkWatch(Loop& loop)
    : loop_(loop),
      receive_op_(Handler<Received>::To<&NetworkWatch::OnReceived>(this)),
      quiet_op_(Handler<Fired>::To<&NetworkWatch::OnQuiet>(this)),
      clock_op_(Handler<Fired>::To<&NetworkWatch::OnClock>(this)),
      close_op_(Handler<Closed>::To<&NetworkWatch::OnClosed>(this)) {}

NetworkWatch::~NetworkWatch() {
  Stop();
  CHECK(listeners_.empty());
}

void NetworkWatch::Start() {
  if (is_started_) return;
  const int descriptor = OpenRouteSocket();
  StartOn(descriptor >= 0 ? loop_.Adopt(descriptor) : Socket{});
}

void NetworkWatch::StartOn(Socket socket) {
  if (std::exchange(is_started_, true)) return;
  socket_ = socket;
  Receive();
  suspended_ = Suspended();
  look_at_ = loop_.Now() + kClockLook;
  loop_.StartTimer(clock_op_, look_at_);
}

void NetworkWatch::Stop() {
  if (!is_started_ || std::exchange(is_stopping_, true)) return;
  loop_.Cancel(receive_op_);
  loop_.Cancel(quiet_op_);
  loop_.Cancel(clock_op_);
  const auto is_busy = [this] {
    return receive_op_.in_flight() || quiet_op_.in_flight() || clock_op_.in_flight();
  };
  while (is_busy()) loop_.RunOnce(kClockLook);
  if (!socket_.valid()) return;
  loop_.Close(close_op_, socket_);
  while (close_op_.in_flight()) loop_.RunOnce(kClockLook);
}

void NetworkWatch::Add(Listener& listener) { listeners_.push_back(&listener); }

void NetworkWatch::Remove(Listener& listener) {
  const auto found = std::ranges::find(listeners_, &listener);
  CHECK(found != listeners_.end());
  const auto place = static_cast<size_t>(found - listeners_.begin());
  listeners_.erase(found);
  if (place < told_) --told_;
}

void NetworkWatch::Tell(bool is_gain) {
  for (told_ = 0; told_ < listeners_.size();) listeners_[told_++]->OnNetworkChanged(is_gain);
  told_ = 0;
}

// -------------------------------------------------------------------- rtnetlink

void NetworkWatch::Receive() {
  if (!socket_.valid() || receive_op_.in_flight() || datagrams_ >= kDatagramsMax) return;
  loop_.Receive(receive_op_, socket_, ReceiveMode::kOnce);
}

void NetworkWatch::OnReceived(Received outcome) {
  if (is_stopping_) return;
  ++datagrams_;
  if (outcome.error != IoError::kNone) {
    // It has lost messages, or the loop is out of blocks: what was missed may have been anything.
    datagrams_ = kDatagramsMax;
    return Changed(true);
  }
  const NetworkMessage message = ReadNetworkMessage(outcome.data.bytes());
  if (message.is_change) {
    Changed(message.is_gain);
  } else if (!quiet_op_.in_flight()) {
    loop_.StartTimer(quiet_op_, loop_.Now() + kQuiet);
  }
  Receive();
}

void NetworkWatch::Changed(bool is_gain) {
  has_changed_ = true;
  has_gained_ = has_gained_ || is_gain;
  if (quiet_op_.in_flight()) return;
  loop_.StartTimer(quiet_op_, loop_.Now() + kQuiet);
  has_changed_ = false;
  Tell(std::exchange(has_gained_, false));
}

void NetworkWatch::OnQuiet(Fired) {
  if (is_stopping_) return;
  datagrams_ = 0;
  if (has_changed_) Changed(false);
  Receive();
}

// -------------------------------------------------------------------- the clock

Duration NetworkWatch::Suspended() const {
  return ClockTime(CLOCK_BOOTTIME) - ClockTime(CLOCK_MONOTONIC);
}

void NetworkWatch::OnClock(Fired) {
  if (is_stopping_) return;
  const Duration suspended = Suspended();
  const bool was_away = suspended - suspended_ >= kAwayMin || loop_.Now() - look_at_ >= kAwayMin;
  suspended_ = suspended;
  look_at_ = loop_.Now() + kClockLook;
  loop_.StartTimer(clock_op_, look_at_);
  if (was_away) Changed(true);
}

// ------------------------------------------------------------- what the kernel knows

Footing NetworkWatch::FootingOf(Socket socket) const {
  if (ask_instead_ != nullptr) return ask_instead_(socket);
  if (!is_started_ || !socket.valid() || socket.kind != SocketKind::kSocket) return Footing::kFirm;
  const int descriptor = static_cast<int>(socket.handle);
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  const int named = ::getsockname(descriptor, reinterpret_cast<sockaddr*>(&address), &size);
  if (named == 0 && !IsOurs(address, size)) return Footing::kGone;
  tcp_info info{};
  size = sizeof info;
  const int known = ::getsockopt(descriptor, IPPROTO_TCP, TCP_INFO, &info, &size);
  return known == 0 && info.tcpi_retransmits > 0 ? Footing::kStuck : Footing::kFirm;
}

}  // namespace engine
