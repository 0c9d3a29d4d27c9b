#include "agent/link_advice.h"

namespace agent {

std::string LinkAdvice(const LinkEnd& end, const std::string& state_folder) {
  using Kind = engine::ConnectionEnd::Kind;
  const std::string anew = "adit-agent enroll --replace --state " + state_folder;
  if (end.code == engine::CloseCode::kReplaced) {
    return "another agent has connected with this node's identity; if the state folder was copied, "
           "enrol one of the two machines anew";
  }
  if (end.code == engine::CloseCode::kDenied) {
    return "the relay does not accept this node; ask its administrator, or enrol anew with: " +
           anew;
  }
  // In TLS 1.3 a server judges our certificate when the handshake is done for us.
  const bool was_judged = end.kind == Kind::kPeerError && !end.was_up;
  if (end.kind == Kind::kHandshakeFailed || was_judged) {
    return "if it stays so: check this machine's clock; a node whose certificate has expired, or "
           "whose relay was set up anew, must be enrolled again with: " +
           anew;
  }
  if (end.kind == Kind::kUnreachable) {
    return "if it stays so: check that this machine may connect to the relay's host and port";
  }
  return "";
}

}  // namespace agent
