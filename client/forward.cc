#include "client/forward.h"

#include <utility>
#include <vector>

#include "client/session_end.h"
#include "engine/base/check.h"
#include "engine/wire/control.h"
#include "engine/wire/host_port.h"

namespace client {

Forward::Forward(engine::Loop& loop, ForwardSpec spec, size_t connections_max, Tell tell)
    : loop_(loop),
      spec_(std::move(spec)),
      connections_max_(connections_max),
      tell_(std::move(tell)),
      listener_(loop, *this) {
  connections_.reserve(connections_max);
}

Forward::~Forward() { CHECK(connections_.empty()); }

void Forward::Start(LaneSet& lanes, std::string node) {
  lanes_ = &lanes;
  node_ = std::move(node);
  engine::TcpRequest request;
  request.host = spec_.host;
  request.port = spec_.port;
  request_ = engine::EncodeOpen(request);
  listener_.Start();
  tell_(listener_.LocalText() + " -> " + node_ + " -> " +
        engine::FormatHostPort({spec_.host, spec_.port}));
}

void Forward::OnLocalConnection(engine::Socket socket) {
  auto connection = std::make_unique<ForwardConnection>(
      loop_, *lanes_, socket, static_cast<ForwardConnection::Owner&>(*this));
  ForwardConnection& opened = *connection;
  connections_.emplace(&opened, std::move(connection));
  if (stopped_) {
    opened.Shut();
    return;
  }
  if (connections_.size() >= connections_max_) listener_.Pause();
  opened.Open(engine::AsBytes(request_));
}

void Forward::OnConnectionRefused(engine::CloseCode code, std::string_view text) {
  const engine::Instant now = loop_.Now();
  if (told_refusal_ && now - refusal_told_at_ < kRefusalPause) {
    ++refusals_untold_;
    return;
  }
  std::string line =
      RefusedText(code, text, node_, engine::FormatHostPort({spec_.host, spec_.port}));
  if (refusals_untold_ > 0) {
    line += " (and " + std::to_string(refusals_untold_) + " connections more since the last line)";
  }
  told_refusal_ = true;
  refusal_told_at_ = now;
  refusals_untold_ = 0;
  tell_(line);
}

void Forward::OnConnectionOver(ForwardConnection& connection) {
  connections_.erase(&connection);
  if (!stopped_ && connections_.size() + 1 == connections_max_) listener_.Start();
}

void Forward::Stop() {
  if (std::exchange(stopped_, true)) return;
  listener_.Stop();
  // Shut ends nothing at once: a connection leaves the table in a later iteration.
  for (const auto& [key, connection] : connections_) connection->Shut();
}

}  // namespace client
