#include "client/session_link.h"

#include <algorithm>
#include <charconv>
#include <utility>
#include <vector>

#include "client/dial_error.h"
#include "client/say.h"
#include "client/sealed_text.h"
#include "client/session_end.h"
#include "engine/base/check.h"
#include "engine/base/version.h"
#include "engine/crypto/random_bytes.h"
#include "engine/wire/control.h"

namespace client {

using engine::CloseCode;

SessionLink::SessionLink(engine::LoopDriver& driver, LinkTarget target, LaneSource& lanes,
                         Events& events)
    : driver_(driver),
      target_(std::move(target)),
      lanes_(lanes),
      events_(events),
      backoff_(engine::crypto::RandomNumber(), kAgainMax),
      again_op_(engine::Handler<engine::Fired>::To<&SessionLink::OnAgain>(this)) {
  if (target_.patience == std::chrono::seconds::zero()) target_.options.resume_bytes_max = 0;
  driver_.network().Add(static_cast<engine::NetworkWatch::Listener&>(*this));
}

SessionLink::~SessionLink() {
  driver_.network().Remove(static_cast<engine::NetworkWatch::Listener&>(*this));
  CHECK(carriage_ == nullptr);
  CHECK(!asking_);
  CHECK(!again_op_.in_flight());
}

void SessionLink::Dial() {
  CHECK(carriage_ == nullptr);
  ++dials_;
  redial_ = false;
  auto carriage = Carriage::Dial(driver_, target_, static_cast<Carriage::Events&>(*this));
  if (carriage.ok()) {
    carriage_ = *std::move(carriage);
  } else {
    End(CloseCode::kInternal, {.text = TextOf(carriage.status()), .unexplained = false});
  }
}

void SessionLink::Close() {
  if (std::exchange(closing_, true)) return;
  if (asking_) lanes_.HurryLanes(target_.session_id);
  if (again_op_.in_flight()) driver_.loop().Cancel(again_op_);
  if (carriage_ == nullptr) return;
  if (multiplexer_ != nullptr && !multiplexer_->suspended()) {
    if (target_.lane_secret.has_value()) multiplexer_->Goaway(CloseCode::kNormal, {});
    carriage_->carrier().CloseAfterOutput();
  } else {
    carriage_->Close();
  }
}

void SessionLink::Abort() {
  closing_ = true;
  if (asking_) lanes_.HurryLanes(target_.session_id);
  if (again_op_.in_flight()) driver_.loop().Cancel(again_op_);
  if (carriage_ != nullptr) carriage_->Close();
}

void SessionLink::OnCarried() {
  if (multiplexer_ != nullptr) {
    talk_ = std::make_unique<ResumeTalk>(
        carriage_->carrier(), target_.is_sealed() ? &carriage_->channel() : nullptr,
        ResumeTalk::Lane{.session_id = target_.session_id,
                         .secret = secret_,
                         .number = lane_,
                         .epoch = target_.ticket.epoch,
                         .position = multiplexer_->received_position()},
        driver_.loop().Now(), static_cast<ResumeTalk::Events&>(*this));
    return carriage_->SetProtocol(talk_->protocol());
  }
  if (std::exchange(tell_wrapped_, false)) Say(WrappedText(target_.relay));
  multiplexer_ = std::make_unique<engine::Multiplexer>(
      engine::Side::kConnected, target_.options, static_cast<engine::LinkEvents&>(*this),
      driver_.loop().buffers(), driver_.loop().Now());
  multiplexer_->Attach(carriage_->carrier());
  carriage_->SetProtocol(*multiplexer_);
  if (target_.is_sealed()) secret_ = engine::ResumeSecretOf(carriage_->channel());
  if (target_.lane_secret.has_value()) secret_ = *target_.lane_secret;
  std::vector<std::string> features;
  if (target_.options.resume_bytes_max > 0) features.emplace_back(engine::kFeatureResume);
  // On a lane the ticket has let us in already.
  const engine::Hello hello{.features = std::move(features),
                            .software = std::string("adit/") + engine::kVersion,
                            .role = "client",
                            .session_id = target_.session_id,
                            .session_token = is_lane() ? std::string() : target_.ticket.token};
  CHECK(multiplexer_->SendControl(engine::kLinkStream, engine::Encode(hello)));
  carriage_->carrier().OutputReady();
}

void SessionLink::OnOpen(engine::StreamId id, engine::Priority, engine::ByteView) {
  multiplexer_->Reject(id, CloseCode::kUnsupported, "a client opens streams, and takes none");
}

void SessionLink::OnControl(engine::ByteView message) {
  engine::ControlMessage control;
  if (!engine::Decode(engine::AsText(message), control)) return;
  if (const auto* notice = std::get_if<engine::Notice>(&control)) Say(Printable(notice->text));
  if (const auto* hello = std::get_if<engine::Hello>(&control)) HandleHello(*hello);
}

void SessionLink::HandleHello(const engine::Hello& hello) {
  if (ready_) return;
  const std::string other =
      is_lane() ? "the agent on " + Printable(target_.node_label) : std::string("the relay");
  if (engine::AgreedVersion(engine::Hello{}, hello) == 0) {
    Give(CloseCode::kUnsupported, other + " (" + Printable(hello.software) +
                                      ") speaks no protocol version that this adit " +
                                      engine::kVersion + " knows; update the older of the two");
  } else if (is_lane() && hello.role != "node") {
    Give(CloseCode::kProtocolError, other + " answered as '" + Printable(hello.role) +
                                        "' and not as a node; adit and agent may be of versions "
                                        "that do not fit");
  } else {
    ready_ = true;
    multiplexer_->PeerResumes(is_lane() &&
                              std::ranges::count(hello.features, engine::kFeatureResume) > 0);
    lane_ = hello.lane;
    events_.OnLinkReady(*this);
    return;
  }
  multiplexer_->Goaway(end_code_, end_text_);
  carriage_->carrier().CloseAfterOutput();
}

bool SessionLink::GoElsewhere(std::string_view text) {
  uint32_t loop = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), loop);
  if (failure != std::errc() || dials_ >= kDialsMax) return false;
  target_.ticket.loop = loop;
  return true;
}

