// One link to the relay, from dialling to its end.
//
//     dial, TLS --> hello sent --> hello answered: up --> closed
//                                  |  OnOpen --> TargetTable
//                                  |  RenewCertificate --> CertificateRenewed
//                                  |  messages of sealed sessions, both ways

#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "agent/target/session_limits.h"
#include "agent/target/target_table.h"
#include "engine/loop/op.h"
#include "engine/mux/multiplexer.h"
#include "engine/net/secure_connection.h"
#include "engine/wire/control.h"
#include "engine/wire/host_port.h"

namespace engine {
class LoopDriver;
class TlsContext;
}  // namespace engine

namespace agent {

// LinkEnd says why a link is over.
struct LinkEnd {
  bool was_up = false;                                  // The hello was answered.
  engine::CloseCode code = engine::CloseCode::kNormal;  // The relay's goaway, if it sent one.
  engine::ConnectionEnd::Kind kind = engine::ConnectionEnd::Kind::kClosedByUs;
  std::string text;  // For people.
};

class RelayLink final : private engine::SecureConnection::Events, private engine::LinkEvents {
 public:
  // How long the relay may take to answer our hello.
  static constexpr engine::Duration kHelloMax = std::chrono::seconds(10);
  // All streams together may leave this much with us that no program has read yet.
  static constexpr uint64_t kWindowBytesSumMax = 64 * 1024 * 1024;

  class Events {
   public:
    virtual void OnLinkUp(const engine::Hello& relay) = 0;
    virtual void OnCertificateRenewed(const std::string& certificate_pem) = 0;
    // Whatever else the relay says: about sealed sessions.
    virtual void OnRelayMessage(const engine::ControlMessage& message) = 0;
    // The last call, from the loop. The link may be destroyed once no call of it is on the stack.
    virtual void OnLinkDown(const LinkEnd& end) = 0;

   protected:
    ~Events() = default;
  };

  // How long the relay may be silent when our own address is gone, and streams would end with the
  // link: the address may come back.
  static constexpr engine::Duration kGoneMax = std::chrono::seconds(5);

  // Manner is how the link is dialled.
  struct Manner {
    engine::Duration connect_max = engine::SecureConnection::kConnectMax;
    bool has_sessions = false;  // That run without the link, and whose clients wait for it.
  };

  // Dials at once. `hello` introduces this node. All references outlive the link; `context` need
  // not.
  RelayLink(engine::LoopDriver& driver, const engine::TlsContext& context,
            const engine::HostPort& relay, engine::Hello hello, TargetTable& targets,
            Events& events, const Manner& manner);
  ~RelayLink() override;  // Requires: OnLinkDown was called.

  // RequestRenewal asks for a new certificate; OnCertificateRenewed follows, if the relay agrees.
  void RequestRenewal(std::string request_pem);

  // Send queues one message, encoded. False: the link is not up, or takes no more now.
  [[nodiscard]] bool Send(std::string_view json);

  // Goaway tells the relay that no stream opens any more. CloseAfterOutput ends the link once what
  // waits is sent, Close now; OnLinkDown follows.
  void Goaway(engine::CloseCode code, std::string_view text);
  void CloseAfterOutput();
  void Close();

  // SetNeeded says whether sessions run whose lanes go other ways, but whose clients come again by
  // what the relay says here: such a link does not rest.
  void SetNeeded(bool is_needed);

  // Check finds out whether the link has survived a change of the network, and ends it if not. One
  // without streams, or not up yet, is given up easily: nothing ends with it.
  void Check();

  bool up() const { return up_; }
  bool down() const { return down_; }

 private:
  void OnSecured(engine::SecureConnection& connection) override;
  void OnClosed(engine::SecureConnection& connection, const engine::ConnectionEnd& end) override;
  void OnOpen(engine::StreamId id, engine::Priority priority, engine::ByteView request) override;
  void OnControl(engine::ByteView message) override;
  void OnGoaway(engine::CloseCode code, std::string_view text) override;
  void OnFailed(engine::CloseCode code, std::string_view text) override;
  void OnHello(const engine::Hello& hello);
  void OnTimer(engine::Fired outcome);
  void KeepLimits();
  void ReportDown();

  engine::LoopDriver& driver_;
  const engine::Hello hello_;
  TargetTable& targets_;
  Events& events_;
  engine::SecureConnection connection_;
  std::unique_ptr<engine::Multiplexer> multiplexer_;
  std::optional<SessionLimits> limits_;  // Once there is a multiplexer.
  engine::TimerOp timer_op_;             // The hello's, then that of limits.
  LinkEnd end_;
  std::string reason_;  // A better one than the connection's, when there is one.
  bool up_ = false;
  bool failed_ = false;
  bool is_leaving_ = false;  // After what was said already, the link closes.
  bool closed_ = false;
  bool down_ = false;
};

}  // namespace agent
