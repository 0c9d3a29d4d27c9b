// One forward: a listener, a session's lanes, and the connections between them.

#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include "absl/status/status.h"
#include "client/forward_connection.h"
#include "client/forward_listener.h"
#include "client/forward_spec.h"
#include "client/lane_set.h"
#include "engine/loop/loop.h"

namespace client {

class Forward final : private ForwardListener::Events, private ForwardConnection::Owner {
 public:
  // Between two lines about refused connections, at least this long.
  static constexpr engine::Duration kRefusalPause = std::chrono::seconds(5);

  // Tell is how a line reaches the user.
  using Tell = std::function<void(const std::string& line)>;

  Forward(engine::Loop& loop, ForwardSpec spec, size_t connections_max, Tell tell);
  ~Forward()
      override;  // Requires: Listen failed or was not called, or Stop was called and joined().

  absl::Status Listen() { return listener_.Listen(spec_); }

  // Start accepts connections, each as a stream of one of `lanes` to the target on `node`, and
  // tells the user so. Once the last lane has ended (every stream heard OnClosed), Stop must
  // follow.
  void Start(LaneSet& lanes, std::string node);

  // Stop closes the listener and resets every connection.
  void Stop();
  bool joined() const { return listener_.joined() && connections_.empty(); }

  const ForwardSpec& spec() const { return spec_; }
  size_t connection_count() const { return connections_.size(); }

 private:
  void OnLocalConnection(engine::Socket socket) override;
  void OnConnectionRefused(engine::CloseCode code, std::string_view text) override;
  void OnConnectionOver(ForwardConnection& connection) override;

  engine::Loop& loop_;
  const ForwardSpec spec_;
  const size_t connections_max_;
  const Tell tell_;
  ForwardListener listener_;
  LaneSet* lanes_ = nullptr;
  std::string node_;
  std::string request_;  // The open request; the same for every connection.
  std::unordered_map<const ForwardConnection*, std::unique_ptr<ForwardConnection>> connections_;
  bool stopped_ = false;
  bool told_refusal_ = false;
  engine::Instant refusal_told_at_{};
  uint64_t refusals_untold_ = 0;
};

}  // namespace client
