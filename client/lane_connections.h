#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include "client/forward_connection.h"
#include "client/lane_set.h"
#include "engine/loop/loop.h"
#include "engine/mux/multiplexer.h"

namespace client {

// LaneConnections are the local connections of one lane of a forward, on the lane's loop.
class LaneConnections final : private ForwardConnection::Owner {
 public:
  // Bulk is told at most this often: it is news for another thread.
  static constexpr engine::Duration kBulkPause = std::chrono::milliseconds(200);
  static_assert(kBulkPause < LaneSet::kBusyAfterBulk);

  class Events {
   public:
    virtual void OnConnectionRefused(engine::CloseCode code, std::string_view text) = 0;
    virtual void OnConnectionNotTaken(LocalConnection connection) = 0;
    virtual void OnConnectionOver() = 0;
    virtual void OnLaneBulk() = 0;

   protected:
    ~Events() = default;
  };

  // `request` is what every stream opens with. `multiplexer` may be destroyed after Close and once
  // it has said OnClosed to every stream.
  LaneConnections(engine::Loop& loop, engine::Multiplexer& multiplexer, std::string request,
                  Events& events);
  ~LaneConnections() override;  // Requires: empty().

  // Take opens a stream for a connection; OnConnectionOver follows, or at once
  // OnConnectionNotTaken.
  void Take(LocalConnection connection);

  // Close: nothing is taken any more. Shut also resets what is there.
  void Close() { closed_ = true; }
  void Shut();

  bool empty() const { return connections_.empty(); }

 private:
  void OnConnectionRefused(engine::CloseCode code, std::string_view text) override;
  void OnConnectionBulk() override;
  void OnConnectionOver(ForwardConnection& connection) override;

  engine::Loop& loop_;
  engine::Multiplexer& multiplexer_;
  const std::string request_;
  Events& events_;
  std::unordered_map<const ForwardConnection*, std::unique_ptr<ForwardConnection>> connections_;
  bool closed_ = false;
  bool had_bulk_ = false;
  engine::Instant bulk_told_at_{};
};

}  // namespace client
