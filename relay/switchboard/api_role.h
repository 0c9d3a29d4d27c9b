#pragma once

#include <memory>
#include <string>

#include "engine/http/http_server.h"
#include "engine/net/secure_connection.h"
#include "relay/switchboard/control_port.h"
#include "relay/switchboard/role.h"

namespace relay {

class Switchboard;

// ApiRole serves HTTP on one connection: requests go to the control thread, answers come back. When
// the request is for a channel, of an AWS client or an original agent, or it makes the connection a
// lane's, that is another role's from then on.
class ApiRole final : public Role, private engine::HttpServerSession::Handler {
 public:
  ApiRole(Switchboard& switchboard, engine::SecureConnection& connection);
  ~ApiRole() override;

  engine::RecordProtocol& protocol() override { return session_; }
  void Detached(engine::DetachedSocket detached) override;
  void Disconnected(std::string_view text) override;
  void Farewell() override;
  bool is_known() const override;  // Each request proves itself, and a channel for good.
  bool is_busy() const override {
    return channel_ != nullptr ? channel_->is_busy() : session_.has_request();
  }

 private:
  void OnRequest(engine::HttpServerSession& session, engine::HttpRequest request) override;
  CallOrigin origin() const;
  void OpenChannel(const engine::HttpRequest& request);
  // GiveChannel makes the connection a role's that was made of it.
  void GiveChannel(std::unique_ptr<UpgradedRole> role);

  Switchboard& switchboard_;
  engine::SecureConnection& connection_;
  engine::HttpServerSession session_;
  const std::string source_address_;
  const bool can_join_;  // By kApiProtocol, and who is no node: those show a certificate.
  std::unique_ptr<UpgradedRole> channel_;
  // Answers find out by it whether this role still exists.
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace relay
