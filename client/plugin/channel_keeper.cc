#include "client/plugin/channel_keeper.h"

#include <utility>

#include "client/plugin/plugin_arguments.h"
#include "client/say.h"
#include "engine/base/check.h"
#include "engine/crypto/uuid.h"
#include "engine/datachannel/agent_payloads.h"

namespace client {

ChannelKeeper::ChannelKeeper(engine::LoopDriver& driver, const engine::TlsContext& context,
                             SessionTicket ticket, SessionApi& api, ChannelSession& session,
                             uint64_t seed, Events& events)
    : driver_(driver),
      context_(context),
      ticket_(std::move(ticket)),
      api_(api),
      session_(session),
      events_(events),
      client_id_(engine::crypto::NewUuid()),
      backoff_(seed),
      wait_op_(engine::Handler<engine::Fired>::To<&ChannelKeeper::OnWaited>(this)) {}

ChannelKeeper::~ChannelKeeper() { CHECK(joined()); }

void ChannelKeeper::Start() {
  backoff_.NextDelay();  // The first dial is now.
  Dial();
}

void ChannelKeeper::StartWith(SessionTicket ticket) {
  ticket_ = std::move(ticket);
  Start();
}

void ChannelKeeper::Stop(Manner manner) {
  is_stopped_ = true;
  driver_.loop().Cancel(wait_op_);
  if (is_asking_) api_.Cancel();
  if (link_ == nullptr) return;
  manner == Manner::kInOrder ? link_->Close() : link_->Abort();
}

void ChannelKeeper::Dial() {
  link_ = std::make_unique<ChannelLink>(
      driver_, context_, ticket_.stream,
      Encode(engine::datachannel::OpenDataChannel{.request_id = engine::crypto::NewUuid(),
                                                  .token = ticket_.token,
                                                  .client_id = client_id_,
                                                  .client_version = std::string(kPluginVersion)}),
      static_cast<ChannelLink::Events&>(*this));
}

void ChannelKeeper::OnLinkOpen() {
  was_open_ = true;
  if (!is_stopped_) session_.Attach(*link_);
}

void ChannelKeeper::OnLinkMessage(engine::ByteView message) {
  lost_at_ = {};
  backoff_.Succeeded();
  session_.Receive(message);
}

void ChannelKeeper::OnLinkOver(const ChannelLinkEnd& end) {
  session_.Detach();
  link_.reset();
  if (is_stopped_) return;
  // A first connection finds out whom the user trusts; later ones may meet a relay that dies.
  if (end.kind == ChannelLinkEnd::Kind::kTls && !was_open_) return Fail(end.text);
  Again(end.text);
}

void ChannelKeeper::Again(const std::string& why) {
  const engine::Instant now = driver_.loop().Now();
  if (was_open_) {
    if (lost_at_ == engine::Instant()) lost_at_ = now;
    if (now - lost_at_ >= kResumeMax) return Fail(why);
  } else if (++first_dials_ == kFirstDialsMax) {
    return Fail(why);
  }
  driver_.loop().StartTimer(wait_op_, now + backoff_.NextDelay());
}

void ChannelKeeper::OnWaited(engine::Fired) {
  if (is_stopped_) return;
  if (!was_open_) return Dial();
  is_asking_ = true;
  api_.Resume([this](const absl::StatusOr<ResumedSession>& resumed) { OnResumed(resumed); });
}

void ChannelKeeper::OnResumed(const absl::StatusOr<ResumedSession>& resumed) {
  is_asking_ = false;
  if (is_stopped_) return;
  if (!resumed.ok()) {
    const std::string why =
        "the connection was lost, and ResumeSession failed: " + TextOf(resumed.status());
    return absl::IsUnavailable(resumed.status()) ? Again(why) : Fail(why);
  }
  if (resumed->token.empty()) {
    is_stopped_ = true;
    return events_.OnTimedOut();
  }
  ticket_.token = resumed->token;
  if (!resumed->stream_url.empty()) {
    absl::StatusOr<engine::SecureUrl> stream = engine::ParseSecureUrl("wss", resumed->stream_url);
    if (!stream.ok()) return Fail(TextOf(stream.status()));
    ticket_.stream = *std::move(stream);
  }
  Dial();
}

void ChannelKeeper::Fail(const std::string& why) {
  is_stopped_ = true;
  events_.OnKeeperFailed(why);
}

}  // namespace client
