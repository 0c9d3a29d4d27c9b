#include "agent/relay_link.h"

#include <utility>

#include "engine/base/check.h"
#include "engine/base/log.h"
#include "engine/net/loop_driver.h"
#include "engine/tls/tls_channel.h"
#include "engine/wire/protocol_names.h"

namespace agent {
namespace {

// How often limits are looked at, while there are any.
constexpr engine::Duration kLimitsLook = std::chrono::seconds(1);

constexpr const char* kAddressGone = "this machine has another address now";

engine::MultiplexerOptions LinkOptions() {
  engine::MultiplexerOptions options;
  options.streams_max = TargetQuota::kTargetsMax;
  options.window_bytes_sum_max = RelayLink::kWindowBytesSumMax;
  options.output_bytes_per_stream_max = kStreamOutputMax;
  options.may_rest = true;
  return options;
}

}  // namespace

RelayLink::RelayLink(engine::LoopDriver& driver, const engine::TlsContext& context,
                     const engine::HostPort& relay, engine::Hello hello, TargetTable& targets,
                     Events& events, const Manner& manner)
    : driver_(driver),
      hello_(std::move(hello)),
      targets_(targets),
      events_(events),
      connection_(driver.loop(), *this),
      timer_op_(engine::Handler<engine::Fired>::To<&RelayLink::OnTimer>(this)) {
  auto channel = std::make_unique<engine::TlsChannel>(context, driver.loop().buffers(), relay.host);
  if (manner.has_sessions) channel->Offer(engine::kLiveProtocol);
  connection_.Dial(driver.resolver(), relay.host, relay.port, std::move(channel),
                   manner.connect_max);
}

RelayLink::~RelayLink() { CHECK(down_); }

void RelayLink::OnSecured(engine::SecureConnection& connection) {
  engine::Loop& loop = driver_.loop();
  engine::LinkEvents& events = *this;
  multiplexer_ = std::make_unique<engine::Multiplexer>(engine::Side::kConnected, LinkOptions(),
                                                       events, loop.buffers(), loop.Now());
  limits_.emplace(loop, *multiplexer_);
  multiplexer_->Attach(connection);
  connection.SetProtocol(*multiplexer_);
  CHECK(multiplexer_->SendControl(engine::kLinkStream, engine::Encode(hello_)));
  loop.StartTimer(timer_op_, loop.Now() + kHelloMax);
}

void RelayLink::OnTimer(engine::Fired outcome) {
  if (closed_) return ReportDown();
  if (up_) {
    limits_->EndDue(driver_.loop().Now());
    return KeepLimits();
  }
  if (outcome.error == engine::IoError::kCanceled) return;  // It was answered, with nothing good.
  reason_ = "the relay did not answer our hello in time";
  connection_.Close();
}

void RelayLink::OnControl(engine::ByteView message) {
  engine::ControlMessage decoded;
  if (!engine::Decode(engine::AsText(message), decoded)) return;  // A newer relay's.
  if (const auto* hello = std::get_if<engine::Hello>(&decoded)) {
    OnHello(*hello);
  } else if (const auto* renewed = std::get_if<engine::CertificateRenewed>(&decoded)) {
    if (up_) events_.OnCertificateRenewed(renewed->certificate_pem);
  } else if (const auto* notice = std::get_if<engine::Notice>(&decoded)) {
    engine::log::Write(engine::log::Level::kInfo, "relay_says", {{"text", notice->text}});
  } else if (up_) {
    events_.OnRelayMessage(decoded);
  }
}

void RelayLink::OnHello(const engine::Hello& hello) {
  if (up_) return;
  driver_.loop().Cancel(timer_op_);
  if (hello.role != "relay" || engine::AgreedVersion(hello_, hello) == 0) {
    reason_ = hello.role != "relay"
                  ? "what answered is not a relay"
                  : "the relay (" + hello.software +
                        ") and this agent share no version of the protocol: update the older one";
    multiplexer_->Goaway(engine::CloseCode::kUnsupported, reason_);
    return connection_.CloseAfterOutput();
  }
  up_ = true;
  events_.OnLinkUp(hello);
}

void RelayLink::OnOpen(engine::StreamId id, engine::Priority, engine::ByteView request) {
  targets_.Open(*multiplexer_, id, request, *limits_);
  KeepLimits();
}

void RelayLink::KeepLimits() {
  if (limits_->empty() || timer_op_.in_flight()) return;
  driver_.loop().StartTimer(timer_op_, driver_.loop().Now() + kLimitsLook);
}

void RelayLink::OnGoaway(engine::CloseCode code, std::string_view text) {
  end_.code = code;
  reason_ = "the relay said goodbye (" + std::string(engine::CloseCodeName(code)) +
            "): " + std::string(text);
  engine::log::Write(engine::log::Level::kInfo, "relay_goaway",
                     {{"code", engine::CloseCodeName(code)}, {"text", text}});
}

void RelayLink::OnFailed(engine::CloseCode code, std::string_view text) {
  failed_ = true;
  reason_ = code == engine::CloseCode::kSilent ? "nothing was heard from the relay"
                                               : "the link failed: " + std::string(text);
  if (code == engine::CloseCode::kSilent) connection_.Close();  // Nobody hears our goodbye.
}

void RelayLink::SetNeeded(bool is_needed) {
  if (up_ && !failed_) multiplexer_->KeepAwake(is_needed, driver_.loop().Now());
}

void RelayLink::Check() {
  using engine::Footing;
  if (failed_ || closed_) return;
  const engine::Instant now = driver_.loop().Now();
  const Footing footing = driver_.network().FootingOf(connection_.socket());
  if (!up_) {
    if (footing != Footing::kGone) return;
    reason_ = kAddressGone;
    return connection_.Close();
  }
  if (multiplexer_->stream_count() > 0) {
    if (footing == Footing::kGone) multiplexer_->Probe(kGoneMax, now);
    return;
  }
  if (footing == Footing::kFirm) {
    return multiplexer_->Probe(engine::ProbePatience(multiplexer_->round_trip()), now);
  }
  reason_ =
      footing == Footing::kGone ? kAddressGone : "the relay does not acknowledge what was sent";
  connection_.Close();
}

void RelayLink::OnClosed(engine::SecureConnection&, const engine::ConnectionEnd& end) {
  closed_ = true;
  end_.was_up = up_;
  end_.kind = end.kind;
  end_.text = reason_.empty() ? end.text : reason_;
  up_ = false;
  if (multiplexer_ != nullptr) {
    multiplexer_->Disconnected(engine::CloseCode::kNodeGone, "the link to the relay ended");
    targets_.EndLink(*multiplexer_, engine::CloseCode::kNodeGone, "the link to the relay ended");
  }
  driver_.loop().Cancel(timer_op_);
  ReportDown();
}

// ReportDown waits for the timer's completion, too.
void RelayLink::ReportDown() {
  if (timer_op_.in_flight() || down_) return;
  down_ = true;
  events_.OnLinkDown(end_);
}

void RelayLink::RequestRenewal(std::string request_pem) {
  if (!up_) return;
  const engine::RenewCertificate message{.request_pem = std::move(request_pem)};
  // When control messages pile up, the next look at the certificate asks again.
  static_cast<void>(multiplexer_->SendControl(engine::kLinkStream, engine::Encode(message)));
}

bool RelayLink::Send(std::string_view json) {
  // A multiplexer that has failed, or whose link says no more, would take the message, and lose it.
  return up_ && !failed_ && !is_leaving_ && multiplexer_->SendControl(engine::kLinkStream, json);
}

void RelayLink::Goaway(engine::CloseCode code, std::string_view text) {
  if (multiplexer_ != nullptr && !closed_) multiplexer_->Goaway(code, text);
}

void RelayLink::CloseAfterOutput() {
  if (multiplexer_ == nullptr) return Close();
  is_leaving_ = true;
  connection_.CloseAfterOutput();
}

void RelayLink::Close() { connection_.Close(); }

}  // namespace agent
