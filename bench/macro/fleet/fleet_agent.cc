#include "bench/macro/fleet/fleet_agent.h"

#include <utility>

#include "engine/base/check.h"
#include "engine/net/loop_driver.h"
#include "engine/tls/tls_channel.h"
#include "engine/tls/tls_context.h"
#include "engine/wire/control.h"

namespace fleet {
namespace {

engine::MultiplexerOptions LinkOptions() {
  engine::MultiplexerOptions options;
  options.streams_max = 1;
  options.may_rest = true;
  return options;
}

}  // namespace

Agent::Agent(engine::LoopDriver& driver, const Roll& roll, size_t index, const Target& target,
             uint64_t seed, Events& events)
    : driver_(driver),
      roll_(roll),
      target_(target),
      events_(events),
      index_(static_cast<uint32_t>(index)),
      backoff_(seed),
      retry_op_(engine::Handler<engine::Fired>::To<&Agent::OnRetry>(this)) {}

void Agent::Dial() {
  // A context for each dial: what an idle agent needs of it is nothing.
  const Identity& identity = roll_[index_];
  engine::TlsClientOptions options;
  options.trust = engine::TlsTrust::Authority(std::string(roll_.authority_pem()));
  options.identity =
      engine::TlsIdentity{std::string(identity.certificate_pem), std::string(identity.key_pem)};
  options.protocols = {"adit/1"};
  const auto context = engine::TlsContext::Client(options);
  if (!context.ok()) Die(std::string(context.status().message()));
  engine::SecureConnection::Events& events = *this;
  connection_ = std::make_unique<engine::SecureConnection>(driver_.loop(), events);
  connection_->Dial(
      driver_.resolver(), target_.host, target_.port,
      std::make_unique<engine::TlsChannel>(**context, driver_.loop().buffers(), target_.host));
}

void Agent::OnSecured(engine::SecureConnection& connection) {
  engine::LinkEvents& events = *this;
  multiplexer_ =
      std::make_unique<engine::Multiplexer>(engine::Side::kConnected, LinkOptions(), events,
                                            driver_.loop().buffers(), driver_.loop().Now());
  multiplexer_->Attach(connection);
  connection.channel().ForgetPeer();
  connection.SetProtocol(*multiplexer_);
  engine::Hello hello;
  hello.role = "agent";
  hello.software = "fleet";
  hello.platform = "fleet";
  CHECK(multiplexer_->SendControl(engine::kLinkStream, engine::Encode(hello)));
}

void Agent::OnControl(engine::ByteView message) {
  engine::ControlMessage decoded;
  if (!engine::Decode(engine::AsText(message), decoded)) return;
  if (!std::holds_alternative<engine::Hello>(decoded) || up_) return;
  up_ = true;
  up_since_ = driver_.loop().Now();
  events_.OnUp(*this);
}

void Agent::OnOpen(engine::StreamId id, engine::Priority, engine::ByteView) {
  multiplexer_->Reject(id, engine::CloseCode::kUnsupported, "this node is one of a load test");
}

void Agent::OnGoaway(engine::CloseCode code, std::string_view text) {
  reason_ = std::string(text);
  is_shut_down_ = code == engine::CloseCode::kShuttingDown;
}

void Agent::OnFailed(engine::CloseCode, std::string_view text) { reason_ = std::string(text); }

void Agent::OnClosed(engine::SecureConnection&, const engine::ConnectionEnd& end) {
  if (multiplexer_ != nullptr) {
    multiplexer_->Disconnected(engine::CloseCode::kNodeGone, "the link to the relay ended");
  }
  const bool was_up = std::exchange(up_, false);
  const std::string why = std::exchange(reason_, {});
  const engine::Instant now = driver_.loop().Now();
  if (was_up && now - up_since_ >= kSteadyLink) backoff_.Succeeded();
  if (!was_up && end.kind == engine::ConnectionEnd::Kind::kHandshakeFailed) backoff_.Crowded();
  // As an agent without sessions does.
  const bool is_spread = was_up && std::exchange(is_shut_down_, false);
  driver_.loop().StartTimer(retry_op_,
                            now + (is_spread ? backoff_.Spread() : backoff_.NextDelay()));
  events_.OnDown(*this, was_up, why.empty() ? end.text : why);
  multiplexer_.reset();
  connection_.reset();  // Last: allowed in OnClosed.
}

void Agent::OnRetry(engine::Fired) { events_.OnDue(*this); }

}  // namespace fleet
