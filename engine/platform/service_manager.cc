#include "engine/platform/service_manager.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
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

void ServiceManager::MainProcess(int pid) const { Send("MAINPID=" + std::to_string(pid)); }

void ServiceManager::Keep(std::string_view name, int descriptor) const {
  Send("FDSTORE=1\nFDNAME=" + std::string(name), descriptor);
}

void ServiceManager::Forget(std::string_view name, int descriptor) const {
  Send("FDSTOREREMOVE=1\nFDNAME=" + std::string(name));
  ::close(descriptor);
}

void ServiceManager::Send(const std::string& message, int descriptor) const {
  sockaddr_un address{};
  if (notify_socket_.empty() || notify_socket_.size() >= sizeof address.sun_path) return;
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, notify_socket_.data(), notify_socket_.size());
  if (address.sun_path[0] == '@') address.sun_path[0] = '\0';
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + notify_socket_.size());
  iovec text{const_cast<char*>(message.data()), message.size()};
  msghdr letter{};
  letter.msg_name = &address;
  letter.msg_namelen = size;
  letter.msg_iov = &text;
  letter.msg_iovlen = 1;
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof descriptor)> enclosed{};
  if (descriptor >= 0) {
    letter.msg_control = enclosed.data();
    letter.msg_controllen = enclosed.size();
    cmsghdr* header = CMSG_FIRSTHDR(&letter);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof descriptor);
    std::memcpy(CMSG_DATA(header), &descriptor, sizeof descriptor);
  }
  const int socket = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (socket < 0 || ::sendmsg(socket, &letter, MSG_NOSIGNAL | MSG_DONTWAIT) < 0) {
    log::Write(log::Level::kWarning, "service_manager_not_told",
               {{"reason", std::strerror(errno)}});
  }
  if (socket >= 0) ::close(socket);
}

bool IsListening(int descriptor) {
  int value = 0;
  socklen_t size = sizeof value;
  const bool is_stream =
      ::getsockopt(descriptor, SOL_SOCKET, SO_TYPE, &value, &size) == 0 && value == SOCK_STREAM;
  size = sizeof value;
  return is_stream && ::getsockopt(descriptor, SOL_SOCKET, SO_ACCEPTCONN, &value, &size) == 0 &&
         value != 0;
}

}  // namespace engine
