#include "relay/switchboard/api_role.h"

#include <utility>

#include "relay/switchboard/control_port.h"
#include "relay/switchboard/switchboard.h"

namespace relay {

ApiRole::ApiRole(Switchboard& switchboard, engine::SecureConnection& connection)
    : switchboard_(switchboard),
      connection_(connection),
      session_(connection, *this, connection.loop().Now()),
      source_address_(connection.loop().PeerAddress(connection.socket()).HostText()) {}

void ApiRole::Disconnected(std::string_view) { *alive_ = false; }

void ApiRole::OnRequest(engine::HttpServerSession&, engine::HttpRequest request) {
  switchboard_.control().HandleRequest(switchboard_.index(), std::move(request), source_address_,
                                       [this, alive = alive_](engine::HttpResponse response) {
                                         if (*alive) session_.Respond(response);
                                       });
}

}  // namespace relay
