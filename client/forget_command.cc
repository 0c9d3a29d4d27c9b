#include "client/forget_command.h"

#include <string>

#include "client/client_config.h"
#include "client/exit_code.h"
#include "client/known_nodes.h"
#include "client/say.h"

namespace client {

int RunForget(const Environment& environment, const ForgetOptions& options) {
  KnownNodes known_nodes(ConfigFolder(environment));
  const auto forgotten = known_nodes.Forget(options.node);
  if (!forgotten.ok()) {
    Say(TextOf(forgotten.status()));
    return kOwnFailure;
  }
  if (forgotten->empty()) {
    Say("no node '" + Printable(options.node) + "' is known; " + known_nodes.path() +
        " lists those that are, by id and name");
    return kOwnFailure;
  }
  for (const KnownNodes::Entry& entry : *forgotten) {
    Say("forgot " + Printable(entry.name.empty() ? entry.node_id : entry.name) + " (" +
        entry.node_id + "), whose key was " + entry.fingerprint);
  }
  Say("the next sealed session is a first contact: compare the fingerprint that it shows");
  return 0;
}

}  // namespace client
