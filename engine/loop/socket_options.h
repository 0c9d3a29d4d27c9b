#pragma once

#include <cstdint>

#include "engine/base/time.h"
#include "engine/loop/op.h"

namespace engine {

// SocketOptions are what Loop::SetOptions() changes on a stream socket.
struct SocketOptions {
  // Send small pieces at once (TCP_NODELAY): a keystroke must not wait for an acknowledgement.
  bool no_delay = true;

  // How many bytes that were not sent yet may wait in the kernel before a Send stops being accepted
  // (TCP_NOTSENT_LOWAT): what waits in the kernel can no longer be overtaken. Zero: unchanged.
  uint32_t unsent_max_bytes = 0;

  // Probe an idle connection (SO_KEEPALIVE); the kernel counts whole seconds. Zero: unchanged.
  Duration keepalive_idle{};
  Duration keepalive_interval{};
  uint32_t keepalive_probes = 0;

  // The kernel's buffers (SO_SNDBUF, SO_RCVBUF). Zero: the kernel's own, which grow by themselves.
  uint32_t send_buffer_bytes = 0;
  uint32_t receive_buffer_bytes = 0;
};

// ApplySocketOptions sets `options` on an OS socket. An option that the socket does not have, as a
// UNIX-domain one has no TCP options, is passed over. For backends: all others use the Loop.
void ApplySocketOptions(Socket socket, const SocketOptions& options);

}  // namespace engine
