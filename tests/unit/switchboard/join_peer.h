// One side of a lane, as an end point plays it: TLS to the relay, a join, and then bare bytes or
// bytes inside TLS. It says exactly the records that a test gives it.

#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "engine/net/loop_driver.h"
#include "engine/net/secure_connection.h"
#include "engine/tls/tls_channel.h"
#include "engine/tls/tls_context.h"
#include "engine/wire/control.h"
#include "engine/wire/frame.h"
#include "tests/unit/switchboard/bare_peer.h"

namespace relay {

inline std::string ControlFrame(std::string_view json) {
  const engine::FrameHeader header{engine::FrameType::kControl, 0,
                                   static_cast<uint16_t>(json.size()), engine::kLinkStream};
  std::string frame(engine::kFrameHeaderSize, '\0');
  engine::BuildFrameHeader(header, reinterpret_cast<std::byte*>(frame.data()));
  return frame += json;
}

class JoinPeer final : private engine::SecureConnection::Events, private engine::RecordProtocol {
 public:
  struct Manners {
    std::string token;
    bool is_wrapped = false;  // It stays inside TLS.
    bool says_join = true;
    bool is_deaf = false;     // Once TLS is set up it reads nothing, not even an end.
    bool is_raw = false;      // What it hears is no frames.
    std::string first_words;  // Said the moment it has read `joined`.
  };

  JoinPeer(engine::LoopDriver& driver, const engine::TlsContext& tls, const char* relay,
           uint16_t port, Manners manners)
      : loop_(driver.loop()), manners_(std::move(manners)), connection_(loop_, *this) {
    if (manners_.says_join) {
      Say(ControlFrame(engine::Encode(engine::Join{manners_.token, manners_.is_wrapped})));
    }
    connection_.Dial(
        driver.resolver(), relay, port,
        std::make_unique<engine::TlsChannel>(tls, loop_.buffers(), engine::kRelayInternalName));
  }

  // Say sends one record, or bare bytes once TLS is laid aside.
  void Say(std::string bytes) {
    if (bare != nullptr) return bare->Say(bytes);
    records_.push_back(std::move(bytes));
    if (secured) connection_.OutputReady();
  }
  // Finish ends what is sent.
  void Finish() { bare != nullptr ? bare->Finish() : connection_.CloseAfterOutput(); }
  // Close gives everything up.
  void Close() {
    if (bare != nullptr) return bare->Close();
    if (!end.has_value()) connection_.Close();
  }
  bool closed() const { return bare != nullptr ? bare->closed() : end.has_value(); }

  const std::string& heard() const { return bare != nullptr ? bare->heard : heard_; }
  // The other side's end was heard, in whichever way.
  bool ended() const { return bare != nullptr ? bare->ended || bare->was_reset : end.has_value(); }

  bool secured = false;
  bool joined = false;
  std::optional<engine::CloseCode> goaway;
  std::string goaway_text;
  std::optional<engine::ConnectionEnd> end;  // Of TLS.
  std::unique_ptr<BarePeer> bare;

 private:
  void OnSecured(engine::SecureConnection& connection) override {
    secured = true;
    connection.SetProtocol(*this);
    if (manners_.is_deaf) connection.HoldInput(true);
    connection.OutputReady();
  }
  void OnDetached(engine::SecureConnection&, engine::DetachedSocket detached) override {
    bare = std::make_unique<BarePeer>(loop_, detached.socket);
    for (const engine::BufferRef& piece : detached.unread) {
      bare->heard += engine::AsText(piece.bytes());
    }
    if (!manners_.first_words.empty()) bare->Say(manners_.first_words);
  }
  void OnClosed(engine::SecureConnection&, const engine::ConnectionEnd& why) override { end = why; }

  void Receive(engine::BufferRef plaintext, engine::Instant) override {
    heard_ += engine::AsText(plaintext.bytes());
    if (!manners_.is_raw && !joined && !goaway.has_value()) HandleFrame();
  }
  void HandleFrame() {
    engine::FrameHeader header{};
    if (heard_.size() < engine::kFrameHeaderSize) return;
    CHECK(engine::ParseFrameHeader(engine::AsBytes(heard_), header) == engine::FrameError::kNone);
    const size_t size = engine::kFrameHeaderSize + header.payload_size;
    if (heard_.size() < size) return;
    const std::string payload = heard_.substr(engine::kFrameHeaderSize, header.payload_size);
    heard_.erase(0, size);
    if (header.type == engine::FrameType::kGoaway) {
      goaway = static_cast<engine::CloseCode>(
          engine::LoadBig<uint16_t>(engine::AsBytes(payload).data()));
      goaway_text = payload.substr(sizeof(uint16_t));
      return;
    }
    engine::ControlMessage message;
    CHECK(engine::Decode(payload, message));
    CHECK(std::holds_alternative<engine::Joined>(message));
    joined = true;
    if (!manners_.is_wrapped) return connection_.Detach();
    if (!manners_.first_words.empty()) Say(manners_.first_words);
  }
  size_t GatherRecord(std::span<engine::ByteView> slices, engine::Instant) override {
    if (records_.empty()) return 0;
    const engine::ByteView record = engine::AsBytes(records_.front());
    slices[0] = record.first(std::min(record.size(), engine::kRecordSizeMax));
    return 1;
  }
  void RecordTaken() override {
    if (records_.front().size() <= engine::kRecordSizeMax) {
      records_.pop_front();
    } else {
      records_.front().erase(0, engine::kRecordSizeMax);
    }
  }
  engine::Instant NextDeadline() const override { return engine::Instant::max(); }
  void HandleDeadline(engine::Instant) override {}

  engine::Loop& loop_;
  const Manners manners_;
  std::deque<std::string> records_;
  std::string heard_;
  engine::SecureConnection connection_;
};

}  // namespace relay
