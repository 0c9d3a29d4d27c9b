// One connection of a lane at the node: dialled, joined, and secured with the client. The first one
// of a lane begins with hellos, which are its multiplexer's; another one, when that has died, with
// the client's `resume`.

#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "engine/mux/join_exchange.h"
#include "engine/net/joined_connection.h"
#include "engine/net/loop_driver.h"
#include "engine/wire/control.h"

namespace agent {

class LaneCarrier final : private engine::JoinedConnection::Events,
                          private engine::JoinExchange::Events {
 public:
  // How long the client may take to say hello, or that it goes on.
  static constexpr engine::Duration kHelloMax = std::chrono::seconds(10);

  enum class Kind : uint8_t { kFirst, kReturning };

  class Owner {
   public:
    // kFirst: inner TLS is set up. Call SetProtocol of its connection.
    virtual void OnCarrierSecured(LaneCarrier& carrier) = 0;
    // kReturning: the client says this. Call GoOn or Refuse.
    virtual void OnCarrierResume(LaneCarrier& carrier, const engine::Resume& resume) = 0;
    // The last call. The owner may destroy the carrier in it, and at no time before.
    virtual void OnCarrierClosed(LaneCarrier& carrier, const engine::JoinEnd& end) = 0;

   protected:
    ~Owner() = default;
  };

  // Dials at once. `outer` need not outlive it; `driver` and `owner` do.
  LaneCarrier(Kind kind, engine::LoopDriver& driver, const engine::TlsContext& outer,
              std::shared_ptr<engine::TlsContext> inner, engine::JoinedConnection::Options join,
              Owner& owner);

  engine::JoinedConnection& connection() { return connection_; }

  // GoOn makes `protocol` speak on the connection from now on.
  void GoOn(engine::RecordProtocol& protocol) { connection_.ReplaceProtocol(protocol); }
  // Refuse says why not, and closes.
  void Refuse(engine::CloseCode code, std::string_view text);
  // Close closes at once: OnCarrierClosed follows.
  void Close();
  // The token with which it joins.
  const std::string& join_token() const { return join_token_; }
  // is_closing is true once it was closed by us: it is gone soon.
  bool is_closing() const { return is_closing_; }

 private:
  void OnSecured(engine::JoinedConnection& connection) override;
  void OnClosed(engine::JoinedConnection& connection, const engine::JoinEnd& end) override;
  void OnMessage(const engine::ControlMessage& message) override;
  void OnGoaway(engine::CloseCode code, std::string_view text) override;
  void OnBroken(std::string_view text) override;

  const Kind kind_;
  const std::string join_token_;
  engine::LoopDriver& driver_;
  Owner& owner_;
  std::unique_ptr<engine::JoinExchange> exchange_;  // kReturning, once it is secured.
  engine::JoinedConnection connection_;
  bool is_closing_ = false;
};

}  // namespace agent
