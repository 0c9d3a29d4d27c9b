#include "client/lane_connections.h"

#include <utility>

#include "client/memory_plan.h"
#include "engine/base/check.h"

namespace client {

LaneConnections::LaneConnections(engine::Loop& loop, engine::Multiplexer& multiplexer,
                                 std::string request, Events& events)
    : loop_(loop), multiplexer_(multiplexer), request_(std::move(request)), events_(events) {
  connections_.reserve(kForwardConnectionsMax);
}

LaneConnections::~LaneConnections() { CHECK(empty()); }

void LaneConnections::Take(LocalConnection connection) {
  if (!closed_) {
    const engine::Socket socket = loop_.Adopt(connection.descriptor);
    auto opened = std::make_unique<ForwardConnection>(
        loop_, multiplexer_, socket, static_cast<ForwardConnection::Owner&>(*this));
    if (opened->Open(engine::AsBytes(request_))) {
      connections_.emplace(opened.get(), std::move(opened));
      return;
    }
    loop_.Release(socket);
  }
  events_.OnConnectionNotTaken(connection);
}

void LaneConnections::Shut() {
  closed_ = true;
  // Nothing ends at once: a connection leaves the table in a later iteration.
  for (const auto& [key, connection] : connections_) connection->Shut();
}

void LaneConnections::OnConnectionRefused(engine::CloseCode code, std::string_view text) {
  events_.OnConnectionRefused(code, text);
}

void LaneConnections::OnConnectionBulk() {
  const engine::Instant now = loop_.Now();
  if (had_bulk_ && now - bulk_told_at_ < kBulkPause) return;
  had_bulk_ = true;
  bulk_told_at_ = now;
  events_.OnLaneBulk();
}

void LaneConnections::OnConnectionOver(ForwardConnection& connection) {
  connections_.erase(&connection);
  events_.OnConnectionOver();
}

}  // namespace client
