#include "client/plugin/user_choice.h"

#include <utility>

#include "absl/status/status.h"
#include "client/plugin/basic_port_user.h"
#include "client/plugin/mux_port_user.h"
#include "client/plugin/shell_user.h"
#include "client/plugin/stdio_user.h"
#include "client/say.h"
#include "engine/datachannel/agent_version.h"
#include "engine/loop/address.h"
#include "engine/wire/host_port.h"

namespace client {
namespace {

using engine::datachannel::PortProperties;

constexpr char kUnixSocket[] = "unix";
constexpr char kAnyAddress[] = "*";

bool IsFreePort(const std::string& text) { return text.empty() || text == "0"; }

template <class User>
absl::StatusOr<std::unique_ptr<SessionUser>> Listening(engine::Loop& loop, ChannelSession& session,
                                                       const UserContext& options,
                                                       const ForwardSpec& spec,
                                                       SessionUser::Events& events) {
  auto user = std::make_unique<User>(loop, session, options.session_id, events);
  if (absl::Status status = user->Listen(spec); !status.ok()) return status;
  return user;
}

}  // namespace

absl::StatusOr<ForwardSpec> LocalEndOf(const PortProperties& properties, const std::string& bind) {
  ForwardSpec spec;
  engine::Address address;
  if (properties.local_connection_type == kUnixSocket) {
    if (!engine::Address::FromPath(properties.local_unix_socket, address)) {
      return absl::InvalidArgumentError("localUnixSocket is no path that a socket can have");
    }
    spec.socket_path = properties.local_unix_socket;
    return spec;
  }
  if (!IsFreePort(properties.local_port_number)) {
    const auto port = engine::ParsePort(properties.local_port_number);
    if (!port.has_value()) return absl::InvalidArgumentError("localPortNumber is no port");
    spec.local_port = *port;
  }
  if (!bind.empty() && bind != kAnyAddress && !engine::Address::Parse(bind, 0, address)) {
    return absl::InvalidArgumentError("ADIT_PLUGIN_BIND is no address of this machine, nor *");
  }
  spec.bind = bind;
  return spec;
}

absl::StatusOr<std::unique_ptr<SessionUser>> MakeUser(const SessionKind& kind, engine::Loop& loop,
                                                      ChannelSession& session,
                                                      const UserContext& options,
                                                      SessionUser::Events& events) {
  if (kind.type != engine::datachannel::kSessionPort) {
    const bool is_pipe = kind.type == engine::datachannel::kSessionNonInteractive;
    return std::make_unique<ShellUser>(
        loop, session, options.in, options.out, options.terminal,
        is_pipe ? ShellUser::FarSide::kPipe : ShellUser::FarSide::kTerminal, events);
  }
  const PortProperties properties = kind.properties.value_or(PortProperties());
  if (properties.type != engine::datachannel::kLocalPortForwarding) {
    return std::make_unique<StdioUser>(loop, session, options.in, options.out, events);
  }
  absl::StatusOr<ForwardSpec> spec = LocalEndOf(properties, options.bind);
  if (!spec.ok()) return spec.status();
  if (spec->local_port == 0) spec->local_port = options.local_port;
  return engine::datachannel::MultiplexesPorts(kind.agent_version)
             ? Listening<MuxPortUser>(loop, session, options, *spec, events)
             : Listening<BasicPortUser>(loop, session, options, *spec, events);
}

}  // namespace client
