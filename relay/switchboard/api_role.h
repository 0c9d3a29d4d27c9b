#pragma once

#include <memory>
#include <string>

#include "engine/http/http_server.h"
#include "engine/net/secure_connection.h"
#include "relay/switchboard/role.h"

namespace relay {

class Switchboard;

// ApiRole serves HTTP on one connection: requests go to the control thread, answers come back.
class ApiRole final : public Role, private engine::HttpServerSession::Handler {
 public:
  ApiRole(Switchboard& switchboard, engine::SecureConnection& connection);

  engine::RecordProtocol& protocol() override { return session_; }
  void Disconnected(std::string_view text) override;
  void Farewell() override { connection_.CloseAfterOutput(); }
  bool is_known() const override { return false; }  // Each request proves itself.

 private:
  void OnRequest(engine::HttpServerSession& session, engine::HttpRequest request) override;

  Switchboard& switchboard_;
  engine::SecureConnection& connection_;
  engine::HttpServerSession session_;
  const std::string source_address_;
  // Answers find out by it whether this role still exists.
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace relay
