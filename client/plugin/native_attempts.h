#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "client/forward_spec.h"
#include "client/plugin/native_port.h"
#include "client/plugin/plugin_access.h"
#include "client/plugin/session_response.h"
#include "engine/net/loop_driver.h"

namespace client {

// NativeAttempts is a port session over Adit's own protocol, and those before it: each cut makes it
// start again, with the same local port.
class NativeAttempts {
 public:
  // `driver` and `events` outlive it.
  NativeAttempts(engine::LoopDriver& driver, ForwardSpec spec, PluginTrust trust,
                 std::string node_label, NativePort::Events& events)
      : driver_(driver),
        spec_(std::move(spec)),
        trust_(std::move(trust)),
        node_label_(std::move(node_label)),
        events_(events) {}

  // Start tries the session of a ticket. An earlier attempt is over.
  void Start(const SessionTicket& ticket);

  // The port that people were told; 0: none yet, any free one will do.
  uint16_t local_port() const { return spec_.local_port; }

  void Stop();
  void Abort();
  bool joined() const;

 private:
  engine::LoopDriver& driver_;
  ForwardSpec spec_;
  const PluginTrust trust_;
  const std::string node_label_;
  NativePort::Events& events_;
  std::vector<std::unique_ptr<NativePort>> ports_;  // The last one is the session's.
};

}  // namespace client
