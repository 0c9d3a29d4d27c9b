#pragma once

#include <string>
#include <string_view>

namespace engine {

// ServiceManager is whoever started this process and wants to hear of its state (sd_notify(3)):
// systemd, or nobody, then every call does nothing.
class ServiceManager {
 public:
  // `notify_socket` is $NOTIFY_SOCKET: a path, or "@" and a name, or empty.
  explicit ServiceManager(std::string notify_socket);

  void Ready(std::string_view status) const;     // READY=1; may be said again with another status.
  void Status(std::string_view status) const;    // One line for `systemctl status`.
  void Stopping(std::string_view status) const;  // STOPPING=1

 private:
  void Send(const std::string& message) const;

  std::string notify_socket_;
};

}  // namespace engine
