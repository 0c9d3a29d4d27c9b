#include "client/relay_access.h"

#include <unistd.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "client/dial_error.h"
#include "client/memory_plan.h"
#include "client/role_session.h"
#include "client/say.h"
#include "client/sealed_text.h"
#include "client/session_start.h"
#include "engine/crypto/certificate.h"
#include "engine/platform/create_loop.h"
#include "engine/platform/turns.h"
#include "engine/wire/protocol_names.h"

namespace client {
namespace {

constexpr engine::Duration kPatience = std::chrono::milliseconds(500);
constexpr engine::Duration kWaitMax = std::chrono::seconds(1);

absl::StatusOr<engine::LoopOptions> LoopOptionsOf(const CommonFlags& flags) {
  const auto io = engine::LoopIoFrom(flags.io);
  if (!io.ok()) return io.status();
  return engine::LoopOptions{.io = *io, .block_count = kPoolBlocks, .block_size = kPoolBlockSize};
}

engine::LoopOptions ForWorkers(engine::LoopOptions options) {
  options.is_logged = false;
  return options;
}

absl::StatusOr<std::unique_ptr<engine::TlsContext>> MakeContext(engine::TlsTrust trust) {
  return engine::TlsContext::Client({.trust = std::move(trust),
                                     .identity = std::nullopt,
                                     .protocols = {std::string(engine::kApiProtocol), "http/1.1"},
                                     .clock = {}});
}

}  // namespace

absl::StatusOr<std::unique_ptr<RelayAccess>> RelayAccess::Open(const CommonFlags& flags,
                                                               const Environment& environment) {
  absl::StatusOr<ClientConfig> config = LoadConfig(environment, flags.config);
  if (!config.ok()) return config.status();
  if (config->relay.empty()) {
    return absl::FailedPreconditionError(
        "no relay is known: paste the line that begins with adit-login into `adit login`, or set "
        "ADIT_RELAY to HOST:PORT");
  }
  absl::StatusOr<engine::HostPort> relay = engine::ParseHostPort(config->relay, kRelayPort);
  if (!relay.ok()) return relay.status();
  absl::StatusOr<Credentials> credentials = FindCredentials(environment, flags.profile, *config);
  if (!credentials.ok()) return credentials.status();
  auto context = MakeContext(config->ca_pem.empty() ? engine::TlsTrust::System()
                                                    : engine::TlsTrust::Authority(config->ca_pem));
  if (!context.ok()) {
    return absl::FailedPreconditionError(
        "cannot use the relay's CA (ADIT_CA, --ca, or what `adit login` kept): " +
        std::string(context.status().message()));
  }
  const auto patience = PatienceFrom(environment);
  if (!patience.ok()) return patience.status();
  const auto options = LoopOptionsOf(flags);
  if (!options.ok()) return options.status();
  auto loop = engine::CreateLoop(*options);
  if (!loop.ok()) return loop.status();
  const std::string folder = ConfigFolder(environment);
  std::unique_ptr<RelayAccess> access(
      new RelayAccess(*std::move(loop), ForWorkers(*options), *std::move(context),
                      *std::move(relay), config->ca_pem, *std::move(credentials), folder));
  access->patience_max_ = *patience;
  const RoleSession role(folder, access->name(), AskTerminalForCode);
  if (absl::Status status = role.Enter(access->api(), UnixNow()); !status.ok()) return status;
  return access;
}

absl::StatusOr<std::unique_ptr<RelayAccess>> RelayAccess::OpenWith(const CommonFlags& flags,
                                                                   const Environment& environment,
                                                                   engine::HostPort relay,
                                                                   engine::TlsTrust trust,
                                                                   Credentials credentials) {
  auto context = MakeContext(std::move(trust));
  if (!context.ok()) return context.status();
  const auto options = LoopOptionsOf(flags);
  if (!options.ok()) return options.status();
  auto loop = engine::CreateLoop(*options);
  if (!loop.ok()) return loop.status();
  return std::unique_ptr<RelayAccess>(
      new RelayAccess(*std::move(loop), ForWorkers(*options), *std::move(context), std::move(relay),
                      "", std::move(credentials), ConfigFolder(environment)));
}

RelayAccess::RelayAccess(std::unique_ptr<engine::Loop> loop,
                         const engine::LoopOptions& worker_options,
                         std::unique_ptr<engine::TlsContext> context, engine::HostPort relay,
                         std::string ca_pem, Credentials credentials, std::string config_folder)
    : worker_options_(worker_options),
      driver_(std::move(loop)),
      context_(std::move(context)),
      relay_(std::move(relay)),
      ca_pem_(std::move(ca_pem)),
      calls_(driver_, *context_, relay_),
      api_([this](engine::HttpRequest request) { return Send(std::move(request)); },
           engine::FormatHostPort(relay_), std::move(credentials), UnixNow),
      lanes_(calls_, api_,
             [this](engine::CallResult result) { return ToResponse(std::move(result)); }),
      known_nodes_(std::move(config_folder)) {
  engine::TakeShortTurns();
}

RelayAccess::~RelayAccess() {
  calls_.Close();
  RunUntil([this] { return calls_.joined(); }, "");
}

absl::StatusOr<engine::HttpResponse> RelayAccess::Send(engine::HttpRequest request) {
  std::optional<engine::CallResult> result;
  calls_.Call(std::move(request), [&](engine::CallResult outcome) { result = std::move(outcome); });
  RunUntil([&] { return result.has_value(); },
           "asking the relay " + engine::FormatHostPort(relay_) + " ...");
  return ToResponse(*std::move(result));
}

absl::StatusOr<engine::HttpResponse> RelayAccess::ToResponse(engine::CallResult result) {
  using Kind = engine::CallResult::Kind;
  switch (result.kind) {
    case Kind::kResponse:
      anchor_pem_ = result.anchor_pem;
      return std::move(result.response);
    case Kind::kTls:
      return absl::UnavailableError(DialErrorText(DialFailure::kHandshake, result.text, relay_));
    case Kind::kUnreachable:
      return absl::UnavailableError(DialErrorText(DialFailure::kUnreachable, result.text, relay_));
    case Kind::kBadAnswer:
      break;
  }
  return absl::UnavailableError(DialErrorText(DialFailure::kEnded, result.text, relay_));
}

absl::StatusOr<engine::CaDigest> RelayAccess::AuthorityDigest() const {
  const auto certificate = engine::crypto::Certificate::FromPem(ca_pem_);
  if (certificate.ok()) return certificate->fingerprint();
  return absl::FailedPreconditionError(
      "the line would have to name the relay's authority, and there is none of its own here; name "
      "its certificate with --ca FILE, or log in with `adit login`");
}

absl::StatusOr<NodeInfo> RelayAccess::FindNode(std::string_view wanted) {
  if (!wanted.empty()) {  // Most are named in full: one call, however many there are.
    const absl::StatusOr<std::vector<NodeInfo>> named = api_.FindNodes(wanted);
    if (named.ok() && !named->empty()) return ChooseNode(*named, wanted);
    const bool is_older = ApiCodeOf(named.status()) == "InvalidFilterKey";
    if (!named.ok() && !is_older) return named.status();
  }
  const absl::StatusOr<std::vector<NodeInfo>> nodes = api_.ListNodes();
  if (!nodes.ok()) return nodes.status();
  return ChooseNode(*nodes, wanted);
}

absl::StatusOr<LinkTarget> RelayAccess::StartSession(std::string_view named, SessionWish wish,
                                                     CarriageChoice choice) {
  wish.may_rejoin = patience_max_ > std::chrono::seconds::zero();
  SessionStart start(api_, known_nodes_, Say, UnixNow());
  absl::StatusOr<SecuredSession> session =
      named.empty() ? absl::NotFoundError("") : start.RunNamed(named, wish, choice);
  if (named.empty() || SessionStart::NeedsNode(session.status(), named)) {
    const absl::StatusOr<NodeInfo> node = FindNode(named);
    if (SessionStart::IsDenied(session.status()) && !node.ok() &&
        !absl::IsNotFound(node.status()) && !absl::IsInvalidArgument(node.status())) {
      return session.status();
    }
    if (!node.ok()) return node.status();
    const bool was_asked = named == node->id || named == node->name;
    if (!node->online && was_asked) return absl::UnavailableError(OfflineText(*node, UnixNow()));
    session = start.Run({.id = node->id,
                         .name = node->name,
                         .named_by_id = named == node->id,
                         .typed = std::string(named)},
                        std::move(wish), choice);
    if (absl::IsUnavailable(session.status()) && !node->online) {
      return absl::UnavailableError(OfflineText(*node, UnixNow()));
    }
  }
  if (!session.ok()) return session.status();
  const KnownNodes::Node& node = session->node;
  const bool can_rejoin = !session->rejoin_key.empty();
  if (can_rejoin) driver_.network().Start();
  if (can_rejoin) lanes_.KeepKey(session->id, session->rejoin_key);
  const Patience patience =
      can_rejoin ? Patience(patience_max_, session->duration_max, driver_.loop().Now())
                 : Patience();
  return LinkTarget{.relay = relay_,
                    .ca_pem = ca_pem_,
                    .node_label = node.name.empty() ? node.id : node.name,
                    .session_id = std::move(session->id),
                    .ticket = std::move(session->ticket),
                    .node_context = std::move(session->node_context),
                    .lane_secret = session->lane_secret,
                    .wrapped = false,
                    .calls = &calls_,
                    .patience = patience,
                    .clock = {},
                    .options = {}};
}

std::string RelayAccess::EndText(const std::string& session_id, std::string_view node_label,
                                 const LinkEnd& end) {
  if (!end.unexplained) return end.text;
  const std::string reason = AskWhyEnded(session_id, kExplainMax);
  return reason.empty() ? end.text : CutText(node_label, reason);
}

std::string RelayAccess::AskWhyEnded(const std::string& session_id, engine::Duration limit) {
  constexpr engine::Duration kAgain = std::chrono::milliseconds(200);
  const engine::Instant give_up = driver_.loop().Now() + limit;
  // The relay cuts first and writes down after that, so the answer may take a moment to be there.
  while (true) {
    std::optional<engine::CallResult> result;
    const uint64_t call =
        calls_.Call(api_.FindEndedRequest(session_id),
                    [&](engine::CallResult outcome) { result = std::move(outcome); });
    const auto done = [&] { return result.has_value(); };
    if (!RunFor(give_up - driver_.loop().Now(), done)) {
      calls_.Cancel(call);
      RunUntil(done, "");
    }
    const auto response = ToResponse(*std::move(result));
    if (!response.ok()) return {};
    const auto session = api_.ReadFindEnded(*response);
    if (!session.ok()) return {};
    if (session->has_value()) return (*session)->details;
    if (RunFor(kAgain, [&] { return driver_.loop().Now() >= give_up; })) return {};
  }
}

void RelayAccess::RunUntil(const std::function<bool()>& done, std::string_view what) {
  bool told = what.empty() || ::isatty(STDERR_FILENO) == 0;
  const engine::Instant begin = driver_.loop().Now();
  while (!done()) {
    driver_.RunOnce(told ? kWaitMax : kPatience);
    if (!told && !done() && driver_.loop().Now() - begin >= kPatience) {
      told = true;
      Say(Printable(what));
    }
  }
}

bool RelayAccess::RunFor(engine::Duration limit, const std::function<bool()>& done) {
  const engine::Instant end = driver_.loop().Now() + limit;
  while (!done()) {
    const engine::Instant now = driver_.loop().Now();
    if (now >= end) return false;
    driver_.RunOnce(end - now);
  }
  return true;
}

}  // namespace client
