#include "client/session_link.h"

#include <charconv>
#include <utility>

#include "client/dial_error.h"
#include "client/say.h"
#include "client/session_end.h"
#include "engine/base/check.h"
#include "engine/base/version.h"
#include "engine/tls/tls_channel.h"
#include "engine/tls/tls_context.h"
#include "engine/wire/control.h"

namespace client {
namespace {

using engine::CloseCode;
using engine::ConnectionEnd;

}  // namespace

SessionLink::SessionLink(engine::LoopDriver& driver, LinkTarget target, Events& events)
    : driver_(driver), target_(std::move(target)), events_(events) {}

SessionLink::~SessionLink() { CHECK(connection_ == nullptr); }

void SessionLink::Dial() {
  CHECK(connection_ == nullptr);
  ++dials_;
  redial_ = false;
  const engine::TlsClientOptions options{
      .trust = target_.ca_pem.empty() ? engine::TlsTrust::System()
                                      : engine::TlsTrust::Authority(target_.ca_pem),
      .identity = std::nullopt,
      .protocols = {"adit/1", "adit-loop/" + std::to_string(target_.session.loop)},
      .clock = {}};
  auto context = engine::TlsContext::Client(options);
  if (!context.ok()) {
    End(CloseCode::kInternal,
        "cannot use the relay's CA: " + std::string(context.status().message()));
    return;
  }
  connection_ = std::make_unique<engine::SecureConnection>(
      driver_.loop(), static_cast<engine::SecureConnection::Events&>(*this));
  connection_->Dial(driver_.resolver(), target_.relay.host, target_.relay.port,
                    std::make_unique<engine::TlsChannel>(**context, driver_.loop().buffers(),
                                                         target_.relay.host));
}

void SessionLink::Close() {
  if (closing_ || connection_ == nullptr) return;
  closing_ = true;
  if (multiplexer_ != nullptr) {
    connection_->CloseAfterOutput();
  } else {
    connection_->Close();
  }
}

void SessionLink::Abort() {
  if (connection_ == nullptr) return;
  closing_ = true;
  connection_->Close();
}

void SessionLink::OnSecured(engine::SecureConnection& connection) {
  multiplexer_ = std::make_unique<engine::Multiplexer>(
      engine::Side::kConnected, target_.options, static_cast<engine::LinkEvents&>(*this),
      driver_.loop().buffers(), driver_.loop().Now());
  multiplexer_->Attach(connection);
  connection.SetProtocol(*multiplexer_);
  const engine::Hello hello{.software = std::string("adit/") + engine::kVersion,
                            .role = "client",
                            .session_id = target_.session.id,
                            .session_token = target_.session.token};
  CHECK(multiplexer_->SendControl(engine::kLinkStream, engine::Encode(hello)));
  connection.OutputReady();
}

void SessionLink::OnOpen(engine::StreamId id, engine::Priority, engine::ByteView) {
  multiplexer_->Reject(id, CloseCode::kUnsupported, "a client opens streams, and takes none");
}

void SessionLink::OnControl(engine::ByteView message) {
  engine::ControlMessage control;
  if (!engine::Decode(engine::AsText(message), control)) return;
  if (const auto* notice = std::get_if<engine::Notice>(&control)) {
    Say(Printable(notice->text));
    return;
  }
  const auto* hello = std::get_if<engine::Hello>(&control);
  if (hello == nullptr || ready_) return;
  if (engine::AgreedVersion(engine::Hello{}, *hello) == 0) {
    end_code_ = CloseCode::kUnsupported;
    end_text_ = "the relay (" + Printable(hello->software) +
                ") speaks no protocol version that this adit " + engine::kVersion +
                " knows; update the older of the two";
    connection_->Close();
    return;
  }
  ready_ = true;
  events_.OnLinkReady();
}

void SessionLink::OnGoaway(CloseCode code, std::string_view text) {
  if (code == CloseCode::kElsewhere && !ready_ && dials_ < kDialsMax) {
    uint32_t loop = 0;
    const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), loop);
    if (failure == std::errc()) {
      target_.session.loop = loop;
      redial_ = true;
      connection_->Close();
      return;
    }
  }
  if (end_text_.empty()) {
    end_code_ = code;
    end_text_ = SessionEndText(code, text, target_.node_label);
  }
  // Streams that run may go on until the relay ends them; without a hello there is none.
  if (!ready_) connection_->Close();
}

void SessionLink::OnFailed(CloseCode code, std::string_view text) {
  if (!end_text_.empty()) return;
  end_code_ = code;
  end_text_ = SessionEndText(code, text, target_.node_label);
}

void SessionLink::OnClosed(engine::SecureConnection&, const ConnectionEnd& end) {
  if (redial_ && !closing_) {
    multiplexer_.reset();
    connection_.reset();
    Dial();
    return;
  }
  End(end_text_.empty() ? CloseCode::kConnectionReset : end_code_,
      end_text_.empty() ? EndText(end) : end_text_);
}

std::string SessionLink::EndText(const ConnectionEnd& end) const {
  if (!ready_) {
    switch (end.kind) {
      case ConnectionEnd::Kind::kUnreachable:
        return DialErrorText(DialFailure::kUnreachable, end.text, target_.relay);
      case ConnectionEnd::Kind::kHandshakeFailed:
        return DialErrorText(DialFailure::kHandshake, end.text, target_.relay);
      default:
        return DialErrorText(DialFailure::kEnded, end.text, target_.relay);
    }
  }
  const std::string relay = engine::FormatHostPort(target_.relay);
  std::string text = end.kind == ConnectionEnd::Kind::kClosedByPeer
                         ? "the relay " + relay + " closed the connection"
                         : "the connection to the relay " + relay + " broke";
  if (!end.text.empty()) text += ": " + Printable(end.text);
  return text + "\nthe session on " + Printable(target_.node_label) + " is over; start it again";
}

void SessionLink::End(CloseCode code, const std::string& text) {
  if (multiplexer_ != nullptr) multiplexer_->Disconnected(code, text);
  multiplexer_.reset();
  connection_.reset();
  ready_ = false;
  events_.OnLinkEnded(closing_ ? std::string() : text);
}

}  // namespace client
