// One lane of a sealed session, at an end point: dial the relay, join, lay the relay's TLS aside,
// and shake hands with the other end over the same socket.
//
//     TLS to the relay --> Join, Joined --> detach --> TLS to the other end --> open
//           \___________________ wrapped: inside it _________/
//
// Of an inspected session it stays inside the relay's TLS, and there is no other:
//
//     TLS to the relay --> Join, Joined --> open
//
// TLS to the relay may be there already, from a call that started the session.
//
// To its owner it is one connection, whose channel() is that of the other end.

#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "engine/mux/join_exchange.h"
#include "engine/net/loop_driver.h"
#include "engine/net/secure_connection.h"
#include "engine/net/tls_tunnel.h"
#include "engine/wire/frame.h"
#include "engine/wire/host_port.h"

namespace engine {

class HttpsClient;
class TlsContext;

// JoinEnd says why a joined connection is over, and how far it had come.
struct JoinEnd {
  enum class Stage : uint8_t {
    kTaken,    // A connection that was kept for calls, and ended before the relay said a word. If
               // it was closed in order, the join came too late for it: dial.
    kDialing,  // The relay was not reached, or its TLS failed.
    kJoining,  // The relay refused, or the other side did not come.
    kInner,    // TLS with the other end was not set up. When it was not heard, something in between
               // ends TLS, and was silent or answered under its own keys: join again, wrapped.
    kOpen,
  };
  Stage stage = Stage::kDialing;
  CloseCode code = CloseCode::kNormal;  // kJoining: the relay's goaway, if it sent one.
  bool heard_other_end = false;         // kInner: it answered, and in TLS.
  ConnectionEnd end;
};

class JoinedConnection final : public RecordCarrier,
                               private SecureConnection::Events,
                               private JoinExchange::Events,
                               private TlsTunnel::Events {
 public:
  // How long the other side may take to come, beyond the life of a join token.
  static constexpr Duration kJoinMax = std::chrono::seconds(12);

  class Events {
   public:
    // The handshake with the other end is done, which has proved its key, or the relay vouches for
    // it: call SetProtocol.
    virtual void OnSecured(JoinedConnection& connection) = 0;
    // The last call, from the loop. The owner may destroy the connection in it, and at no time
    // before.
    virtual void OnClosed(JoinedConnection& connection, const JoinEnd& end) = 0;

   protected:
    ~Events() = default;
  };

  struct Options {
    HostPort relay;
    uint32_t loop = 0;     // The relay's, on which the lane is: offered as a hint.
    std::string token;     // Of the join; never logged.
    bool wrapped = false;  // This leg stays inside the relay's TLS.
    Duration connect_max = SecureConnection::kConnectMax;
  };

  // Dials at once. `outer` is for the relay and offers ALPN `adit-join/1`; `inner` is for the other
  // end: a client's or a server's context, with TlsTrust::PublicKey or client_public_key; null: the
  // session is inspected. `driver` and `events` outlive the connection; the contexts need not.
  JoinedConnection(LoopDriver& driver, const TlsContext& outer, std::shared_ptr<TlsContext> inner,
                   Options options, Events& events);
  // Takes the connection that `calls` has kept instead: no dial, no handshake with the relay.
  // Requires: calls.can_join().
  JoinedConnection(LoopDriver& driver, HttpsClient& calls, std::shared_ptr<TlsContext> inner,
                   Options options, Events& events);
  ~JoinedConnection();  // Requires: OnClosed was called.

  // As of SecureConnection.
  void SetProtocol(RecordProtocol& protocol);
  void ReplaceProtocol(RecordProtocol& protocol);
  void OutputReady() override;
  void CloseAfterOutput() override;
  void GiveUpPeer() override;
  void Close();

  // Not valid until it is connected.
  Socket socket() const { return inner_ != nullptr ? inner_->socket() : outer_->socket(); }

  // Of TLS with the other end. Requires: between OnSecured and OnClosed, and a sealed session.
  TlsChannel& channel();

 private:
  // Without a connection to the relay, which the others add.
  JoinedConnection(LoopDriver& driver, std::shared_ptr<TlsContext> inner, Options options,
                   Events& events);
  // `head` is what makes the connection one for the exchange; empty: it is one.
  void SendJoin(std::string_view head);
  void OnSecured(SecureConnection& connection) override;
  void OnDetached(SecureConnection& connection, DetachedSocket detached) override;
  void OnClosed(SecureConnection& connection, const ConnectionEnd& end) override;
  void OnMessage(const ControlMessage& message) override;
  void OnGoaway(CloseCode code, std::string_view text) override;
  void OnBroken(std::string_view text) override;
  void OnInnerSecured() override;
  void OnInnerEnded(const ConnectionEnd& end) override;

  std::unique_ptr<TlsChannel> NewInnerChannel();
  bool is_inspected() const { return inner_context_ == nullptr; }

  LoopDriver& driver_;
  std::shared_ptr<TlsContext> inner_context_;
  const Options options_;
  Events& events_;
  JoinEnd end_;
  bool end_is_known_ = false;  // end_.end says why, whatever the outer connection ends with.
  std::unique_ptr<SecureConnection> outer_;  // To the relay.
  std::unique_ptr<JoinExchange> exchange_;   // Its first protocol, but for calls before ...
  std::unique_ptr<TlsTunnel> tunnel_;        // ... and, wrapped, its second.
  std::unique_ptr<SecureConnection> inner_;  // Otherwise: to the other end, on the same socket.
};

}  // namespace engine
