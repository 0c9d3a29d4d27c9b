// The local end of a forward: one or two listening sockets.

#pragma once

#include <array>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "client/forward_spec.h"
#include "engine/loop/loop.h"

namespace client {

class ForwardListener {
 public:
  class Events {
   public:
    virtual ~Events() = default;
    virtual void OnLocalConnection(engine::Socket socket) = 0;  // The owner's from now on.
  };

  static constexpr int kBacklog = 128;
  // How long to wait before accepting again when descriptors or memory have run out.
  static constexpr engine::Duration kExhaustedPause = std::chrono::milliseconds(100);

  ForwardListener(engine::Loop& loop, Events& events);
  ~ForwardListener();  // Requires: joined().
  ForwardListener(const ForwardListener&) = delete;
  ForwardListener& operator=(const ForwardListener&) = delete;

  // Listen takes the local address, or says why it cannot be had: who has it, and what to do. On
  // the loopback addresses, the IPv6 one is left out where there is none.
  absl::Status Listen(const ForwardSpec& spec);

  // LocalText is what to connect to, "127.0.0.1:5432" or a path. Requires: Listen succeeded.
  const std::string& LocalText() const { return local_text_; }

  // Accepting starts and stops; connections that come meanwhile wait in the kernel's queue.
  void Start();
  void Pause();

  // Stop closes the sockets.
  void Stop();
  bool joined() const;

 private:
  struct Port {
    explicit Port(ForwardListener& owner, engine::Socket opened);
    void OnAccepted(engine::Accepted outcome);
    void OnPauseOver(engine::Fired outcome);
    void OnClosed(engine::Closed outcome);
    void CloseIfIdle();
    void AcceptIfWanted();
    bool joined() const;

    ForwardListener& owner;
    engine::Socket socket;
    engine::AcceptOp accept_op;
    engine::TimerOp pause_op;
    engine::CloseOp close_op;
    bool closed = false;
  };

  absl::Status ListenLoopback(uint16_t port);
  absl::Status ListenPath(const std::string& path);
  absl::Status ListenAt(const std::string& host, uint16_t port);
  void Add(engine::Socket socket);
  void RemoveAll();

  engine::Loop& loop_;
  Events& events_;
  std::array<std::unique_ptr<Port>, 2> ports_;
  std::string local_text_;
  std::string socket_path_;  // To remove at the end.
  bool accepting_ = false;
  bool stopped_ = false;
};

// ListenErrorText says why a local address cannot be had, and what to do. `owner` is who has it, if
// that is known.
std::string ListenErrorText(engine::IoError error, const std::string& address, uint16_t port,
                            const std::string& owner);

}  // namespace client
