#include "client/forward_command.h"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "client/exit_code.h"
#include "client/forward.h"
#include "client/lane_loops.h"
#include "client/memory_plan.h"
#include "client/relay_access.h"
#include "client/say.h"
#include "client/session_lanes.h"
#include "client/target_wish.h"
#include "engine/net/https_client.h"
#include "engine/platform/signal_source.h"

namespace client {
namespace {

// How long the relay may take to hear that we leave.
constexpr engine::Duration kGoodbyeMax = std::chrono::milliseconds(500);

// What the user did not say: one lane, and one more for what should not wait behind bulk.
constexpr SessionLanes::Count kLanesByDefault = {.at_start = 1, .max = 2};

// LinkedForward is one forward with its session's lanes.
class LinkedForward final : private SessionLanes::Events {
 public:
  LinkedForward(RelayAccess& relay, LaneLoops& loops, ForwardSpec spec, size_t connections_max)
      : relay_(relay),
        loops_(loops),
        forward_(relay.driver().loop(), std::move(spec), connections_max, Say) {}

  absl::Status Listen() { return forward_.Listen(); }

  // `reserve` outlives this object.
  absl::Status StartSession(const ForwardOptions& options, size_t forwards,
                            engine::WindowReserve& reserve) {
    const ForwardSpec& spec = forward_.spec();
    absl::StatusOr<LinkTarget> target = relay_.StartSession(
        options.node, TargetWish({.host = spec.host, .port = spec.port}, options.reason),
        options.carriage);
    if (!target.ok()) return target.status();
    const engine::HttpsClient* const calls = target->calls;
    const bool joins_with_call = target->is_lane() && calls != nullptr;
    const SessionLanes::Count count =
        options.lanes == 0 ? kLanesByDefault
                           : SessionLanes::Count{.at_start = options.lanes, .max = options.lanes};
    target->options =
        ForwardLinkOptions(forwards, target->node_context == nullptr ? 1 : count.max, &reserve);
    lanes_ = std::make_unique<SessionLanes>(loops_, *std::move(target), Forward::RequestFor(spec),
                                            relay_.lanes(), count,
                                            static_cast<SessionLanes::Events&>(*this));
    lanes_->Dial();
    // The next session is started on another connection, and so, perhaps, on another loop.
    relay_.RunUntil([&] { return !joins_with_call || !calls->can_join(); }, "");
    return absl::OkStatus();
  }

  void Stop() {
    forward_.Stop();
    if (lanes_ != nullptr) lanes_->Close();
  }
  void Abort() {
    if (lanes_ != nullptr) lanes_->Abort();
  }
  bool joined() const { return forward_.joined() && (lanes_ == nullptr || lanes_->gone()); }
  bool ready() const { return ready_; }
  bool over() const { return over_; }
  // Requires: over().
  std::string EndText() const {
    return relay_.EndText(lanes_->session_id(), lanes_->node_label(), end_);
  }

 private:
  void OnLanesReady() override {
    ready_ = true;
    forward_.Start(lanes_->lanes(), Printable(lanes_->node_label()));
  }
  void OnLanesEnded(const LinkEnd& end) override {
    over_ = true;
    end_ = end;
    forward_.Stop();
  }
  void OnConnectionRefused(engine::CloseCode code, std::string_view text) override {
    forward_.OnConnectionRefused(code, text);
  }
  void OnConnectionNotTaken(size_t lane, LocalConnection connection) override {
    forward_.OnConnectionNotTaken(lane, connection);
  }
  void OnConnectionOver(size_t lane) override { forward_.OnConnectionOver(lane); }

  RelayAccess& relay_;
  LaneLoops& loops_;
  std::unique_ptr<SessionLanes> lanes_;  // Its set outlives the forward's connections.
  Forward forward_;
  bool ready_ = false;
  bool over_ = false;
  LinkEnd end_;
};

class ForwardRun final : private engine::SignalSource::Events {
 public:
  ForwardRun(RelayAccess& relay, engine::SignalSource& signals)
      : relay_(relay), signals_(signals), loops_(relay.driver(), relay.worker_options()) {}

