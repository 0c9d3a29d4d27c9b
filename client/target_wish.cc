#include "client/target_wish.h"

namespace client {

SessionWish TargetWish(const engine::HostPort& target, const std::string& reason) {
  SessionWish wish;
  wish.reason = reason;
  wish.document = "AWS-StartPortForwardingSession";
  wish.parameters["portNumber"] = std::to_string(target.port);
  if (target.host != "localhost") {
    wish.document = "AWS-StartPortForwardingSessionToRemoteHost";
    wish.parameters["host"] = target.host;
  }
  return wish;
}

}  // namespace client
