// A lane as the broker would make it: its grant, and the two tokens.

#pragma once

#include <string>

#include "engine/base/bytes.h"
#include "engine/crypto/digest.h"
#include "relay/broker/data_plane.h"
#include "relay/broker/join_token.h"

namespace relay {

struct TestLane {
  static constexpr char kNode[] = "mi-0123456789abcdef0";

  explicit TestLane(uint32_t loop = 0, std::string session = "admin-1", uint32_t number = 0) {
    grant.id = {std::move(session), number};
    grant.node_id = kNode;
    grant.name = NewLaneName();
    client_token = NewJoinToken(loop, grant.name);
    node_token = NewJoinToken(loop, grant.name);
    grant.client_token_sha256 = engine::crypto::Sha256(engine::AsBytes(client_token));
    grant.node_token_sha256 = engine::crypto::Sha256(engine::AsBytes(node_token));
    grant.join_max = std::chrono::seconds(10);
  }

  LaneGrant grant;
  std::string client_token;
  std::string node_token;
};

}  // namespace relay
