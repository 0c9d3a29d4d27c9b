#include "engine/net/joined_connection.h"

#include <utility>

#include "engine/base/check.h"
#include "engine/net/https_client.h"
#include "engine/tls/tls_channel.h"
#include "engine/tls/tls_context.h"
#include "engine/tls/tls_error.h"
#include "engine/wire/protocol_names.h"

namespace engine {

using Kind = ConnectionEnd::Kind;

namespace {

// JoinRequest makes a connection for calls one for the exchange, which begins behind it.
std::string JoinRequest(const HostPort& relay) {
  HttpRequest request;
  request.method = "POST";
  request.target = kJoinTarget;
  request.headers.Add("Host", FormatHostPort(relay));
  return Serialize(request);
}

}  // namespace

JoinedConnection::JoinedConnection(LoopDriver& driver, std::shared_ptr<TlsContext> inner,
                                   Options options, Events& events)
    : driver_(driver),
      inner_context_(std::move(inner)),
      options_(std::move(options)),
      events_(events) {}

JoinedConnection::JoinedConnection(LoopDriver& driver, const TlsContext& outer,
                                   std::shared_ptr<TlsContext> inner, Options options,
                                   Events& events)
    : JoinedConnection(driver, std::move(inner), std::move(options), events) {
  outer_ = std::make_unique<SecureConnection>(driver.loop(),
                                              static_cast<SecureConnection::Events&>(*this));
  auto channel = std::make_unique<TlsChannel>(outer, driver.loop().buffers(), options_.relay.host);
  channel->Offer(LoopHint(options_.loop));
  outer_->Dial(driver.resolver(), options_.relay.host, options_.relay.port, std::move(channel),
               options_.connect_max);
}

JoinedConnection::JoinedConnection(LoopDriver& driver, HttpsClient& calls,
                                   std::shared_ptr<TlsContext> inner, Options options,
                                   Events& events)
    : JoinedConnection(driver, std::move(inner), std::move(options), events) {
  outer_ = calls.TakeKept(static_cast<SecureConnection::Events&>(*this));
  CHECK(&outer_->loop() == &driver.loop());
  end_.stage = JoinEnd::Stage::kTaken;
  SendJoin(JoinRequest(options_.relay));
}

JoinedConnection::~JoinedConnection() = default;

std::unique_ptr<TlsChannel> JoinedConnection::NewInnerChannel() {
  return std::make_unique<TlsChannel>(*inner_context_, driver_.loop().buffers());
}

// ------------------------------------------------------------- as a connection

void JoinedConnection::SetProtocol(RecordProtocol& protocol) {
  CHECK(end_.stage == JoinEnd::Stage::kOpen);
  if (is_inspected()) return outer_->ReplaceProtocol(protocol);
  if (tunnel_ != nullptr) return tunnel_->SetProtocol(protocol);
  inner_->SetProtocol(protocol);
}

void JoinedConnection::ReplaceProtocol(RecordProtocol& protocol) {
  CHECK(end_.stage == JoinEnd::Stage::kOpen);
  if (is_inspected()) return outer_->ReplaceProtocol(protocol);
  if (tunnel_ != nullptr) return tunnel_->SetProtocol(protocol);
  inner_->ReplaceProtocol(protocol);
}

TlsChannel& JoinedConnection::channel() {
  CHECK(end_.stage == JoinEnd::Stage::kOpen);
  return tunnel_ != nullptr ? tunnel_->channel() : inner_->channel();
}

void JoinedConnection::OutputReady() {
  if (is_inspected()) return outer_->OutputReady();
  if (tunnel_ != nullptr) return tunnel_->OutputReady();
  if (inner_ != nullptr) inner_->OutputReady();
}

void JoinedConnection::CloseAfterOutput() {
  if (end_.stage != JoinEnd::Stage::kOpen) return Close();
  if (is_inspected()) return outer_->CloseAfterOutput();
  if (tunnel_ != nullptr) return tunnel_->CloseAfterOutput();
  inner_->CloseAfterOutput();
}

void JoinedConnection::GiveUpPeer() {
  if (inner_ != nullptr) return inner_->GiveUpPeer();
  outer_->GiveUpPeer();
}

void JoinedConnection::Close() {
  if (inner_ != nullptr) return inner_->Close();
  outer_->Close();
}

// -------------------------------------------------------------------- the join

void JoinedConnection::OnSecured(SecureConnection& connection) {
  if (&connection == inner_.get()) {
    end_.stage = JoinEnd::Stage::kOpen;
    return events_.OnSecured(*this);
  }
  end_.stage = JoinEnd::Stage::kJoining;
  SendJoin({});
}

void JoinedConnection::SendJoin(std::string_view head) {
  exchange_ = std::make_unique<JoinExchange>(*outer_, static_cast<JoinExchange::Events&>(*this),
                                             driver_.loop().Now() + kJoinMax);
  head.empty() ? outer_->SetProtocol(*exchange_) : outer_->ReplaceProtocol(*exchange_);
  exchange_->Send(Join{.token = options_.token, .is_wrapped = options_.wrapped || is_inspected()},
                  head);
}

void JoinedConnection::OnMessage(const ControlMessage& message) {
  end_.stage = JoinEnd::Stage::kJoining;
  if (!std::holds_alternative<Joined>(message)) {
    return OnBroken("the relay answered a join with something else");
  }
  if (is_inspected()) return OnInnerSecured();
  end_.stage = JoinEnd::Stage::kInner;
  if (!options_.wrapped) return outer_->Detach();
  tunnel_ = std::make_unique<TlsTunnel>(*outer_, NewInnerChannel(),
                                        static_cast<TlsTunnel::Events&>(*this));
  outer_->ReplaceProtocol(*tunnel_);
  tunnel_->Start(driver_.loop().Now());
}

void JoinedConnection::OnGoaway(CloseCode code, std::string_view text) {
  end_.stage = JoinEnd::Stage::kJoining;
  end_.code = code;
  end_.end = {Kind::kClosedByPeer, std::string(text)};
  end_is_known_ = true;
  outer_->Close();
}

void JoinedConnection::OnBroken(std::string_view text) {
  end_.stage = JoinEnd::Stage::kJoining;
  end_.end = {Kind::kPeerError, "the relay broke the join: " + std::string(text)};
  end_is_known_ = true;
  outer_->Close();
}

void JoinedConnection::OnDetached(SecureConnection&, DetachedSocket detached) {
  end_.heard_other_end = !detached.unread.empty();
  inner_ = std::make_unique<SecureConnection>(driver_.loop(),
                                              static_cast<SecureConnection::Events&>(*this));
  inner_->Adopt(detached.socket, NewInnerChannel(), std::move(detached.unread));
  exchange_.reset();
  outer_.reset();  // Last: it made this call.
}

void JoinedConnection::OnInnerSecured() {
  end_.stage = JoinEnd::Stage::kOpen;
  events_.OnSecured(*this);
}

void JoinedConnection::OnInnerEnded(const ConnectionEnd& end) {
  end_.end = end;
  end_.heard_other_end = tunnel_->heard_other_end();
  end_is_known_ = true;
  outer_->CloseAfterOutput();
}

void JoinedConnection::OnClosed(SecureConnection& connection, const ConnectionEnd& end) {
  if (!end_is_known_) {
    end_.end = end;
    // What ends the TLS around a tunnel is in between: the other end says goodbye inside.
    if (tunnel_ != nullptr && end.kind == Kind::kClosedByPeer) end_.end.kind = Kind::kCut;
  }
  if (&connection == inner_.get()) {
    // What ends TLS on the way answers our raw ClientHello with an alert under its own keys.
    end_.heard_other_end = (end_.heard_other_end || connection.heard_peer()) &&
                           connection.channel().error() != TlsError::kNotTls;
  }
  events_.OnClosed(*this, end_);  // Last: it may destroy this.
}

}  // namespace engine