void SessionLink::OnGoaway(CloseCode code, std::string_view text) {
  leaving_ = true;
  if (code == CloseCode::kElsewhere && !ready_ && GoElsewhere(text)) {
    leaving_ = false;
    redial_ = true;
    carriage_->Close();
    return;
  }
  Give(code, SessionEndText(code, text, target_.node_label));
  // Streams that run may go on until the other side ends them; without a hello there is none.
  if (!ready_) carriage_->Close();
}

void SessionLink::OnFailed(CloseCode code, std::string_view text) {
  leaving_ = true;
  Give(code, SessionEndText(code, text, target_.node_label));
}

void SessionLink::OnStalled() { carriage_->Close(); }

void SessionLink::Give(CloseCode code, std::string text) {
  if (!end_text_.empty()) return;
  end_code_ = code;
  end_text_ = std::move(text);
}

void SessionLink::OnCarriageOver(const CarriageEnd& end) {
  using Kind = CarriageEnd::Kind;
  if (CanGoOn(end)) return GoOn(end);
  if (!closing_ && end_text_.empty()) {
    if (end.kind == Kind::kNotJoined && end.code == CloseCode::kElsewhere) {
      redial_ = GoElsewhere(end.text);
    }
    if (redial_) {
      multiplexer_.reset();
      carriage_.reset();
      return Dial();
    }
    if (end.kind == Kind::kNotStarted && !target_.wrapped) return AskToWrap(EndText(end));
  }
  if (!end_text_.empty()) {
    return End(end_code_, {.text = end_text_, .unexplained = false});
  }
  End(end.kind == Kind::kNotJoined ? end.code : CloseCode::kConnectionReset,
      {.text = EndText(end),
       .unexplained = is_lane() && (end.kind == Kind::kClosed || end.kind == Kind::kCut)});
}

// ------------------------------------------------------------------ coming again

bool SessionLink::CanGoOn(const CarriageEnd& end) const {
  using Kind = CarriageEnd::Kind;
  if (multiplexer_ == nullptr || !ready_ || over() || !multiplexer_->can_resume()) return false;
  if (!multiplexer_->suspended()) return !EndsInOrder(end) && end.kind != Kind::kBroken;
  return end.kind != Kind::kNotJoined || end.code != CloseCode::kSessionEnded;
}

