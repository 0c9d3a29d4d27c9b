#include "agent/session/session_lane.h"

#include <utility>

#include "agent/target/stream_handle.h"
#include "engine/base/check.h"
#include "engine/base/log.h"
#include "engine/net/loop_driver.h"

namespace agent {

using engine::CloseCode;

Lane::Lane(engine::LoopDriver& driver, const engine::TlsContext& outer,
           std::shared_ptr<engine::TlsContext> inner, Options options, WindowBudget::Share share,
           Owner& owner)
    : driver_(driver),
      options_(std::move(options)),
      owner_(owner),
      share_(std::move(share)),
      since_(driver.loop().Now()),
      connection_(driver, outer, std::move(inner), options_.join,
                  static_cast<engine::JoinedConnection::Events&>(*this)),
      hello_op_(engine::Handler<engine::Fired>::To<&Lane::OnHelloDeadline>(this)) {}

Lane::~Lane() { CHECK(over()); }

// -------------------------------------------------------------------- coming up

void Lane::OnSecured(engine::JoinedConnection& connection) {
  engine::Loop& loop = driver_.loop();
  multiplexer_ = std::make_unique<engine::Multiplexer>(
      engine::Side::kAccepted, share_.Options(kStreamsMax, kStreamOutputMax),
      static_cast<engine::LinkEvents&>(*this), loop.buffers(), loop.Now());
  multiplexer_->Attach(connection);
  connection.SetProtocol(*multiplexer_);
  loop.StartTimer(hello_op_, loop.Now() + kHelloMax);
  owner_.OnLaneSecured(*this);
}

void Lane::OnHelloDeadline(engine::Fired) {
  if (up_ || down_) return;
  Refuse(CloseCode::kSilent, "no hello came in time");
}

void Lane::OnControl(engine::ByteView message) {
  if (!reason_.empty()) return;  // Refused already.
  engine::ControlMessage decoded;
  const bool known = engine::Decode(engine::AsText(message), decoded);
  const auto* hello = known ? std::get_if<engine::Hello>(&decoded) : nullptr;
  if (hello != nullptr) return OnHello(*hello);
  if (!up_) Refuse(CloseCode::kProtocolError, "the first message is no hello");
  // Otherwise a newer client's, and not for us.
}

void Lane::OnHello(const engine::Hello& hello) {
  if (up_) return Refuse(CloseCode::kProtocolError, "a second hello");
  engine::Hello answer;
  answer.role = "node";
  answer.software = options_.software;
  if (hello.role != "client") {
    return Refuse(CloseCode::kProtocolError, "only a client may come this way");
  }
  if (hello.session_id != options_.session_id) {
    return Refuse(CloseCode::kDenied, "this lane belongs to another session");
  }
  if (engine::AgreedVersion(answer, hello) == 0) {
    return Refuse(CloseCode::kUnsupported,
                  "client and node share no version of the protocol: update the older one");
  }
  up_ = true;
  driver_.loop().Cancel(hello_op_);
  CHECK(multiplexer_->SendControl(engine::kLinkStream, engine::Encode(answer)));
}

void Lane::OnOpen(engine::StreamId id, engine::Priority, engine::ByteView request) {
  owner_.OnLaneOpen(*this, id, request);
}

// ---------------------------------------------------------------------- the end

void Lane::Refuse(CloseCode code, std::string_view text) {
  reason_ = std::string(text);
  End(code, text);
}

void Lane::End(CloseCode code, std::string_view text) {
  if (down_) return;
  if (multiplexer_ == nullptr) return connection_.Close();
  multiplexer_->Goaway(code, text);
  connection_.CloseAfterOutput();
}

void Lane::Close() {
  if (!down_) connection_.Close();
}

void Lane::OnGoaway(CloseCode, std::string_view) {}  // Its streams run on; then it closes.

void Lane::OnFailed(CloseCode code, std::string_view text) {
  reason_ = code == CloseCode::kSilent ? "nothing was heard from the client" : std::string(text);
}

void Lane::OnClosed(engine::JoinedConnection&, const engine::JoinEnd& end) {
  down_ = true;
  driver_.loop().Cancel(hello_op_);
  LaneEnd lane_end;
  lane_end.was_secured = multiplexer_ != nullptr;
  lane_end.in_order =
      up_ && reason_.empty() && end.end.kind == engine::ConnectionEnd::Kind::kClosedByPeer;
  lane_end.was_unheard = end.stage == engine::JoinEnd::Stage::kInner && !end.heard_other_end;
  lane_end.text = reason_.empty() ? end.end.text : reason_;
  if (multiplexer_ != nullptr) {
    multiplexer_->Disconnected(CloseCode::kSessionEnded, "the client's connection ended");
  }
  owner_.OnLaneDown(*this, lane_end);
}

}  // namespace agent
