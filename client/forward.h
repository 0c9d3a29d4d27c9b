// One forward: a listener, a session's lanes, and the connections between them.

#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "client/forward_listener.h"
#include "client/forward_spec.h"
#include "client/lane_set.h"
#include "engine/loop/loop.h"
#include "engine/wire/frame.h"

namespace client {

class Forward final : private ForwardListener::Events {
 public:
  // Between two lines about refused connections, at least this long.
  static constexpr engine::Duration kRefusalPause = std::chrono::seconds(5);

  // Tell is how a line reaches the user.
  using Tell = std::function<void(const std::string& line)>;

  Forward(engine::Loop& loop, ForwardSpec spec, size_t connections_max, Tell tell);
  ~Forward()
      override;  // Requires: Listen failed or was not called, or Stop was called and joined().

  absl::Status Listen() { return listener_.Listen(spec_); }

  // Where local programs connect, for people. Requires: Listen succeeded.
  const std::string& LocalText() const { return listener_.LocalText(); }

  // OnConnection, if set, is called of each local connection.
  void set_on_connection(std::function<void()> on_connection) {
    on_connection_ = std::move(on_connection);
  }

  // RequestFor is what every stream of a forward opens with.
  static std::string RequestFor(const ForwardSpec& spec);

  // Start accepts connections, each for one of `lanes` to the target on `node`, and tells the user
  // so. Once the last lane has ended, Stop must follow.
  void Start(LaneSet& lanes, std::string node);

  // What the lanes say, each once for every connection that was given to one, but for a refusal,
  // which comes before.
  void OnConnectionRefused(engine::CloseCode code, std::string_view text);
  void OnConnectionNotTaken(size_t lane, LocalConnection connection);
  void OnConnectionOver(size_t lane);

  // Stop closes the listener and resets every connection.
  void Stop();
  bool joined() const { return listener_.joined() && connection_count_ == 0; }

  const ForwardSpec& spec() const { return spec_; }
  size_t connection_count() const { return connection_count_; }

 private:
  class Reset;

  void OnLocalConnection(engine::Socket socket) override;
  void Place(engine::Socket socket, uint32_t refused);
  void OneLess();

  engine::Loop& loop_;
  const ForwardSpec spec_;
  const size_t connections_max_;
  const Tell tell_;
  std::function<void()> on_connection_;
  ForwardListener listener_;
  LaneSet* lanes_ = nullptr;
  std::string node_;
  size_t connection_count_ = 0;                 // With those that are being reset.
  std::vector<std::unique_ptr<Reset>> resets_;  // Of connections that no lane took.
  bool stopped_ = false;
  bool told_refusal_ = false;
  engine::Instant refusal_told_at_{};
  uint64_t refusals_untold_ = 0;
};

}  // namespace client
