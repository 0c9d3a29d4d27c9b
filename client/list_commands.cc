#include "client/list_commands.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "client/command_output.h"
#include "client/relay_access.h"
#include "client/say.h"
#include "client/table.h"
#include "engine/http/amz_date.h"

namespace client {
namespace {

using Json = nlohmann::ordered_json;

Json TimeOrNull(int64_t seconds) { return seconds == 0 ? Json() : Json(engine::IsoDate(seconds)); }

std::string TimeText(int64_t seconds) { return seconds == 0 ? "" : engine::IsoDate(seconds); }

// ShortOwner is the name at the end of an ARN: "user/alice" of "arn:aws:iam::1:user/alice".
std::string ShortOwner(const std::string& arn) { return arn.substr(arn.rfind(':') + 1); }

std::string NodesText(std::vector<NodeInfo> nodes, OutputFormat format) {
  std::ranges::sort(nodes, {}, [](const NodeInfo& node) { return std::pair(node.name, node.id); });
  std::string lines;
  Table table({"NAME", "ID", "STATE", "LAST SEEN", "PLATFORM", "AGENT"});
  const int64_t now = UnixNow();
  for (const NodeInfo& node : nodes) {
    if (format == OutputFormat::kJson) {
      lines += JsonLine({{"id", node.id},
                         {"name", node.name},
                         {"online", node.online},
                         {"last_seen", TimeOrNull(node.last_seen)},
                         {"platform", node.platform},
                         {"agent_version", node.agent_version}});
    } else {
      table.AddRow({node.name, node.id, node.online ? "online" : "offline",
                    node.last_seen == 0 ? "never" : AgoText(node.last_seen, now) + " ago",
                    node.platform, node.agent_version});
    }
  }
  return format == OutputFormat::kJson ? lines : table.ToText();
}

std::string SessionsText(const std::vector<SessionInfo>& sessions,
                         const std::map<std::string, std::string>& names, OutputFormat format) {
  std::string lines;
  Table table({"SESSION", "NODE", "STATE", "CARRIAGE", "OWNER", "STARTED", "ENDED", "DOCUMENT"});
  for (const SessionInfo& session : sessions) {
    const auto name = names.find(session.node_id);
    const std::string label = name == names.end() ? session.node_id : name->second;
    if (format == OutputFormat::kJson) {
      lines += JsonLine({{"id", session.id},
                         {"node_id", session.node_id},
                         {"node_name", name == names.end() ? Json() : Json(label)},
                         {"status", session.status},
                         {"carriage", session.carriage.empty() ? Json() : Json(session.carriage)},
                         {"owner", session.owner},
                         {"document", session.document},
                         {"reason", session.reason},
                         {"started", TimeOrNull(session.started)},
                         {"ended", TimeOrNull(session.ended)}});
    } else {
      table.AddRow({session.id, label, session.status, session.carriage, ShortOwner(session.owner),
                    TimeText(session.started), TimeText(session.ended), session.document});
    }
  }
  return format == OutputFormat::kJson ? lines : table.ToText();
}

// FullSessionId completes the beginning of an open session's id; anything else is left as it is,
// for the relay to judge.
absl::StatusOr<std::string> FullSessionId(ApiClient& api, const std::string& wanted) {
  const auto sessions = api.ListSessions(ApiClient::Which::kActive);
  if (!sessions.ok()) return sessions.status();
  std::vector<std::string> found;
  for (const SessionInfo& session : *sessions) {
    if (session.id == wanted) return wanted;
    // An empty word, as an unset variable of a script gives, is the beginning of nothing.
    if (!wanted.empty() && session.id.starts_with(wanted)) found.push_back(session.id);
  }
  if (found.size() == 1) return found.front();
  std::string text;
  if (found.empty()) {
    return absl::NotFoundError("no open session '" + Printable(wanted) +
                               "'; `adit sessions` lists those you may see");
  }
  for (const std::string& id : found) text += "\n  " + Printable(id);
  return absl::InvalidArgumentError("'" + Printable(wanted) +
                                    "' may be any of these sessions; use more letters:" + text);
}

}  // namespace

int RunNodes(const CommonFlags& flags, const Environment& environment,
             const NodesOptions& options) {
  const auto relay = RelayAccess::Open(flags, environment);
  if (!relay.ok()) return Fail(relay.status());
  const auto nodes = (*relay)->api().ListNodes();
  if (!nodes.ok()) return Fail(nodes.status());
  if (nodes->empty() && options.format == OutputFormat::kTable) {
    Say("no node is enrolled yet, or none that you may see");
    return 0;
  }
  return Print(NodesText(*nodes, options.format));
}

int RunSessions(const CommonFlags& flags, const Environment& environment,
                const SessionsOptions& options) {
  const auto relay = RelayAccess::Open(flags, environment);
  if (!relay.ok()) return Fail(relay.status());
  const auto sessions = (*relay)->api().ListSessions(options.history ? ApiClient::Which::kEnded
                                                                     : ApiClient::Which::kActive);
  if (!sessions.ok()) return Fail(sessions.status());
  if (sessions->empty() && options.format == OutputFormat::kTable) {
    Say(options.history ? "no session has ended yet" : "no session is open");
    return 0;
  }
  // Names are a courtesy: who may list sessions but not nodes sees ids.
  std::map<std::string, std::string> names;
  if (const auto nodes = (*relay)->api().ListNodes(); nodes.ok()) {
    for (const NodeInfo& node : *nodes) names[node.id] = node.Label();
  }
  return Print(SessionsText(*sessions, names, options.format));
}

int RunTerminate(const CommonFlags& flags, const Environment& environment,
                 const TerminateOptions& options) {
  const auto relay = RelayAccess::Open(flags, environment);
  if (!relay.ok()) return Fail(relay.status());
  const auto id = FullSessionId((*relay)->api(), options.session);
  if (!id.ok()) return Fail(id.status());
  const absl::Status status = (*relay)->api().TerminateSession(*id);
  if (!status.ok()) return Fail(status);
  Say("session " + Printable(*id) + " is ended");
  return 0;
}

}  // namespace client
