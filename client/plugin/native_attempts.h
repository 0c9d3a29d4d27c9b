#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "client/api_client.h"
#include "client/forward_spec.h"
#include "client/known_nodes.h"
#include "client/lane_calls.h"
#include "client/lane_loops.h"
#include "client/memory_plan.h"
#include "client/plugin/native_port.h"
#include "client/plugin/native_seal.h"
#include "client/plugin/plugin_access.h"
#include "client/plugin/session_response.h"
#include "engine/mux/window_reserve.h"
#include "engine/net/https_client.h"
#include "engine/net/loop_driver.h"
#include "engine/platform/create_loop.h"

namespace client {

// NativePlan is how a port session may go over Adit's own protocol.
struct NativePlan {
  ForwardSpec spec;
  PluginTrust trust;
  std::string target;                   // The node as the user named it.
  Credentials credentials;              // Without one there are no more lanes than the first.
  std::string config_folder;            // Where nodes that were met are known.
  std::chrono::seconds patience_max{};  // The user's.
  engine::LoopOptions worker_options;
};

// NativeAttempts is a port session over Adit's own protocol, and those before it: a cut that it
// cannot outlive makes it start again, with the same local port. It is sealed where the relay and
// the node can do that, and a sealed one that did not get through is inspected the next time.
class NativeAttempts {
 public:
  // `relay` is where the session's stream is. The references outlive it.
  NativeAttempts(engine::LoopDriver& driver, const engine::TlsContext& context,
                 engine::HostPort relay, NativePlan plan, NativePort::Events& events);

  // Start tries the session of a ticket. An earlier attempt is over.
  void Start(const SessionTicket& ticket);

  // The port that people were told; 0: none yet, any free one will do.
  uint16_t local_port() const { return plan_.spec.local_port; }

  // As of NativePort. Close, when it is joined, ends what is left; gone() follows.
  void Stop();
  void Abort();
  bool joined() const;
  void Close() { calls_.Close(); }
  bool gone() const { return calls_.joined(); }

 private:
  void OnSealed(const SessionTicket& ticket, absl::StatusOr<SecuredSession> session);
  void Dial(LinkTarget target);
  LinkTarget TargetOf(const SessionTicket& ticket) const;

  engine::LoopDriver& driver_;
  const engine::HostPort relay_;
  NativePlan plan_;
  NativePort::Events& events_;
  engine::HttpsClient calls_;
  ApiClient api_;
  LaneCalls lanes_;
  KnownNodes known_nodes_;
  NativeSeal seal_;
  engine::WindowReserve reserve_{kWindowsReserve, kWindowsReserveParts};
  LaneLoops loops_;
  std::vector<std::unique_ptr<NativePort>> ports_;  // The last one is the session's.
  bool may_seal_ = true;
  bool is_stopped_ = false;
};

}  // namespace client