bool SessionLink::Rejoin() {
  if (multiplexer_ == nullptr || !ready_ || over() || !multiplexer_->can_resume()) return false;
  if (multiplexer_->suspended()) {
    if (again_op_.in_flight()) driver_.loop().Cancel(again_op_);
    return true;
  }
  told_lost_ = lane_ == 0;  // Who asked hears when it is done.
  carriage_->Close();
  return true;
}

void SessionLink::OnNetworkChanged(bool is_gain) {
  if (multiplexer_ == nullptr || !ready_ || over() || !multiplexer_->can_resume()) return;
  if (multiplexer_->suspended()) {
    if (is_gain) TryAtOnce();
    return;
  }
  if (driver_.network().FootingOf(carriage_->socket()) != engine::Footing::kFirm) {
    return carriage_->Close();
  }
  multiplexer_->Probe(engine::ProbePatience(multiplexer_->round_trip()), driver_.loop().Now());
}

void SessionLink::TryAtOnce() {
  backoff_.Succeeded();
  if (again_op_.in_flight()) return driver_.loop().Cancel(again_op_);
  if (driver_.loop().Now() - tried_at_ < kTryMax) return;
  if (asking_) return lanes_.HurryLanes(target_.session_id);
  if (carriage_ != nullptr) carriage_->Close();
}

// Inside the relay's TLS the node says goodbye by a goaway, and a close is the relay's alone.
bool SessionLink::EndsInOrder(const CarriageEnd& end) const {
  return target_.is_sealed() ? end.kind == CarriageEnd::Kind::kClosed : leaving_;
}

void SessionLink::GoOn(const CarriageEnd& end) {
  using Kind = CarriageEnd::Kind;
  const engine::Instant now = driver_.loop().Now();
  talk_.reset();
  if (!multiplexer_->suspended()) {
    lost_at_ = now;
    multiplexer_->Suspend();
  }
  if (over()) return End(end_code_, {.text = end_text_, .unexplained = false});
  const bool is_elsewhere =
      end.kind == Kind::kNotJoined && end.code == CloseCode::kElsewhere && GoElsewhere(end.text);
  if (end.kind == Kind::kNotStarted) target_.wrapped = !target_.wrapped;
  carriage_.reset();  // Last of `end`, which is its.
  if (is_elsewhere) return Dial();
  WaitAndAskAgain();
}

void SessionLink::WaitAndAskAgain() {
  const engine::Instant now = driver_.loop().Now();
  if (now - lost_at_ >= target_.patience) {
    return End(CloseCode::kConnectionReset,
               {.text = "no connection to " + Printable(target_.node_label) + " came about for " +
                        std::to_string(target_.patience.count()) +
                        " s (ADIT_PATIENCE); the session is given up",
                .unexplained = false});
  }
  if (!told_lost_ && now - lost_at_ >= kQuietMax && lane_ == 0) {
    told_lost_ = true;
    Say("the connection to " + Printable(target_.node_label) +
        " is lost; the session goes on when there is another one");
  }
  driver_.loop().StartTimer(again_op_, now + backoff_.NextDelay());
}

void SessionLink::OnAgain(engine::Fired) {
  if (over()) return EndSuspended();
  asking_ = true;
  tried_at_ = driver_.loop().Now();
  target_.connect_max = backoff_.is_eager() ? engine::Backoff::kEagerConnectMax
                                            : engine::SecureConnection::kConnectMax;
  lanes_.AskToRejoin(target_.session_id, lane_, [this](absl::StatusOr<LaneTicket> ticket) {
    OnTicketToRejoin(std::move(ticket));
  });
}

void SessionLink::OnTicketToRejoin(absl::StatusOr<LaneTicket> ticket) {
  asking_ = false;
  if (over()) return EndSuspended();
  if (!ticket.ok()) {
    if (CanRejoinLater(ticket.status())) return WaitAndAskAgain();
    return End(CloseCode::kSessionEnded,
               {.text = TextOf(ticket.status()), .unexplained = absl::IsNotFound(ticket.status())});
  }
  target_.ticket = *std::move(ticket);
  dials_ = 0;
  Dial();
}

