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

  // MainProcess says that another process takes this one's place (MAINPID=).
  void MainProcess(int pid) const;

  // Keep gives it a copy of a descriptor, under a name, to hand it to the process after this one
  // (FDSTORE=1); Forget takes that back and closes the descriptor. The manager may not keep any.
  void Keep(std::string_view name, int descriptor) const;
  void Forget(std::string_view name, int descriptor) const;

 private:
  void Send(const std::string& message, int descriptor = -1) const;

  std::string notify_socket_;
};

// IsListening is true of a descriptor that is a listening socket of TCP.
bool IsListening(int descriptor);

}  // namespace engine
