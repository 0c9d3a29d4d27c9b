#include "tests/sim/link_party.h"

#include "engine/base/check.h"
#include "engine/tls/tls_channel.h"

namespace sim {

void LinkParty::Dial() {
  if (ending_) return;
  connection_ = std::make_unique<engine::SecureConnection>(driver_.loop(), *this);
  connection_->Dial(
      driver_.resolver(), kLinkRelay, kLinkPort,
      std::make_unique<engine::TlsChannel>(tls_, driver_.loop().buffers(), "adit-relay.internal"));
}

void LinkParty::Hang() {
  ending_ = true;
  if (connection_ != nullptr) connection_->Close();
}

void LinkParty::OnSecured(engine::SecureConnection& connection) {
  engine::MultiplexerOptions options;
  options.streams_max = 64;
  mux_ = std::make_unique<engine::Multiplexer>(engine::Side::kConnected, options, *this,
                                               driver_.loop().buffers(), driver_.loop().Now());
  mux_->Attach(connection);
  connection.SetProtocol(*mux_);
  CHECK(mux_->SendControl(engine::kLinkStream, engine::Encode(MakeHello())));
}

void LinkParty::OnClosed(engine::SecureConnection&, const engine::ConnectionEnd& end) {
  if (mux_ != nullptr) mux_->Disconnected(engine::CloseCode::kNodeGone, end.text);
  mux_.reset();
  connection_.reset();
  Lost();
}

// Silence is the world's doing; anything else would be our own mistake.
void LinkParty::OnFailed(engine::CloseCode code, std::string_view text) {
  if (code != engine::CloseCode::kSilent) failure_ = std::string(text);
}

}  // namespace sim
