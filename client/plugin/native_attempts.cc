#include "client/plugin/native_attempts.h"

#include <algorithm>
#include <utility>

namespace client {

void NativeAttempts::Start(const SessionTicket& ticket) {
  // The port that was taken is kept.
  if (spec_.local_port == 0 && !ports_.empty()) spec_.local_port = ports_.back()->local_port();
  std::erase_if(ports_, [](const auto& port) { return port->joined(); });
  ports_.push_back(
      std::make_unique<NativePort>(driver_,
                                   LinkTarget{.relay = ticket.stream.server,
                                              .ca_pem = trust_.authority_pem,
                                              .ca_files = trust_.lists,
                                              .node_label = node_label_,
                                              .session_id = ticket.session_id,
                                              .ticket = {.token = ticket.token, .loop = 0},
                                              .node_context = nullptr,
                                              .wrapped = false,
                                              .clock = {},
                                              .options = {}},
                                   spec_, events_));
  ports_.back()->Start();
}

void NativeAttempts::Stop() {
  for (const auto& port : ports_) port->Stop();
}

void NativeAttempts::Abort() {
  for (const auto& port : ports_) port->Abort();
}

bool NativeAttempts::joined() const {
  return std::ranges::all_of(ports_, [](const auto& port) { return port->joined(); });
}

}  // namespace client
