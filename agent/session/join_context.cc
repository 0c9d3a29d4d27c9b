#include "agent/session/join_context.h"

#include <utility>

#include "agent/session/node_clock.h"
#include "engine/wire/protocol_names.h"

namespace agent {

void JoinContext::Renew(RelayAccess access) {
  access_ = std::move(access);
  context_.reset();
}

absl::StatusOr<std::shared_ptr<const engine::TlsContext>> JoinContext::Get() {
  if (context_ != nullptr) return context_;
  engine::TlsClientOptions options;
  options.trust = engine::TlsTrust::Authority(access_.authority_pem);
  options.identity = access_.node;
  SetNodeClocks(access_.known_unix, access_.node.certificate_chain_pem, options);
  options.protocols = {std::string(engine::kJoinProtocol)};
  absl::StatusOr<std::unique_ptr<engine::TlsContext>> context = engine::TlsContext::Client(options);
  if (!context.ok()) return context.status();
  context_ = std::move(*context);
  return context_;
}

}  // namespace agent
