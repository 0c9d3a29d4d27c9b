#include "client/proxy_command.h"

#include <fcntl.h>
#include <unistd.h>

#include <memory>
#include <string>
#include <utility>

#include "client/exit_code.h"
#include "client/memory_plan.h"
#include "client/proxy_stream.h"
#include "client/relay_access.h"
#include "client/say.h"
#include "client/session_end.h"
#include "client/session_link.h"
#include "client/target_wish.h"
#include "engine/platform/signal_source.h"
#include "engine/wire/control.h"
#include "engine/wire/host_port.h"

namespace client {
namespace {

// How long the other side may take to hear that we leave.
constexpr engine::Duration kGoodbyeMax = std::chrono::milliseconds(500);

// ParseTarget reads [HOST:]PORT; without HOST it is the node itself.
absl::StatusOr<engine::HostPort> ParseTarget(const std::string& text) {
  if (const auto port = engine::ParsePort(text)) return engine::HostPort{"localhost", *port};
  absl::StatusOr<engine::HostPort> target = engine::ParseHostPort(text);
  if (target.ok()) return target;
  const bool is_port = text.find_first_of(":[") == std::string::npos;
  return absl::InvalidArgumentError(
      "target '" + Printable(text) + "' is not [HOST:]PORT, such as 22 or db.internal:5432: " +
      (is_port ? "the port is a number from 1 to 65535" : TextOf(target.status())));
}

// ProxyRun joins link, stream and signals.
class ProxyRun final : private SessionLink::Events,
                       private ProxyStream::Events,
                       private engine::SignalSource::Events {
 public:
  ProxyRun(RelayAccess& relay, engine::SignalSource& signals, engine::HostPort target)
      : relay_(relay), signals_(signals), target_(std::move(target)) {}

  int Run(const ProxyOptions& options) {
    signals_.Start(relay_.driver().loop(), *this);
    const absl::Status status = Connect(options);
    if (!status.ok()) {
      Fail(TextOf(status));
    } else {
      relay_.RunUntil([this] { return ended_ || signal_ != 0; }, "");
    }
    // The link's own reason is the cause of what its stream was told.
    if (from_link_ && !link_end_.text.empty()) {
      failure_ = relay_.EndText(session_, node_, link_end_);
    }
    if (signal_ == 0 && !failure_.empty()) Say(failure_);
    Shut();
    return signal_ != 0 ? 128 + signal_ : exit_code_;
  }

 private:
  absl::Status Connect(const ProxyOptions& options) {
    absl::StatusOr<LinkTarget> target =
        relay_.StartSession(options.node, TargetWish(target_, options.reason), options.carriage);
    if (!target.ok()) return target.status();
    node_ = target->node_label;
    target->options = ProcessLinkOptions();
    session_ = target->session_id;
    link_ = std::make_unique<SessionLink>(relay_.driver(), *std::move(target), relay_.lanes(),
                                          static_cast<SessionLink::Events&>(*this));
    link_->Dial();
    relay_.LetGo();
    connecting_ = true;
    relay_.RunUntil([this] { return stream_ != nullptr || ended_ || signal_ != 0; },
                    "connecting to " + Printable(node_) + " ...");
    return absl::OkStatus();
  }

  void OnLinkReady(SessionLink&) override {
    engine::Loop& loop = relay_.driver().loop();
    out_ = loop.Adopt(STDOUT_FILENO);
    stream_ = std::make_unique<ProxyStream>(loop, link_->multiplexer(), loop.Adopt(STDIN_FILENO),
                                            out_, static_cast<ProxyStream::Events&>(*this));
    engine::TcpRequest request;
    request.host = target_.host;
    request.port = target_.port;
    const std::string json = engine::EncodeOpen(request);
    if (!stream_->Open(engine::AsBytes(json))) {
      Fail(Printable(node_) + " takes no connection on this link");
    }
  }

  void OnLinkEnded(SessionLink&, const LinkEnd& end) override {
    link_over_ = true;
    link_end_ = end;
    if (stream_ != nullptr) return;  // It heard, and tells what became of its bytes.
    from_link_ = true;
    Fail(end.text);
  }

  // OnOutputFinished gives our reader its end, while our own input may still go on. A socket may be
  // our standard input, too; what else there is ends when nobody holds it open.
  void OnOutputFinished() override {
    engine::Loop& loop = relay_.driver().loop();
    if (out_.kind == engine::SocketKind::kSocket) loop.Shutdown(out_, engine::ShutdownSide::kSend);
    loop.Release(out_);
    const int nothing = ::open("/dev/null", O_WRONLY | O_CLOEXEC);
    if (nothing < 0) {
      ::close(STDOUT_FILENO);
      return;
    }
    ::dup2(nothing, STDOUT_FILENO);  // Its number stays taken.
    ::close(nothing);
  }

  void OnProxyEnded(const ProxyEnd& end) override {
    ended_ = true;
    switch (end.kind) {
      case ProxyEnd::Kind::kOrderly:
        exit_code_ = 0;
        return;
      case ProxyEnd::Kind::kRefused:
      case ProxyEnd::Kind::kReset:
        from_link_ = true;
        failure_ = end.code == engine::CloseCode::kConnectionReset
                       ? TargetText() + " reset the connection"
                       : RefusedText(end.code, end.text, node_, TargetText());
        return;
      case ProxyEnd::Kind::kInputBroken:
        failure_ = "cannot read the standard input";
        return;
      case ProxyEnd::Kind::kOutputClosed:
        exit_code_ = kOutputClosedExit;  // Whoever started us knows that it stopped reading.
        return;
    }
  }

  void OnSignal(int number) override {
    if (!connecting_ || signal_ != 0)
      engine::DieBySignal(number);  // Nothing runs yet, or we were too slow.
    signal_ = number;
  }

  std::string TargetText() const { return engine::FormatHostPort(target_); }

  void Fail(std::string text) {
    failure_ = std::move(text);
    ended_ = true;
  }

  void Shut() {
    if (stream_ != nullptr) stream_->Stop();
    if (link_ != nullptr) link_->Close();
    signals_.Stop();
    const auto joined = [this] {
      return (link_ == nullptr || link_over_) && signals_.joined() &&
             (stream_ == nullptr || stream_->joined());
    };
    if (!relay_.RunFor(kGoodbyeMax, joined)) {
      if (link_ != nullptr) link_->Abort();
      relay_.RunUntil(joined, "");
    }
  }

  RelayAccess& relay_;
  engine::SignalSource& signals_;
  const engine::HostPort target_;
  std::string node_;
  std::string session_;
  engine::Socket out_;
  std::unique_ptr<SessionLink> link_;
  std::unique_ptr<ProxyStream> stream_;
  bool connecting_ = false;
  bool ended_ = false;
  bool from_link_ = false;  // What is to be said may have its cause in the link's end.
  bool link_over_ = false;
  int signal_ = 0;
  int exit_code_ = kOwnFailure;
  std::string failure_;
  LinkEnd link_end_;
};

}  // namespace

int RunProxy(const CommonFlags& flags, const Environment& environment,
             const ProxyOptions& options) {
  absl::StatusOr<engine::HostPort> target = ParseTarget(options.target);
  if (!target.ok()) {
    Say(TextOf(target.status()));
    return kOwnFailure;
  }
  engine::SignalSource signals({SIGINT, SIGTERM, SIGHUP});
  const absl::StatusOr<std::unique_ptr<RelayAccess>> relay = RelayAccess::Open(flags, environment);
  if (!relay.ok()) {
    Say(TextOf(relay.status()));
    return kOwnFailure;
  }
  return ProxyRun(**relay, signals, *std::move(target)).Run(options);
}

}  // namespace client
