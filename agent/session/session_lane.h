// One lane of a sealed session at the node: a joined connection, on which the client is the side
// that dialled.
//
//     dial, join, inner TLS --> client's hello --> ours: up --> down
//                                  |                |  OnLaneOpen
//                                  +-- another session, version, or none: goaway

#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "agent/session/window_budget.h"
#include "engine/loop/op.h"
#include "engine/mux/multiplexer.h"
#include "engine/net/joined_connection.h"
#include "engine/wire/control.h"

namespace agent {

// LaneEnd says why a lane is over.
struct LaneEnd {
  bool was_secured = false;  // The client had proved its key.
  bool in_order = false;     // The client closed it, and said so.
  bool was_unheard = false;  // It was joined, and then no TLS came from the client.
  std::string text;          // For people.
};

class Lane final : private engine::JoinedConnection::Events, private engine::LinkEvents {
 public:
  // How long the client may take to say hello.
  static constexpr engine::Duration kHelloMax = std::chrono::seconds(10);
  static constexpr uint32_t kStreamsMax = 1024;

  class Owner {
   public:
    // Inner TLS is set up: raw bytes pass, or wrapped ones.
    virtual void OnLaneSecured(Lane& lane) = 0;
    // The client opens a stream. Answer it on lane.multiplexer(), now or later.
    virtual void OnLaneOpen(Lane& lane, engine::StreamId id, engine::ByteView request) = 0;
    // The lane has ended, and so have its streams that were answered. The last call; the lane may
    // be destroyed once over(), with no call of it on the stack.
    virtual void OnLaneDown(Lane& lane, const LaneEnd& end) = 0;

   protected:
    ~Owner() = default;
  };

  struct Options {
    std::string session_id;  // What the client's hello must name.
    std::string software;    // For our hello.
    engine::JoinedConnection::Options join;
  };

  // Dials at once. `outer` need not outlive the lane; `driver`, `owner` and the share's budget do.
  Lane(engine::LoopDriver& driver, const engine::TlsContext& outer,
       std::shared_ptr<engine::TlsContext> inner, Options options, WindowBudget::Share share,
       Owner& owner);
  ~Lane() override;  // Requires: over().

  // End says goodbye, sends what waits, and closes; Close closes at once. OnLaneDown follows. The
  // lane's targets are the owner's to end.
  void End(engine::CloseCode code, std::string_view text);
  void Close();

  bool wrapped() const { return options_.join.wrapped; }
  // When it was dialled.
  engine::Instant since() const { return since_; }
  // Inner TLS was set up.
  bool has_streams() const { return multiplexer_ != nullptr; }
  bool down() const { return down_; }
  bool over() const { return down_ && !hello_op_.in_flight(); }

  // Requires: has_streams().
  engine::Multiplexer& multiplexer() { return *multiplexer_; }

 private:
  void OnSecured(engine::JoinedConnection& connection) override;
  void OnClosed(engine::JoinedConnection& connection, const engine::JoinEnd& end) override;
  void OnOpen(engine::StreamId id, engine::Priority priority, engine::ByteView request) override;
  void OnControl(engine::ByteView message) override;
  void OnGoaway(engine::CloseCode code, std::string_view text) override;
  void OnFailed(engine::CloseCode code, std::string_view text) override;
  void OnHello(const engine::Hello& hello);
  void OnHelloDeadline(engine::Fired outcome);
  void Refuse(engine::CloseCode code, std::string_view text);

  engine::LoopDriver& driver_;
  const Options options_;
  Owner& owner_;
  const WindowBudget::Share share_;
  const engine::Instant since_;
  engine::JoinedConnection connection_;
  std::unique_ptr<engine::Multiplexer> multiplexer_;
  engine::TimerOp hello_op_;
  std::string reason_;  // A better one than the connection's, when there is one.
  bool up_ = false;
  bool down_ = false;
};

}  // namespace agent
