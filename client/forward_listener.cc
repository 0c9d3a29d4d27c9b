#include "client/forward_listener.h"

#include <sys/stat.h>
#include <unistd.h>

#include <utility>

#include "client/port_owner.h"
#include "engine/base/check.h"

namespace client {
namespace {

using engine::IoError;

constexpr uint16_t kFirstOrdinaryPort = 1024;
constexpr int kFreePortTries = 8;

engine::Address Numeric(std::string_view host, uint16_t port) {
  engine::Address address;
  CHECK(engine::Address::Parse(host, port, address));
  return address;
}

absl::Status ListenError(IoError error, const engine::Address& address) {
  const std::string owner =
      error == IoError::kInUse ? PortOwnerText(address.port()) : std::string();
  return absl::UnavailableError(ListenErrorText(error, address.ToText(), address.port(), owner));
}

}  // namespace

ForwardListener::Port::Port(ForwardListener& listener, engine::Socket opened)
    : owner(listener),
      socket(opened),
      accept_op(engine::Handler<engine::Accepted>::To<&Port::OnAccepted>(this)),
      pause_op(engine::Handler<engine::Fired>::To<&Port::OnPauseOver>(this)),
      close_op(engine::Handler<engine::Closed>::To<&Port::OnClosed>(this)) {}

bool ForwardListener::Port::joined() const {
  return !accept_op.in_flight() && !pause_op.in_flight() && !close_op.in_flight();
}

void ForwardListener::Port::AcceptIfWanted() {
  if (!owner.accepting_ || accept_op.in_flight() || pause_op.in_flight()) return;
  owner.loop_.Accept(accept_op, socket);
}

void ForwardListener::Port::OnAccepted(engine::Accepted outcome) {
  if (outcome.error == IoError::kNone) owner.events_.OnLocalConnection(outcome.socket);
  if (outcome.more) return;
  if (owner.stopped_) return CloseIfIdle();
  if (outcome.error == IoError::kNone || outcome.error == IoError::kCanceled ||
      outcome.error == IoError::kReset) {
    AcceptIfWanted();
  } else if (!pause_op.in_flight()) {
    owner.loop_.StartTimer(pause_op, owner.loop_.Now() + kExhaustedPause);
  }
}

void ForwardListener::Port::OnPauseOver(engine::Fired) {
  owner.stopped_ ? CloseIfIdle() : AcceptIfWanted();
}

void ForwardListener::Port::CloseIfIdle() {
  if (closed || !joined()) return;
  owner.loop_.Close(close_op, socket);
}

void ForwardListener::Port::OnClosed(engine::Closed) { closed = true; }

ForwardListener::ForwardListener(engine::Loop& loop, Events& events)
    : loop_(loop), events_(events) {}

ForwardListener::~ForwardListener() { CHECK(joined()); }

void ForwardListener::Add(engine::Socket socket) {
  ports_[ports_[0] == nullptr ? 0 : 1] = std::make_unique<Port>(*this, socket);
}

void ForwardListener::RemoveAll() {
  for (std::unique_ptr<Port>& port : ports_) {
    if (port == nullptr) continue;
    loop_.Release(port->socket);  // Nothing was ever started on it.
    ::close(static_cast<int>(port->socket.handle));
    port.reset();
  }
}

absl::Status ForwardListener::Listen(const ForwardSpec& spec) {
  if (!spec.socket_path.empty()) return ListenPath(spec.socket_path);
  if (spec.bind.empty()) return ListenLoopback(spec.local_port);
  return ListenAt(spec.bind == "*" ? "::" : spec.bind, spec.local_port);
}

absl::Status ForwardListener::ListenAt(const std::string& host, uint16_t port) {
  engine::Address address = Numeric(host, port);
  engine::Opened opened = loop_.Listen(address, kBacklog);
  if (opened.error != IoError::kNone && host == "::" && opened.error != IoError::kInUse) {
    address = Numeric("0.0.0.0", port);  // No IPv6 on this machine.
    opened = loop_.Listen(address, kBacklog);
  }
  if (opened.error != IoError::kNone) return ListenError(opened.error, address);
  Add(opened.socket);
  local_text_ = loop_.LocalAddress(opened.socket).ToText();
  return absl::OkStatus();
}

absl::Status ForwardListener::ListenLoopback(uint16_t port) {
  absl::Status status;
  for (int i = 0; i < (port == 0 ? kFreePortTries : 1); ++i) {
    status = ListenAt("127.0.0.1", port);
    if (!status.ok()) return status;
    const uint16_t taken = loop_.LocalAddress(ports_[0]->socket).port();
    const engine::Address other = Numeric("::1", taken);
    const engine::Opened opened = loop_.Listen(other, kBacklog);
    if (opened.error == IoError::kNone) Add(opened.socket);
    // Half a loopback would be a trap: "localhost" would reach us or somebody else by chance.
    if (opened.error != IoError::kInUse) return absl::OkStatus();
    status = ListenError(opened.error, other);
    RemoveAll();
  }
  return status;
}

absl::Status ForwardListener::ListenPath(const std::string& path) {
  engine::Address address;
  CHECK(engine::Address::FromPath(path, address));
  const mode_t before = ::umask(S_IRWXG | S_IRWXO | S_IXUSR);  // For this user alone.
  const engine::Opened opened = loop_.Listen(address, kBacklog);
  ::umask(before);
  if (opened.error != IoError::kNone) {
    return absl::UnavailableError(ListenErrorText(opened.error, path, 0, ""));
  }
  Add(opened.socket);
  local_text_ = path;
  socket_path_ = path;
  return absl::OkStatus();
}

void ForwardListener::Start() {
  if (stopped_) return;
  accepting_ = true;
  for (const auto& port : ports_) {
    if (port != nullptr) port->AcceptIfWanted();
  }
}

void ForwardListener::Pause() {
  accepting_ = false;
  for (const auto& port : ports_) {
    if (port != nullptr) loop_.Cancel(port->accept_op);
  }
}

void ForwardListener::Stop() {
  if (std::exchange(stopped_, true)) return;
  accepting_ = false;
  if (!socket_path_.empty()) ::unlink(socket_path_.c_str());
  for (const auto& port : ports_) {
    if (port == nullptr) continue;
    loop_.Cancel(port->accept_op);
    loop_.Cancel(port->pause_op);
    port->CloseIfIdle();
  }
}

bool ForwardListener::joined() const {
  for (const auto& port : ports_) {
    if (port != nullptr && !(port->closed && port->joined())) return false;
  }
  return true;
}

std::string ListenErrorText(IoError error, const std::string& address, uint16_t port,
                            const std::string& owner) {
  const std::string cannot = "cannot listen on " + address + ": ";
  if (port == 0) {
    if (error == IoError::kInUse) {
      return cannot + "something is there already\nif no program uses it, remove it: rm " + address;
    }
    if (error == IoError::kDenied) return cannot + "not permitted in that folder; choose another";
    return cannot + "the system refused it; is it in a folder that exists?";
  }
  const std::string other = std::to_string(port < 20000 ? port + 10000 : port - 10000);
  switch (error) {
    case IoError::kInUse:
      return cannot + "the port is taken" + (owner.empty() ? "" : " by " + owner) +
             "\nend that program, or take another local port, such as " + other +
             ", or 0 for any free one";
    case IoError::kDenied:
      if (port < kFirstOrdinaryPort) {
        return cannot + "ports below 1024 need privilege\ntake a higher one, such as " + other;
      }
      return cannot + "not permitted";
    case IoError::kExhausted:
      return cannot + "out of descriptors or memory (ulimit -n)";
    default:
      return cannot + "the system refused it; is it an address of this machine?";
  }
}

}  // namespace client
