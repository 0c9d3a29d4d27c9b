#pragma once

#include <span>
#include <string_view>

#include "engine/base/bytes.h"
#include "engine/net/secure_connection.h"
#include "relay/switchboard/leg.h"

namespace relay {

// TlsLeg is a connection that stays inside TLS, because something on its way would not let bare
// bytes pass: what is moved is its plaintext. The connection and its role belong to somebody else;
// the role passes on what a RecordProtocol is told.
class TlsLeg final : public Leg {
 public:
  // Holds the connection's input until Pull.
  explicit TlsLeg(engine::SecureConnection& connection);

  void Start(Events& events) override { events_ = &events; }
  void Pull() override { connection_.HoldInput(false); }
  bool has_room() const override { return waiting_.size() < kWaitingMax; }
  void Push(engine::BufferRef bytes) override;
  // TLS has one end for both directions: what the peer still sends is not received any more.
  void Finish() override;
  void Cut() override { connection_.Close(); }

  // From the role. Each piece is a record of its own: what the ends of an inspected session put
  // into one stays in one. Closed is the last call.
  void Receive(engine::BufferRef plaintext);
  size_t GatherRecord(std::span<engine::ByteView> slices);
  // As RecordProtocol says, with nothing before the payload: it is sealed where it was opened.
  engine::BufferRef* GatheredPayload() { return is_whole_ ? &waiting_.front() : nullptr; }
  void RecordTaken();
  void Closed(std::string_view why);

 private:
  engine::SecureConnection& connection_;
  Events* events_ = nullptr;
  WaitingPieces waiting_;
  size_t gathered_ = 0;    // Bytes of the record that the connection is taking.
  bool is_whole_ = false;  // They are all of a piece.
};

}  // namespace relay
