#include "relay/listener.h"

#include <memory>
#include <string>

#include "engine/base/log.h"
#include "engine/platform/create_loop.h"
#include "engine/platform/service_manager.h"

namespace relay {

namespace {

constexpr int kBacklog = 4096;
// A relay that was killed may leave its port taken for a moment, until the kernel has let go.
constexpr int kListenTries = 10;
constexpr engine::Duration kListenPause = std::chrono::milliseconds(300);
// What the manager calls the socket that we gave it.
constexpr std::string_view kStoredName = "adit-listen";

// ListenAnew makes a socket on `loop`.
absl::StatusOr<engine::Socket> ListenAnew(const Config& config, const engine::Address& address,
                                          engine::Loop& loop) {
  engine::Opened opened = loop.Listen(address, kBacklog);
  for (int i = 1; i < kListenTries && opened.error == engine::IoError::kInUse; ++i) {
    loop.RunOnce(kListenPause);  // Nothing is in flight: it only waits.
    opened = loop.Listen(address, kBacklog);
  }
  if (opened.error == engine::IoError::kInUse) {
    return absl::AlreadyExistsError("another process listens on " + config.listen +
                                    "; stop it or choose another --listen");
  }
  if (opened.error == engine::IoError::kDenied) {
    return absl::PermissionDeniedError("not permitted to listen on " + config.listen +
                                       "; a port below 1024 needs root or CAP_NET_BIND_SERVICE");
  }
  if (opened.error != engine::IoError::kNone) {
    return absl::UnavailableError("cannot listen on " + config.listen +
                                  "; is that an address of this machine?");
  }
  return opened.socket;
}

// IsFor is false of a socket that a process before this one made for another --listen.
bool IsFor(const InheritedSocket& inherited, const engine::Address& wanted,
           const engine::Address& has) {
  if (inherited.name != kStoredName) return true;  // An operator's own wish.
  return has == wanted || (wanted.port() == 0 && has.HostText() == wanted.HostText());
}

}  // namespace

absl::StatusOr<Listener> OpenListener(const Config& config) {
  const absl::StatusOr<engine::Address> address = ParseListen(config.listen);
  if (!address.ok()) return address.status();
  engine::LoopOptions options = config.loop;  // Only for the socket; the first loop adopts it.
  options.block_count = 1;
  options.is_logged = false;
  const absl::StatusOr<std::unique_ptr<engine::Loop>> loop = engine::CreateLoop(options);
  if (!loop.ok()) return loop.status();
  const engine::ServiceManager manager(config.notify_socket);
  if (config.inherited.has_value()) {
    const int descriptor = config.inherited->descriptor;
    if (!engine::IsListening(descriptor)) {
      return absl::InvalidArgumentError(
          "LISTEN_FDS hands over descriptor 3, which is no listening socket; correct the unit");
    }
    const engine::Socket socket = (*loop)->Adopt(descriptor);
    const engine::Address has = (*loop)->LocalAddress(socket);
    (*loop)->Release(socket);
    if (IsFor(*config.inherited, *address, has)) return Listener{descriptor, has.port()};
    engine::log::Write(engine::log::Level::kInfo, "listener_not_taken",
                       {{"was", has.ToText()}, {"listen", config.listen}});
    manager.Forget(kStoredName, descriptor);
  }
  const absl::StatusOr<engine::Socket> socket = ListenAnew(config, *address, **loop);
  if (!socket.ok()) return socket.status();
  const Listener listener{static_cast<int>(socket->handle), (*loop)->LocalAddress(*socket).port()};
  (*loop)->Release(*socket);
  manager.Keep(kStoredName, listener.descriptor);
  return listener;
}

}  // namespace relay
