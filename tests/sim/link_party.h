#pragma once

#include <memory>
#include <string>

#include "engine/mux/multiplexer.h"
#include "engine/net/loop_driver.h"
#include "engine/net/secure_connection.h"
#include "engine/tls/tls_context.h"
#include "engine/wire/control.h"

namespace sim {

inline constexpr char kLinkRelay[] = "10.0.0.1";
inline constexpr uint16_t kLinkPort = 443;

// LinkParty is an end point: it dials, speaks frames, and is told of the end.
class LinkParty : public engine::SecureConnection::Events, public engine::LinkEvents {
 public:
  LinkParty(engine::LoopDriver& driver, const engine::TlsContext& tls)
      : driver_(driver), tls_(tls) {}

  void Dial();
  void Hang();
  bool gone() const { return connection_ == nullptr; }
  // What was wrong with its link, beside silence.
  const std::string& failure() const { return failure_; }

 protected:
  virtual engine::Hello MakeHello() = 0;
  virtual void Lost() = 0;

  void OnSecured(engine::SecureConnection& connection) override;
  void OnClosed(engine::SecureConnection&, const engine::ConnectionEnd& end) override;
  void OnGoaway(engine::CloseCode, std::string_view) override {}
  void OnFailed(engine::CloseCode code, std::string_view text) override;

  engine::LoopDriver& driver_;
  const engine::TlsContext& tls_;
  std::unique_ptr<engine::SecureConnection> connection_;
  std::unique_ptr<engine::Multiplexer> mux_;
  bool ending_ = false;

 private:
  std::string failure_;
};

}  // namespace sim
