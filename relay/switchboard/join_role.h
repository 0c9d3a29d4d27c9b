#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "engine/mux/join_exchange.h"
#include "engine/net/secure_connection.h"
#include "relay/switchboard/lane.h"
#include "relay/switchboard/role.h"
#include "relay/switchboard/tls_leg.h"

namespace relay {

class Switchboard;

// JoinRole is a connection that comes to join a lane: it shows a token, waits for the other side,
// and then lays its TLS aside, or stays inside it as a leg.
class JoinRole final : public UpgradedRole,
                       public Joiner,
                       private engine::RecordProtocol,
                       private engine::JoinExchange::Events {
 public:
  // How long it may take to show its token.
  static constexpr engine::Duration kTokenMax = std::chrono::seconds(10);

  // `node_id` is the name in the verified certificate; empty: a client.
  JoinRole(Switchboard& switchboard, engine::SecureConnection& connection, std::string node_id);

  // As a role.
  engine::RecordProtocol& protocol() override { return *this; }
  bool is_known() const override { return lane_ != nullptr || leg_ != nullptr; }
  bool is_busy() const override { return false; }  // Its lane is what would be waited for.
  void Detached(engine::DetachedSocket detached) override;
  void Disconnected(std::string_view text) override;
  void Farewell() override;

  // As one that was a connection for calls.
  void ReceiveBytes(engine::ByteView bytes, engine::Instant now) override;

  // As a joiner.
  bool is_open() const override { return connection_.open(); }
  bool is_early() const override;
  std::string source_address() const override { return source_address_; }
  bool Join() override;
  std::unique_ptr<Leg> TakeLeg() override;
  void Refuse(engine::CloseCode code, std::string_view text) override;
  void Cut() override;

 private:
  // As a protocol: the exchange's, and then the leg's.
  void Receive(engine::BufferRef plaintext, engine::Instant now) override;
  size_t GatherRecord(std::span<engine::ByteView> slices, engine::Instant now) override;
  void RecordTaken() override;
  engine::BufferRef* GatheredPayload() override {
    return is_leg_taking_ ? leg_->GatheredPayload() : nullptr;
  }
  engine::Instant NextDeadline() const override { return exchange_.NextDeadline(); }
  void HandleDeadline(engine::Instant now) override { exchange_.HandleDeadline(now); }

  // Of the exchange.
  void OnMessage(const engine::ControlMessage& message) override;
  void OnGoaway(engine::CloseCode code, std::string_view text) override;
  void OnBroken(std::string_view text) override;

  void Leave(std::string_view why);

  Switchboard& switchboard_;
  engine::SecureConnection& connection_;
  const std::string node_id_;
  const std::string source_address_;
  engine::JoinExchange exchange_;
  bool is_wrapped_ = false;
  bool is_over_ = false;        // Goaway was sent.
  bool is_leg_taking_ = false;  // The record that the connection is taking is the leg's.
  Lane* lane_ = nullptr;        // Claimed, and not a leg yet.
  LaneSide side_ = LaneSide::kClient;
  TlsLeg* leg_ = nullptr;  // The joint's.
};

}  // namespace relay
