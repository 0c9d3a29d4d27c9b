#pragma once

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "engine/buffer/record_protocol.h"
#include "engine/crypto/digest.h"
#include "engine/mux/open_rate.h"
#include "relay/switchboard/role.h"
#include "relay/switchboard/switch_port.h"

namespace relay {

class Switchboard;

// AgentRole is an agent's link. Its node can be reached from the moment the control thread has
// admitted it until the link ends or a newer one of the same node replaces it.
class AgentRole final : public Role, private SwitchPort::Events {
 public:
  // Far more than a node of today takes: what is too many is for the node to say.
  static constexpr uint32_t kCircuitsMax = 16 * 1024;
  // Opens and resets that wait for the agent to read: about 3,000 opens, and a reset of each
  // stream.
  static constexpr size_t kLinkBytesMax = 2 * 1024 * 1024;
  // What is said at once when it comes: of each session that it may have (256) a check, and of as
  // many that have ended a stop and a check; and as much again for offers.
  static constexpr uint32_t kControlMessagesMax = 2 * 3 * 256;

  // `node` has proven itself: it is the name in the verified client certificate and its key, or
  // that of the credentials of an original agent, which has no certificate.
  struct Node {
    std::string id;
    engine::crypto::Sha256Digest key_sha256{};
  };
  AgentRole(Switchboard& switchboard, engine::RecordCarrier& carrier, std::string source_address,
            Node node);
  ~AgentRole() override;

  const std::string& node_id() const { return node_id_; }
  uint64_t serial() const { return serial_; }
  SwitchPort& port() { return port_; }

  // Dismiss says why and closes the link; it is not admitted any more if it was not yet.
  static constexpr std::string_view kReplacedText = "this node connected anew";
  void Dismiss(engine::CloseCode code, std::string_view why);

  engine::RecordProtocol& protocol() override { return port_; }
  void Disconnected(std::string_view text) override;
  void Farewell() override;
  bool is_known() const override { return true; }  // By its certificate.
  bool is_busy() const override { return port_.circuit_count() > 0; }

 private:
  void OnHello(const engine::Hello& hello) override;
  void OnControl(const engine::ControlMessage& message) override;
  void OnOpen(engine::StreamId, engine::Priority, uint64_t, std::string_view) override;
  void OnCircuitEnded(Circuit&, engine::CloseCode) override;
  void OnFailed(engine::CloseCode code, std::string_view text) override;
  void Admitted(const absl::Status& status);
  void Renew(const engine::RenewCertificate& renew);
  // PassOn hands what the node says of sealed sessions to the control thread, as fast as that may
  // be told.
  void PassOn(const engine::ControlMessage& message);
  void PassOnNews(const engine::StreamNews& news);
  // Leave makes the node unreachable through this link, once; its connection may end later.
  void Leave(std::string_view why);

  Switchboard& switchboard_;
  const std::string source_address_;
  const std::string node_id_;
  const engine::crypto::Sha256Digest key_sha256_;
  const uint64_t serial_;
  bool connected_ = false;  // The control thread was told, and not yet that it is over.
  bool dismissed_ = false;
  SwitchPort port_;
  engine::OpenRate message_rate_;
  engine::OpenRate opened_rate_;  // News of streams that were opened ...
  engine::OpenRate closed_rate_;  // ... and that were closed: apart, so that neither starves.
  uint64_t missed_news_count_ = 0;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);  // For answers that come too late.
};

}  // namespace relay
