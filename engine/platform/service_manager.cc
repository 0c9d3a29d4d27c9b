#include "engine/platform/service_manager.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <utility>

#include "engine/base/log.h"

namespace engine {

ServiceManager::ServiceManager(std::string notify_socket)
    : notify_socket_(std::move(notify_socket)) {}

void ServiceManager::Ready(std::string_view status) const {
  Send("READY=1\nSTATUS=" + std::string(status));
}

void ServiceManager::Status(std::string_view status) const {
  Send("STATUS=" + std::string(status));
}

void ServiceManager::Stopping(std::string_view status) const {
  Send("STOPPING=1\nSTATUS=" + std::string(status));
}

void ServiceManager::Send(const std::string& message) const {
  sockaddr_un address{};
  if (notify_socket_.empty() || notify_socket_.size() >= sizeof address.sun_path) return;
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, notify_socket_.data(), notify_socket_.size());
  if (address.sun_path[0] == '@') address.sun_path[0] = '\0';
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + notify_socket_.size());
  const int socket = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (socket < 0 || ::sendto(socket, message.data(), message.size(), MSG_NOSIGNAL | MSG_DONTWAIT,
                             reinterpret_cast<const sockaddr*>(&address), size) < 0) {
    log::Write(log::Level::kWarning, "service_manager_not_told",
               {{"reason", std::strerror(errno)}});
  }
  if (socket >= 0) ::close(socket);
}

}  // namespace engine
