#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>

#include "engine/buffer/record_protocol.h"
#include "engine/mux/open_rate.h"
#include "relay/broker/data_plane.h"
#include "relay/switchboard/role.h"
#include "relay/switchboard/switch_port.h"

namespace relay {

class Switchboard;

// ClientRole is a client's link: it joins one session with its token, and then opens the streams
// that the session's grant allows.
class ClientRole final : public Role, private SwitchPort::Events {
 public:
  // `source_address` is for the records.
  ClientRole(Switchboard& switchboard, engine::RecordCarrier& carrier, std::string source_address);

  // End says goodbye: the session was ended, for the reason given.
  void End(engine::CloseCode code, std::string_view reason);

  engine::RecordProtocol& protocol() override { return port_; }
  void Disconnected(std::string_view text) override;
  void Farewell() override;
  bool is_known() const override { return grant_.has_value(); }
  bool is_busy() const override { return port_.circuit_count() > 0; }

 private:
  void OnHello(const engine::Hello& hello) override;
  void OnControl(const engine::ControlMessage& message) override;
  void OnOpen(engine::StreamId id, engine::Priority priority, uint64_t limit,
              std::string_view request) override;
  void OnCircuitEnded(Circuit& circuit, engine::CloseCode code) override;
  void OnFailed(engine::CloseCode code, std::string_view text) override;
  void OnIdle() override;

  Switchboard& switchboard_;
  const std::string source_address_;
  std::optional<SessionGrant> grant_;  // Joined.
  engine::Instant end_at_;             // Of the session, at the latest.
  std::string end_reason_;             // Known before the connection ended.
  engine::OpenRate open_rate_;
  // When streams that are open were opened, by their serial: as many as the port has circuits.
  std::unordered_map<uint32_t, engine::Instant> opened_;
  uint64_t to_node_bytes_ = 0;  // Of streams that ended.
  uint64_t to_client_bytes_ = 0;
  SwitchPort port_;
};

}  // namespace relay
