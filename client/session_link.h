// The link of one session: TLS to the relay, hello with the session's token, and the multiplexer.
//
//     Dial --> secured --> our hello --> relay's hello --> OnLinkReady --> ... --> OnLinkEnded
//       ^                                     |
//       +---- goaway kElsewhere: another loop of the relay has the session

#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "engine/mux/multiplexer.h"
#include "engine/net/loop_driver.h"
#include "engine/net/secure_connection.h"
#include "engine/wire/host_port.h"

namespace client {

// StartedSession is what StartSession answers.
struct StartedSession {
  std::string id;
  std::string token;  // Works once, for a short time; never printed.
  uint32_t loop = 0;  // Which of the relay's loops has the node's link: a hint.
};

struct LinkTarget {
  engine::HostPort relay;
  std::string ca_pem;      // Empty: the authorities that this machine trusts.
  std::string node_label;  // For messages.
  StartedSession session;
  engine::MultiplexerOptions options;
};

class SessionLink final : private engine::LinkEvents, private engine::SecureConnection::Events {
 public:
  class Events {
   public:
    virtual ~Events() = default;
    virtual void OnLinkReady() = 0;
    // The last call, after every stream had its OnClosed. `text` says why, for people; empty when
    // Close was called.
    virtual void OnLinkEnded(const std::string& text) = 0;
  };

  // A session moves at most once, from a stale hint; more is a relay that sends us in a circle.
  static constexpr int kDialsMax = 3;

  SessionLink(engine::LoopDriver& driver, LinkTarget target, Events& events);
  ~SessionLink() override;  // Requires: Dial was not called, or OnLinkEnded was.
  SessionLink(const SessionLink&) = delete;
  SessionLink& operator=(const SessionLink&) = delete;

  // Dial may call OnLinkEnded before it returns, when the relay's CA cannot be read.
  void Dial();

  // Close sends what is queued and ends the link; OnLinkEnded follows. More calls do nothing.
  void Close();

  // Abort ends it at once: what is queued is dropped. OnLinkEnded follows.
  void Abort();

  // Requires: between OnLinkReady and OnLinkEnded.
  engine::Multiplexer& multiplexer() { return *multiplexer_; }

  const LinkTarget& target() const { return target_; }

 private:
  void OnOpen(engine::StreamId id, engine::Priority priority, engine::ByteView request) override;
  void OnControl(engine::ByteView message) override;
  void OnGoaway(engine::CloseCode code, std::string_view text) override;
  void OnFailed(engine::CloseCode code, std::string_view text) override;
  void OnSecured(engine::SecureConnection& connection) override;
  void OnClosed(engine::SecureConnection& connection, const engine::ConnectionEnd& end) override;

  std::string EndText(const engine::ConnectionEnd& end) const;
  void End(engine::CloseCode code, const std::string& text);

  engine::LoopDriver& driver_;
  LinkTarget target_;
  Events& events_;
  std::unique_ptr<engine::SecureConnection> connection_;
  std::unique_ptr<engine::Multiplexer> multiplexer_;
  int dials_ = 0;
  bool ready_ = false;
  bool closing_ = false;  // By us.
  bool redial_ = false;
  // The first reason that was given; what follows from it is not news.
  engine::CloseCode end_code_ = engine::CloseCode::kNormal;
  std::string end_text_;
};

}  // namespace client
