#include "client/plugin/channel_link.h"

#include <utility>

#include "engine/base/check.h"
#include "engine/http/websocket_handshake.h"
#include "engine/tls/tls_channel.h"

namespace client {

using engine::ConnectionEnd;

ChannelLink::ChannelLink(engine::LoopDriver& driver, const engine::TlsContext& context,
                         engine::SecureUrl url, std::string open_message, Events& events)
    : url_(std::move(url)),
      open_message_(std::move(open_message)),
      events_(events),
      connection_(driver.loop(), static_cast<engine::SecureConnection::Events&>(*this)) {
  connection_.Dial(
      driver.resolver(), url_.server.host, url_.server.port,
      std::make_unique<engine::TlsChannel>(context, driver.loop().buffers(), url_.server.host));
}

ChannelLink::~ChannelLink() = default;

void ChannelLink::Send(engine::ByteView message) {
  CHECK(socket_->Send(engine::WebSocketKind::kBinary, message));
}

void ChannelLink::Close() {
  if (!is_open_) return Abort();
  socket_->Close(engine::WebSocketCode::kNormal, "", connection_.loop().Now());
}

void ChannelLink::OnSecured(engine::SecureConnection& connection) {
  const std::string key = engine::NewWebSocketKey();
  socket_ = std::make_unique<engine::WebSocket>(
      connection, static_cast<engine::WebSocket::Handler&>(*this),
      engine::WebSocketOptions{.output_size_max = kOutputMax},
      engine::WebSocketRequest(url_.host, url_.target, key), key, connection.loop().Now());
  connection.SetProtocol(*socket_);
}

void ChannelLink::OnOpen() {
  is_open_ = true;
  CHECK(socket_->Send(engine::WebSocketKind::kText, engine::AsBytes(open_message_)));
  events_.OnLinkOpen();
}

void ChannelLink::OnMessage(engine::WebSocketKind, engine::ByteView bytes) {
  events_.OnLinkMessage(bytes);  // Text or binary: real services are not asked to choose.
}

void ChannelLink::OnClosed(const engine::WebSocketEnd& end) {
  if (is_open_) {
    end_.kind = ChannelLinkEnd::Kind::kLost;
  } else {
    end_.kind = ChannelLinkEnd::Kind::kRefused;
  }
  end_.text = end.text;
}

void ChannelLink::OnClosed(engine::SecureConnection&, const ConnectionEnd& end) {
  if (socket_ != nullptr) {
    socket_->HandleEnd(end.text);
  } else if (end.kind == ConnectionEnd::Kind::kHandshakeFailed) {
    end_ = {.kind = ChannelLinkEnd::Kind::kTls, .text = end.text};
  } else {
    end_ = {.kind = ChannelLinkEnd::Kind::kUnreachable, .text = end.text};
  }
  is_open_ = false;
  events_.OnLinkOver(end_);  // Last: it may destroy this.
}

}  // namespace client
