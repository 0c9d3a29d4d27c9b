// One connection of a lane on which a script says any bytes. For fuzz targets of lanes, which have
// no cryptography (null_channel.cc).

#pragma once

#include <algorithm>
#include <memory>
#include <string>
#include <utility>

#include "engine/mux/frame_parser.h"
#include "engine/net/joined_connection.h"
#include "engine/wire/control.h"
#include "tests/fuzz/spoken_bytes.h"
#include "tests/unit/agent/lane_client.h"

namespace agent {

class LaneTalk final : private engine::JoinedConnection::Events, private engine::test::SpokenBytes {
 public:
  // Dials the relay at once, and joins by `token`; null `inner`: the session is inspected.
  LaneTalk(engine::LoopDriver& driver, engine::HostPort relay, std::string token,
           std::shared_ptr<engine::TlsContext> inner)
      : connection_(driver, *SharedTrust().client_context, std::move(inner),
                    {.relay = std::move(relay), .token = std::move(token)},
                    static_cast<engine::JoinedConnection::Events&>(*this)) {}

  // Say queues bytes, which are sent once the connection is secured.
  void Say(std::string_view bytes) {
    if (over_) return;
    to_say_ += bytes;
    if (secured_) connection_.OutputReady();
  }
  void Cut() { connection_.Close(); }

  bool secured() const { return secured_; }
  bool over() const { return over_; }
  // Requires: secured().
  engine::TlsChannel& channel() { return connection_.channel(); }

  // What came: all of it is counted, and its beginning kept.
  uint64_t heard_bytes() const { return heard_bytes_; }
  // FirstFrame returns how large the first frame is that came; 0: it is not all there.
  size_t FirstFrame(engine::ControlMessage& message) const {
    engine::FrameHeader header;
    if (heard_.size() < engine::kFrameHeaderSize) return 0;
    if (engine::ParseFrameHeader(engine::AsBytes(heard_), header) != engine::FrameError::kNone)
      return 0;
    const size_t size = engine::kFrameHeaderSize + header.payload_size;
    if (heard_.size() < size) return 0;
    const std::string_view payload =
        std::string_view(heard_).substr(engine::kFrameHeaderSize, header.payload_size);
    if (header.type == engine::FrameType::kControl) (void)engine::Decode(payload, message);
    return size;
  }

 private:
  void OnSecured(engine::JoinedConnection& connection) override {
    secured_ = true;
    connection.SetProtocol(*this);
    connection.OutputReady();
  }
  void OnClosed(engine::JoinedConnection&, const engine::JoinEnd&) override {
    secured_ = false;
    over_ = true;
  }
  void Receive(engine::BufferRef plaintext, engine::Instant now) override {
    heard_bytes_ += plaintext.size();
    SpokenBytes::Receive(std::move(plaintext), now);
  }

  uint64_t heard_bytes_ = 0;
  bool secured_ = false;
  bool over_ = false;
  engine::JoinedConnection connection_;
};

}  // namespace agent
