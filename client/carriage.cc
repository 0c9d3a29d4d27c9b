#include "client/carriage.h"

#include <utility>
#include <vector>

#include "engine/net/https_client.h"
#include "engine/net/joined_connection.h"
#include "engine/net/secure_connection.h"
#include "engine/tls/tls_channel.h"
#include "engine/wire/protocol_names.h"

namespace client {
namespace {

using engine::CloseCode;
using engine::ConnectionEnd;
using engine::JoinEnd;
using Kind = CarriageEnd::Kind;

absl::StatusOr<std::unique_ptr<engine::TlsContext>> RelayContext(const LinkTarget& target,
                                                                 std::string protocol) {
  auto context = engine::TlsContext::Client(
      {.trust = target.ca_pem.empty() ? engine::TlsTrust::Lists(target.ca_files)
                                      : engine::TlsTrust::Authority(target.ca_pem),
       .identity = std::nullopt,
       .protocols = {std::move(protocol)},
       .clock = target.clock});
  if (context.ok()) return context;
  return absl::FailedPreconditionError("cannot use the relay's CA: " +
                                       std::string(context.status().message()));
}

// DialKind is for a connection that never got to the relay's first word.
Kind DialKind(const ConnectionEnd& end) {
  switch (end.kind) {
    case ConnectionEnd::Kind::kUnreachable:
      return Kind::kUnreachable;
    case ConnectionEnd::Kind::kHandshakeFailed:
      return Kind::kRelayTls;
    default:
      return Kind::kEndedEarly;
  }
}

Kind OpenKind(const ConnectionEnd& end) {
  if (end.kind == ConnectionEnd::Kind::kPeerError) return Kind::kBroken;
  return end.kind == ConnectionEnd::Kind::kClosedByPeer ? Kind::kClosed : Kind::kCut;
}

class LinkCarriage final : public Carriage, private engine::SecureConnection::Events {
 public:
  LinkCarriage(engine::LoopDriver& driver, const engine::TlsContext& context,
               const LinkTarget& target, Carriage::Events& events)
      : events_(events),
        connection_(driver.loop(), static_cast<engine::SecureConnection::Events&>(*this)) {
    auto channel =
        std::make_unique<engine::TlsChannel>(context, driver.loop().buffers(), target.relay.host);
    channel->Offer(engine::LoopHint(target.ticket.loop));
    connection_.Dial(driver.resolver(), target.relay.host, target.relay.port, std::move(channel));
  }

  void SetProtocol(engine::RecordProtocol& protocol) override { connection_.SetProtocol(protocol); }
  void ReplaceProtocol(engine::RecordProtocol& protocol) override {
    connection_.ReplaceProtocol(protocol);
  }
  const engine::TlsChannel& channel() override { return connection_.channel(); }
  engine::RecordCarrier& carrier() override { return connection_; }
  engine::Socket socket() const override { return connection_.socket(); }
  void Close() override { connection_.Close(); }

 private:
  void OnSecured(engine::SecureConnection&) override {
    secured_ = true;
    events_.OnCarried();
  }
  void OnClosed(engine::SecureConnection&, const ConnectionEnd& end) override {
    const CarriageEnd over{.kind = secured_ ? OpenKind(end) : DialKind(end),
                           .code = CloseCode::kNormal,
                           .text = end.text};
    events_.OnCarriageOver(over);  // Last: it may destroy this.
  }

  Carriage::Events& events_;
  engine::SecureConnection connection_;
  bool secured_ = false;
};

class LaneCarriage final : public Carriage, private engine::JoinedConnection::Events {
 public:
  // `relay` is what to come to the relay with: a context, to dial, or the calls that were made.
  template <class Relay>
  LaneCarriage(engine::LoopDriver& driver, Relay& relay, const LinkTarget& target,
               Carriage::Events& events)
      : events_(events),
        connection_(driver, relay, target.node_context,
                    {.relay = target.relay,
                     .loop = target.ticket.loop,
                     .token = target.ticket.token,
                     .wrapped = target.wrapped,
                     .connect_max = target.connect_max},
                    static_cast<engine::JoinedConnection::Events&>(*this)) {}

  void SetProtocol(engine::RecordProtocol& protocol) override { connection_.SetProtocol(protocol); }
  void ReplaceProtocol(engine::RecordProtocol& protocol) override {
    connection_.ReplaceProtocol(protocol);
  }
  const engine::TlsChannel& channel() override { return connection_.channel(); }
  engine::RecordCarrier& carrier() override { return connection_; }
  engine::Socket socket() const override { return connection_.socket(); }
  void Close() override { connection_.Close(); }

 private:
  static Kind KindOf(const JoinEnd& end) {
    switch (end.stage) {
      case JoinEnd::Stage::kTaken:  // Any other end may have come after the token was used.
        return end.end.kind == ConnectionEnd::Kind::kClosedByPeer ? Kind::kStale
                                                                  : Kind::kEndedEarly;
      case JoinEnd::Stage::kDialing:
        return DialKind(end.end);
      case JoinEnd::Stage::kJoining:
        return end.code == CloseCode::kNormal ? Kind::kEndedEarly : Kind::kNotJoined;
      case JoinEnd::Stage::kInner:
        return end.heard_other_end ? Kind::kNodeTls : Kind::kNotStarted;
      case JoinEnd::Stage::kOpen:
        break;
    }
    return OpenKind(end.end);
  }

  void OnSecured(engine::JoinedConnection&) override { events_.OnCarried(); }
  void OnClosed(engine::JoinedConnection&, const JoinEnd& end) override {
    const CarriageEnd over{.kind = KindOf(end), .code = end.code, .text = end.end.text};
    events_.OnCarriageOver(over);  // Last: it may destroy this.
  }

  Carriage::Events& events_;
  engine::JoinedConnection connection_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Carriage>> Carriage::Dial(engine::LoopDriver& driver,
                                                         const LinkTarget& target, Events& events) {
  if (target.is_lane() && target.calls != nullptr && target.calls->can_join()) {
    return std::make_unique<LaneCarriage>(driver, *target.calls, target, events);
  }
  const auto context =
      RelayContext(target, target.is_lane() ? std::string(engine::kJoinProtocol) : "adit/1");
  if (!context.ok()) return context.status();
  if (target.is_lane()) return std::make_unique<LaneCarriage>(driver, **context, target, events);
  return std::make_unique<LinkCarriage>(driver, **context, target, events);
}

}  // namespace client
