#include "client/dial_error.h"

#include "client/say.h"

namespace client {
namespace {

// The connection's own text says so alone.
bool IsTimeout(std::string_view detail) { return detail.ends_with("in time"); }

}  // namespace

std::string DialErrorText(DialFailure failure, std::string_view detail,
                          const engine::HostPort& relay) {
  const std::string name = engine::FormatHostPort(relay);
  const std::string because = detail.empty() ? "" : ": " + Printable(detail);
  switch (failure) {
    case DialFailure::kUnreachable:
      return "cannot reach the relay " + name + because +
             "\nlook at the network, at the address (--relay, ADIT_RELAY or `adit login`), and "
             "whether adit-relay runs there";
    case DialFailure::kHandshake:
      if (IsTimeout(detail)) {
        return "the relay " + name + " takes connections and does not answer on them" + because +
               "\nit hangs or has too much to do, or a firewall lets nothing through; try again, "
               "and "
               "look at it there (systemctl status adit-relay)";
      }
      return "no secure connection to the relay " + name + because +
             "\nnothing was sent to it; if the relay has a new CA, log in again with a fresh line "
             "from whoever runs it";
    case DialFailure::kEnded:
      break;
  }
  return "the relay " + name + " ended the connection too early" + because +
         "\nits log says why (with systemd: journalctl -u adit-relay); try again";
}

}  // namespace client
