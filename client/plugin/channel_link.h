// One connection of a data channel: TLS, the WebSocket's opening, and the first message that says
// whose session it is. What is lost with it is nobody's business here.

#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "engine/http/secure_url.h"
#include "engine/http/websocket.h"
#include "engine/net/loop_driver.h"
#include "engine/net/secure_connection.h"

namespace engine {
class TlsContext;
}

namespace client {

struct ChannelLinkEnd {
  enum class Kind : uint8_t {
    kUnreachable,  // No TCP connection.
    kTls,          // No TLS: another authority, another name, not TLS at all.
    kRefused,      // No WebSocket; the text has the server's reason.
    kLost,         // It was open.
  };
  Kind kind = Kind::kLost;
  std::string text;  // For people; foreign in part.
};

class ChannelLink final : private engine::SecureConnection::Events,
                          private engine::WebSocket::Handler {
 public:
  class Events {
   public:
    virtual void OnLinkOpen() = 0;
    // `message` stays until the call returns.
    virtual void OnLinkMessage(engine::ByteView message) = 0;
    // After HasRoom said no.
    virtual void OnLinkRoom() = 0;
    // The last call, from the loop. The owner may destroy the link in it, and at no time before.
    virtual void OnLinkOver(const ChannelLinkEnd& end) = 0;

   protected:
    ~Events() = default;
  };

  // What waits to be sent: enough to keep the kernel busy, little to stand behind.
  static constexpr size_t kOutputMax = 256 * 1024;

  // Dials at once. `open_message` is the channel's first one. All outlive the link.
  ChannelLink(engine::LoopDriver& driver, const engine::TlsContext& context, engine::SecureUrl url,
              std::string open_message, Events& events);
  ~ChannelLink() override;

  // Requires, as Send: after OnLinkOpen and before OnLinkOver.
  bool HasRoom(size_t size) { return socket_->HasRoom(size); }
  // Requires: HasRoom(message.size()) said yes.
  void Send(engine::ByteView message);

  // HoldInput stops reading, or goes on with it. A peer whose pings are not read for long ends the
  // connection; what it sent is not lost with it.
  void HoldInput(bool is_held) { connection_.HoldInput(is_held); }

  // Close says goodbye after what is queued; Abort does not. OnLinkOver follows.
  void Close();
  void Abort() { connection_.Close(); }

 private:
  void OnSecured(engine::SecureConnection& connection) override;
  void OnClosed(engine::SecureConnection& connection, const engine::ConnectionEnd& end) override;
  void OnOpen() override;
  void OnMessage(engine::WebSocketKind kind, engine::ByteView bytes) override;
  void OnRoom() override { events_.OnLinkRoom(); }
  void OnClosed(const engine::WebSocketEnd& end) override;

  const engine::SecureUrl url_;
  const std::string open_message_;
  Events& events_;
  ChannelLinkEnd end_;
  bool is_open_ = false;
  engine::SecureConnection connection_;
  std::unique_ptr<engine::WebSocket> socket_;
};

}  // namespace client
