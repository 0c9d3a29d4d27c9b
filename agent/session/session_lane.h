// One lane of a sealed session at the node: a link on which the client is the side that dialled,
// and the connections that carry it, one after the other.
//
//     dial, join, inner TLS --> client's hello --> ours: up --> down
//                                  |                | ^  OnLaneOpen
//                                  |                v | the client comes again (Return)
//                                  |            suspended
//                                  |              (the network changed: a connection that cannot
//                                  |              live on is left, another one is asked whether
//                                  |              it does)
//                                  +-- another session, version, or none: goaway

#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "agent/session/lane_carrier.h"
#include "agent/session/lane_wait.h"
#include "agent/session/window_budget.h"
#include "engine/loop/op.h"
#include "engine/mux/multiplexer.h"
#include "engine/net/joined_connection.h"
#include "engine/net/resume_proof.h"
#include "engine/platform/network_watch.h"
#include "engine/wire/control.h"

namespace agent {

// LaneEnd says why a lane is over.
struct LaneEnd {
  bool was_secured = false;  // The client had proved its key.
  bool in_order = false;     // The client closed it, and said so.
  bool was_unheard = false;  // It was joined, and then no TLS came from the client.
  std::string text;          // For people.
};

class Lane final : private LaneCarrier::Owner,
                   private engine::LinkEvents,
                   private engine::NetworkWatch::Listener {
 public:
  static constexpr uint32_t kStreamsMax = 1024;
  // Connections that come back for the lane at a time; one more ends the oldest.
  static constexpr ptrdiff_t kReturnsMax = 4;

  class Owner {
   public:
    // Inner TLS is set up: raw bytes pass, or wrapped ones.
    virtual void OnLaneSecured(Lane& lane) = 0;
    // The client opens a stream. Answer it on lane.multiplexer(), now or later.
    virtual void OnLaneOpen(Lane& lane, engine::StreamId id, engine::ByteView request) = 0;
    // The lane has left the connection that was joined with that token, or was about to be: it is
    // dead at our end, and the other end may not know.
    virtual void OnLaneLeft(Lane& lane, const std::string& join_token) = 0;
    // The lane has ended, and so have its streams that were answered. The last call; the lane may
    // be destroyed once over(), with no call of it on the stack.
    virtual void OnLaneDown(Lane& lane, const LaneEnd& end) = 0;

   protected:
    ~Owner() = default;
  };

  struct Options {
    std::string session_id;         // What the client's hello must name.
    std::string software;           // For our hello.
    uint32_t number = 0;            // What the client calls the lane when it comes again.
    engine::ResumeSecret secret{};  // Of an inspected session.
    engine::JoinedConnection::Options join;
    std::shared_ptr<LaneWait> wait = std::make_shared<LaneWait>();
  };

  // Dials at once; no `inner`: the session is inspected. `outer` need not outlive the lane;
  // `driver`, `owner` and the share's budget do.
  Lane(engine::LoopDriver& driver, const engine::TlsContext& outer,
       std::shared_ptr<engine::TlsContext> inner, Options options, WindowBudget::Share share,
       Owner& owner);
  ~Lane() override;  // Requires: over().

  // Return dials another connection, on which the client may go on; nothing when the lane is down.
  void Return(const engine::TlsContext& outer, engine::JoinedConnection::Options join);

  // End says goodbye, sends what waits, and closes; Close closes at once. OnLaneDown follows. The
  // lane's targets are the owner's to end.
  void End(engine::CloseCode code, std::string_view text);
  void Close();

  // Inner TLS was set up.
  bool has_streams() const { return multiplexer_ != nullptr; }
  bool down() const { return down_; }
  bool over() const { return down_ && !timer_op_.in_flight() && carriers_.empty(); }

  // Requires: has_streams().
  engine::Multiplexer& multiplexer() { return *multiplexer_; }

 private:
  void OnCarrierSecured(LaneCarrier& carrier) override;
  void OnCarrierResume(LaneCarrier& carrier, const engine::Resume& resume) override;
  void OnCarrierClosed(LaneCarrier& carrier, const engine::JoinEnd& end) override;
  void OnOpen(engine::StreamId id, engine::Priority priority, engine::ByteView request) override;
  void OnControl(engine::ByteView message) override;
  void OnGoaway(engine::CloseCode code, std::string_view text) override;
  void OnFailed(engine::CloseCode code, std::string_view text) override;
  void OnStalled() override;
  void OnNetworkChanged(bool is_gain) override;
  void Leave(LaneCarrier& carrier);
  void OnHello(const engine::Hello& hello);
  void OnTimer(engine::Fired outcome);
  void Refuse(engine::CloseCode code, std::string_view text);
  // Suspend waits for the client to come again, if that is how it may go on. False: it may not.
  bool Suspend(const engine::JoinEnd& end);
  bool is_inspected() const { return inner_ == nullptr; }
  // ClientLeft is true of an end that the client has announced.
  bool ClientLeft(const engine::JoinEnd& end) const;
  void GoDown(LaneEnd end);

  engine::LoopDriver& driver_;
  const std::shared_ptr<engine::TlsContext> inner_;
  const Options options_;
  Owner& owner_;
  const WindowBudget::Share share_;
  std::vector<std::unique_ptr<LaneCarrier>> carriers_;  // Those that are not closed.
  LaneCarrier* current_ = nullptr;                      // None: suspended, or down.
  std::unique_ptr<engine::Multiplexer> multiplexer_;
  engine::TimerOp timer_op_;  // For the hello; later, to go down when there is no connection.
  engine::ResumeSecret secret_{};
  uint64_t epoch_ = 0;  // Of the newest connection.
  std::string reason_;  // A better one than the connection's, when there is one.
  bool up_ = false;
  bool client_says_goodbye_ = false;
  bool ending_ = false;  // By us.
  bool down_ = false;
};

}  // namespace agent
