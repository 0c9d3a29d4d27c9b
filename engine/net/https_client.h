#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "engine/http/http_message.h"
#include "engine/net/loop_driver.h"
#include "engine/net/secure_connection.h"
#include "engine/wire/host_port.h"

namespace engine {

class TlsContext;

// CallResult is a response, whatever its status, or why there is none.
struct CallResult {
  enum class Kind : uint8_t { kResponse, kUnreachable, kTls, kBadAnswer };
  Kind kind = Kind::kUnreachable;
  HttpResponse response;   // kResponse.
  std::string text;        // Otherwise: what happened and why, for people.
  std::string anchor_pem;  // kResponse, first contact: the certificate to keep (TlsTrust).
};

// HttpsClient makes calls to one server. A connection is kept for the next call for a while
// (HttpClientSession::kIdleMax), so that calls in a row shake hands once; calls at the same time
// have connections of their own. When the network has changed, the one that is kept is closed, and
// so are those whose own address is gone: their calls fail. Cold: it may allocate.
class HttpsClient final : private NetworkWatch::Listener {
 public:
  using Done = std::function<void(CallResult)>;

  // All three outlive it. Requires: `context` offers ALPN "http/1.1".
  HttpsClient(LoopDriver& driver, const TlsContext& context, HostPort server);
  ~HttpsClient();  // Requires: joined().

  // Manner is how a call is made, where it has a connection of its own.
  struct Manner {
    Duration connect_max = SecureConnection::kConnectMax;
    std::string_view offer = {};  // As of TlsChannel::Offer; a constant. Empty: none.
  };

  // Call starts at once and returns the call's number. `done` is called once, from the loop; it may
  // make the next call. When a kept connection turns out to have been closed in order before a byte
  // of the answer came, the server has not taken the request (HttpServerSession::Finish), and it is
  // sent once more on a fresh connection. Any other end may have come after the call was carried
  // out: that is a failure, and the caller's to judge.
  uint64_t Call(HttpRequest request, Done done);
  uint64_t Call(HttpRequest request, Done done, const Manner& manner);

  // Whether a connection is kept whose server can join it with another one (kApiProtocol).
  bool can_join() const { return FindJoinable() != connections_.end(); }
  // TakeKept gives that connection away, which must not outlive the driver. It may be called from
  // inside `done`, once. The protocol that spoke on it is gone soon: the caller replaces it at
  // once. Requires: can_join().
  std::unique_ptr<SecureConnection> TakeKept(SecureConnection::Events& events);

  // Cancel ends a call early; its `done` is still called. Without such a call it does nothing.
  void Cancel(uint64_t number);

  // CloseKept closes the connection that is kept, if there is one; calls go on.
  void CloseKept();

  // Close ends all calls and connections; joined() follows.
  void Close();
  bool joined() const { return connections_.empty(); }

 private:
  class Connection;

  void OnNetworkChanged(bool is_gain) override;
  void Dial(uint64_t number, HttpRequest request, Done done, const Manner& manner);
  bool HasKept() const;
  using Connections = std::vector<std::unique_ptr<Connection>>;
  Connections::const_iterator FindJoinable() const;

  LoopDriver& driver_;
  const TlsContext& context_;
  const HostPort server_;
  uint64_t call_count_ = 0;
  Connections connections_;
  // What is left of the connection that was given away: a call of its may be under way.
  std::unique_ptr<Connection> given_;
  bool closing_ = false;
};

// CallAndWait runs the driver until one call is done: for programs that have nothing else to do. A
// call that is not done when `stops` becomes true is canceled.
CallResult CallAndWait(LoopDriver& driver, const TlsContext& context, const HostPort& server,
                       HttpRequest request, const bool& stops = false);

}  // namespace engine
