#include "client/session_link.h"

#include <algorithm>
#include <charconv>
#include <utility>
#include <vector>

#include "client/say.h"
#include "client/sealed_text.h"
#include "client/session_end.h"
#include "engine/base/check.h"
#include "engine/base/version.h"
#include "engine/wire/control.h"

namespace client {

using engine::CloseCode;

SessionLink::SessionLink(engine::LoopDriver& driver, LinkTarget target, LaneSource& lanes,
                         Events& events)
    : driver_(driver),
      target_(std::move(target)),
      lanes_(lanes),
      events_(events),
      return_(driver, target_, lanes, static_cast<LaneReturn::Events&>(*this)) {
  if (!target_.patience.any()) target_.options.resume_bytes_max = 0;
  driver_.network().Add(static_cast<engine::NetworkWatch::Listener&>(*this));
}

SessionLink::~SessionLink() {
  driver_.network().Remove(static_cast<engine::NetworkWatch::Listener&>(*this));
  CHECK(carriage_ == nullptr);
  CHECK(!asking_);
}

void SessionLink::Dial() {
  CHECK(carriage_ == nullptr);
  ++dials_;
  redial_ = false;
  auto carriage = Carriage::Dial(driver_, target_, static_cast<Carriage::Events&>(*this));
  target_.calls = nullptr;  // Once; whatever comes after it is dialled.
  if (carriage.ok()) {
    carriage_ = *std::move(carriage);
  } else {
    End(CloseCode::kInternal, {.text = TextOf(carriage.status()), .unexplained = false});
  }
}

void SessionLink::Close() {
  if (std::exchange(closing_, true)) return;
  if (asking_) lanes_.HurryLanes(target_.session_id);
  return_.Stop();
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
  return_.Stop();
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
  if (is_lane()) features.emplace_back(engine::kFeatureEarlyData);
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
  const std::string_view role = is_lane() ? "node" : "relay";
  if (engine::AgreedVersion(engine::Hello{}, hello) == 0) {
    Give(CloseCode::kUnsupported, other + " (" + Printable(hello.software) +
                                      ") speaks no protocol version that this adit " +
                                      engine::kVersion + " knows; update the older of the two");
  } else if (hello.role != role) {
    Give(CloseCode::kProtocolError,
         other + " answered as '" + Printable(hello.role) + "' and not as a " + std::string(role) +
             "; adit and " + (is_lane() ? "agent" : "relay") +
             " may be of versions that do not fit: update the older of the two");
  } else {
    ready_ = true;
    const auto both_have = [&](std::string_view feature) {
      return is_lane() && engine::HasFeature(hello, feature);
    };
    multiplexer_->PeerResumes(both_have(engine::kFeatureResume));
    if (both_have(engine::kFeatureEarlyData)) multiplexer_->PeerTakesEarly();
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
  if (multiplexer_ != nullptr && multiplexer_->suspended()) return_.Stop();
}

void SessionLink::OnCarriageOver(const CarriageEnd& end) {
  using Kind = CarriageEnd::Kind;
  if (CanGoOn(end)) return GoOn(end);
  if (!closing_ && end_text_.empty()) {
    if (end.kind == Kind::kNotJoined && end.code == CloseCode::kElsewhere) {
      redial_ = GoElsewhere(end.text);
    }
    if (end.kind == Kind::kStale) redial_ = true;
    if (redial_) {
      multiplexer_.reset();
      carriage_.reset();
      return Dial();
    }
    if (end.kind == Kind::kNotStarted && !target_.wrapped)
      return AskToWrap(LinkEndText(target_, end, ready_));
  }
  if (!end_text_.empty()) {
    return End(end_code_, {.text = end_text_, .unexplained = false});
  }
  End(end.kind == Kind::kNotJoined ? end.code : CloseCode::kConnectionReset,
      {.text = LinkEndText(target_, end, ready_),
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
    return_.Hurry();
    return true;
  }
  return_.TellWhenBack();
  carriage_->Close();
  return true;
}

void SessionLink::OnNetworkChanged(bool is_gain) {
  if (multiplexer_ == nullptr || !ready_ || over() || !multiplexer_->can_resume()) return;
  const engine::Footing footing = carriage_ != nullptr
                                      ? driver_.network().FootingOf(carriage_->socket())
                                      : engine::Footing::kFirm;
  if (multiplexer_->suspended()) {
    const bool is_to_begin_anew =
        footing == engine::Footing::kGone || (is_gain && return_.Gained());
    if (is_to_begin_anew && carriage_ != nullptr) carriage_->Close();
    return;
  }
  if (footing != engine::Footing::kFirm) return carriage_->Close();
  multiplexer_->Probe(engine::ProbePatience(multiplexer_->round_trip()), driver_.loop().Now());
}

// Inside the relay's TLS the node says goodbye by a goaway, and a close is the relay's alone.
bool SessionLink::EndsInOrder(const CarriageEnd& end) const {
  return target_.is_sealed() ? end.kind == CarriageEnd::Kind::kClosed : leaving_;
}

void SessionLink::GoOn(const CarriageEnd& end) {
  using Kind = CarriageEnd::Kind;
  talk_.reset();
  if (!multiplexer_->suspended()) {
    return_.Lost(lane_);
    multiplexer_->Suspend();
  }
  if (over()) return End(end_code_, {.text = end_text_, .unexplained = false});
  const bool is_elsewhere =
      end.kind == Kind::kNotJoined && end.code == CloseCode::kElsewhere && GoElsewhere(end.text);
  if (end.kind == Kind::kNotStarted) target_.wrapped = !target_.wrapped;
  carriage_.reset();  // Last of `end`, which is its.
  if (is_elsewhere) return Dial();
  return_.AskSoon();
}

void SessionLink::OnReturnTicket(LaneTicket ticket) {
  target_.ticket = std::move(ticket);
  target_.connect_max = return_.connect_max();
  dials_ = 0;
  Dial();
}

void SessionLink::OnReturnGivenUp(CloseCode code, const LinkEnd& end) { End(code, end); }

void SessionLink::OnReturnStopped() { End(end_code_, {.text = end_text_, .unexplained = false}); }

void SessionLink::OnLaneResumed(uint64_t position) {
  if (!multiplexer_->Resume(position, {}, carriage_->carrier(), driver_.loop().Now())) {
    return OnResumeRefused(CloseCode::kProtocolError, "the node is where it cannot be");
  }
  carriage_->ReplaceProtocol(*multiplexer_);
  return_.Resumed();
}

void SessionLink::OnResumeRefused(CloseCode code, std::string_view text) {
  Give(code, "the session on " + Printable(target_.node_label) +
                 " cannot go on after its connection was lost: " + Printable(text));
  carriage_->Close();
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
