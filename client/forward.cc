#include "client/forward.h"

#include <optional>
#include <utility>

#include "client/session_end.h"
#include "engine/base/check.h"
#include "engine/wire/control.h"
#include "engine/wire/host_port.h"

namespace client {

// Reset is the end of a connection that no lane took.
class Forward::Reset {
 public:
  Reset(Forward& forward, engine::Socket socket)
      : forward_(forward), close_op_(engine::Handler<engine::Closed>::To<&Reset::OnClosed>(this)) {
    forward.loop_.Close(close_op_, socket, engine::CloseMode::kReset);
  }

 private:
  void OnClosed(engine::Closed) {
    Forward& forward = forward_;
    std::erase_if(forward.resets_, [this](const auto& reset) { return reset.get() == this; });
    forward.OneLess();
  }

  Forward& forward_;
  engine::CloseOp close_op_;
};

Forward::Forward(engine::Loop& loop, ForwardSpec spec, size_t connections_max, Tell tell)
    : loop_(loop),
      spec_(std::move(spec)),
      connections_max_(connections_max),
      tell_(std::move(tell)),
      listener_(loop, *this) {}

Forward::~Forward() { CHECK(connection_count_ == 0); }

std::string Forward::RequestFor(const ForwardSpec& spec) {
  engine::TcpRequest request;
  request.host = spec.host;
  request.port = spec.port;
  return engine::EncodeOpen(request);
}

void Forward::Start(LaneSet& lanes, std::string node) {
  lanes_ = &lanes;
  node_ = std::move(node);
  listener_.Start();
  tell_(listener_.LocalText() + " -> " + node_ + " -> " +
        engine::FormatHostPort({spec_.host, spec_.port}));
}

void Forward::OnLocalConnection(engine::Socket socket) {
  if (on_connection_ != nullptr) on_connection_();
  ++connection_count_;
  if (!stopped_ && connection_count_ >= connections_max_) listener_.Pause();
  Place(socket, 0);
}

// Place gives the connection to the lane that suits best. A lane that is full, or that the other
// side is leaving, gives it back; then another one may do.
void Forward::Place(engine::Socket socket, uint32_t refused) {
  const std::optional<size_t> lane = stopped_ ? std::nullopt : lanes_->Choose(loop_.Now(), refused);
  if (!lane) {
    if (!stopped_) OnConnectionRefused(engine::CloseCode::kTooMany, "");
    resets_.push_back(std::make_unique<Reset>(*this, socket));
    return;
  }
  loop_.Release(socket);
  lanes_->Took(*lane);
  lanes_->door(*lane).Take({.descriptor = static_cast<int>(socket.handle), .refused = refused});
}

void Forward::OnConnectionNotTaken(size_t lane, LocalConnection connection) {
  lanes_->Left(lane);
  Place(loop_.Adopt(connection.descriptor), connection.refused | uint32_t{1} << lane);
}

void Forward::OnConnectionRefused(engine::CloseCode code, std::string_view text) {
  const engine::Instant now = loop_.Now();
  if (told_refusal_ && now - refusal_told_at_ < kRefusalPause) {
    ++refusals_untold_;
    return;
  }
  std::string line =
      RefusedText(code, text, node_, engine::FormatHostPort({spec_.host, spec_.port}));
  if (refusals_untold_ > 0) {
    line += " (and " + std::to_string(refusals_untold_) + " connections more since the last line)";
  }
  told_refusal_ = true;
  refusal_told_at_ = now;
  refusals_untold_ = 0;
  tell_(line);
}

void Forward::OnConnectionOver(size_t lane) {
  lanes_->Left(lane);
  OneLess();
}

void Forward::OneLess() {
  --connection_count_;
  if (!stopped_ && connection_count_ + 1 == connections_max_) listener_.Start();
}

void Forward::Stop() {
  if (std::exchange(stopped_, true)) return;
  listener_.Stop();
  if (lanes_ != nullptr) lanes_->ShutAll();
}

}  // namespace client