void SessionLink::OnLaneResumed(uint64_t position) {
  if (!multiplexer_->Resume(position, {}, carriage_->carrier(), driver_.loop().Now())) {
    return OnResumeRefused(CloseCode::kProtocolError, "the node is where it cannot be");
  }
  carriage_->ReplaceProtocol(*multiplexer_);
  backoff_.Succeeded();
  if (std::exchange(told_lost_, false)) {
    Say("the connection to " + Printable(target_.node_label) + " is back");
  }
}

void SessionLink::OnResumeRefused(CloseCode code, std::string_view text) {
  Give(code, "the session on " + Printable(target_.node_label) +
                 " cannot go on after its connection was lost: " + Printable(text));
  carriage_->Close();
}

// EndSuspended ends a link that has no connection, or will have none soon, as it was told to.
void SessionLink::EndSuspended() {
  if (!multiplexer_->suspended()) return;
  if (carriage_ != nullptr) return carriage_->Close();
  if (again_op_.in_flight()) return driver_.loop().Cancel(again_op_);
  if (asking_) return lanes_.HurryLanes(target_.session_id);
  End(end_code_, {.text = end_text_, .unexplained = false});
}

// A join works once: wrapped, it needs a ticket of its own.
void SessionLink::AskToWrap(std::string why) {
  carriage_.reset();
  asking_ = true;
  lanes_.AskForLane(
      target_.session_id, [this, why = std::move(why)](absl::StatusOr<LaneTicket> ticket) {
        asking_ = false;
        if (closing_ || !ticket.ok()) {
          return End(
              CloseCode::kConnectionReset,
              {.text = why + "\nno other way, inside the relay's TLS: " + TextOf(ticket.status()),
               .unexplained = false});
        }
        target_.ticket = *std::move(ticket);
        target_.wrapped = true;
        tell_wrapped_ = true;
        dials_ = 0;
        Dial();
      });
}

std::string SessionLink::EndText(const CarriageEnd& end) const {
  const std::string relay = engine::FormatHostPort(target_.relay);
  switch (end.kind) {
    case CarriageEnd::Kind::kUnreachable:
      return DialErrorText(DialFailure::kUnreachable, end.text, target_.relay);
    case CarriageEnd::Kind::kRelayTls:
      return DialErrorText(DialFailure::kHandshake, end.text, target_.relay);
    case CarriageEnd::Kind::kEndedEarly:
      return DialErrorText(DialFailure::kEnded, end.text, target_.relay);
    case CarriageEnd::Kind::kNotJoined:
      return SessionEndText(end.code, end.text, target_.node_label);
    case CarriageEnd::Kind::kNotStarted:
    case CarriageEnd::Kind::kNodeTls:
      return NodeTlsText(target_.node_label, target_.relay, end.text);
    case CarriageEnd::Kind::kClosed:
    case CarriageEnd::Kind::kBroken:
    case CarriageEnd::Kind::kCut:
      break;
  }
  if (!ready_ && !is_lane()) return DialErrorText(DialFailure::kEnded, end.text, target_.relay);
  std::string text = is_lane() ? "the connection to " + Printable(target_.node_label) +
                                     " through the relay " + relay
                               : "the connection to the relay " + relay;
  if (end.kind == CarriageEnd::Kind::kClosed) {
    text = is_lane() ? text + " was closed" : "the relay " + relay + " closed the connection";
  } else {
    text += " broke";
  }
  if (!end.text.empty()) text += ": " + Printable(end.text);
  return text + "\nthe session on " + Printable(target_.node_label) + " is over; start it again";
}

void SessionLink::End(CloseCode code, LinkEnd end) {
  end.told = leaving_ || code == CloseCode::kSessionEnded;
  if (multiplexer_ != nullptr) multiplexer_->Disconnected(code, end.text);
  multiplexer_.reset();
  talk_.reset();
  carriage_.reset();
  ready_ = false;
  events_.OnLinkEnded(*this, closing_ ? LinkEnd{} : end);  // Last: it may destroy this.
}

}  // namespace client
