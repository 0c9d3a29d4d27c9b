#include "agent/session/lane_carrier.h"

#include <utility>

namespace agent {

LaneCarrier::LaneCarrier(Kind kind, engine::LoopDriver& driver, const engine::TlsContext& outer,
                         std::shared_ptr<engine::TlsContext> inner,
                         engine::JoinedConnection::Options join, Owner& owner)
    : kind_(kind),
      join_token_(join.token),
      driver_(driver),
      owner_(owner),
      connection_(driver, outer, std::move(inner), std::move(join),
                  static_cast<engine::JoinedConnection::Events&>(*this)) {}

void LaneCarrier::OnSecured(engine::JoinedConnection& connection) {
  if (kind_ == Kind::kFirst) return owner_.OnCarrierSecured(*this);
  exchange_ = std::make_unique<engine::JoinExchange>(
      connection, static_cast<engine::JoinExchange::Events&>(*this),
      driver_.loop().Now() + kHelloMax);
  connection.SetProtocol(*exchange_);
}

void LaneCarrier::OnMessage(const engine::ControlMessage& message) {
  const auto* resume = std::get_if<engine::Resume>(&message);
  if (resume == nullptr) return OnBroken("the lane is to go on, and the client says another thing");
  owner_.OnCarrierResume(*this, *resume);
}

void LaneCarrier::OnGoaway(engine::CloseCode, std::string_view) { Close(); }

void LaneCarrier::OnBroken(std::string_view text) {
  Refuse(engine::CloseCode::kProtocolError, text);
}

void LaneCarrier::Refuse(engine::CloseCode code, std::string_view text) {
  exchange_->Goaway(code, text);
}

void LaneCarrier::Close() {
  is_closing_ = true;
  connection_.Close();
}

void LaneCarrier::OnClosed(engine::JoinedConnection&, const engine::JoinEnd& end) {
  owner_.OnCarrierClosed(*this, end);  // Last: it may destroy this.
}

}  // namespace agent
