#include "client/link_end.h"

#include "client/dial_error.h"
#include "client/say.h"
#include "client/sealed_text.h"
#include "client/session_end.h"

namespace client {

std::string LinkEndText(const LinkTarget& target, const CarriageEnd& end, bool was_ready) {
  const std::string relay = engine::FormatHostPort(target.relay);
  switch (end.kind) {
    case CarriageEnd::Kind::kUnreachable:
      return DialErrorText(DialFailure::kUnreachable, end.text, target.relay);
    case CarriageEnd::Kind::kRelayTls:
      return DialErrorText(DialFailure::kHandshake, end.text, target.relay);
    case CarriageEnd::Kind::kStale:
    case CarriageEnd::Kind::kEndedEarly:
      return DialErrorText(DialFailure::kEnded, end.text, target.relay);
    case CarriageEnd::Kind::kNotJoined:
      return SessionEndText(end.code, end.text, target.node_label);
    case CarriageEnd::Kind::kNotStarted:
    case CarriageEnd::Kind::kNodeTls:
      return NodeTlsText(target.node_label, target.relay, end.text);
    case CarriageEnd::Kind::kClosed:
    case CarriageEnd::Kind::kBroken:
    case CarriageEnd::Kind::kCut:
      break;
  }
  if (!was_ready && !target.is_lane())
    return DialErrorText(DialFailure::kEnded, end.text, target.relay);
  std::string text = target.is_lane() ? "the connection to " + Printable(target.node_label) +
                                            " through the relay " + relay
                                      : "the connection to the relay " + relay;
  if (end.kind == CarriageEnd::Kind::kClosed) {
    text =
        target.is_lane() ? text + " was closed" : "the relay " + relay + " closed the connection";
  } else {
    text += " broke";
  }
  if (!end.text.empty()) text += ": " + Printable(end.text);
  return text + "\nthe session on " + Printable(target.node_label) + " is over; start it again";
}

}  // namespace client