  int Run(const ForwardOptions& options, std::vector<ForwardSpec> specs) {
    signals_.Start(relay_.driver().loop(), *this);
    const absl::Status status = Connect(options, std::move(specs));
    if (!status.ok()) {
      Say(TextOf(status));
    } else {
      running_ = true;
      relay_.RunUntil([this] { return signal_ != 0 || FirstOver() != nullptr; }, "");
      const LinkedForward* over = FirstOver();
      if (signal_ == 0 && over != nullptr) Say(over->EndText());
    }
    Shut();
    if (signal_ == SIGTERM) return 0;
    return signal_ != 0 ? 128 + signal_ : kOwnFailure;
  }

 private:
  absl::Status Connect(const ForwardOptions& options, std::vector<ForwardSpec> specs) {
    const size_t count = specs.size();
    // A port that is taken should not cost a session that the audit record then shows.
    for (ForwardSpec& spec : specs) {
      forwards_.push_back(
          std::make_unique<LinkedForward>(relay_, loops_, std::move(spec), ConnectionsMax(count)));
      if (absl::Status status = forwards_.back()->Listen(); !status.ok()) return status;
    }
    for (const auto& forward : forwards_) {
      absl::Status status = forward->StartSession(options, count, reserve_);
      if (!status.ok()) return status;
    }
    relay_.RunUntil(
        [this] {
          return FirstOver() != nullptr ||
                 std::ranges::all_of(forwards_, [](const auto& f) { return f->ready(); });
        },
        "connecting to " + Printable(options.node) + " ...");
    relay_.LetGo();
    return absl::OkStatus();
  }

  const LinkedForward* FirstOver() const {
    for (const auto& forward : forwards_) {
      if (forward->over()) return forward.get();
    }
    return nullptr;
  }

  void OnSignal(int number) override {
    // Nothing runs yet, or we were too slow.
    if (!running_ || signal_ != 0) engine::DieBySignal(number);
    signal_ = number;
  }

  void Shut() {
    for (const auto& forward : forwards_) forward->Stop();
    const auto joined = [this] {
      return std::ranges::all_of(forwards_, [](const auto& f) { return f->joined(); });
    };
    if (!relay_.RunFor(kGoodbyeMax, joined)) {
      for (const auto& forward : forwards_) forward->Abort();
      relay_.RunUntil(joined, "");
    }
    signals_.Stop();
    relay_.RunUntil([this] { return signals_.joined(); }, "");
  }

  RelayAccess& relay_;
  engine::SignalSource& signals_;
  engine::WindowReserve reserve_{kWindowsReserve, kWindowsReserveParts};
  LaneLoops loops_;
  std::vector<std::unique_ptr<LinkedForward>> forwards_;
  bool running_ = false;
  int signal_ = 0;
};

}  // namespace

int RunForward(const CommonFlags& flags, const Environment& environment,
               const ForwardOptions& options) {
  std::vector<ForwardSpec> specs(options.forwards.size());
  if (specs.size() > kForwardsMax) {
    Say("one command takes at most " + std::to_string(kForwardsMax) +
        " forwards; start a second one for the rest");
    return kOwnFailure;
  }
  for (size_t i = 0; i < specs.size(); ++i) {
    std::string error;
    if (!ParseForwardSpec(options.forwards[i], specs[i], error)) {
      Say(error + "\nthe form is [BIND:]LOCAL:[HOST:]PORT");
      return kOwnFailure;
    }
  }
  if (const std::string error = NamedTwiceText(specs); !error.empty()) {
    Say(error);
    return kOwnFailure;
  }
  engine::SignalSource signals({SIGINT, SIGTERM, SIGHUP});
  const absl::StatusOr<std::unique_ptr<RelayAccess>> relay = RelayAccess::Open(flags, environment);
  if (!relay.ok()) {
    Say(TextOf(relay.status()));
    return kOwnFailure;
  }
  return ForwardRun(**relay, signals).Run(options, std::move(specs));
}

}  // namespace client
