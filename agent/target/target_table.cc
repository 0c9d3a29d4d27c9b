#include "agent/target/target_table.h"

#include <utility>

#include "absl/status/status.h"
#include "agent/process/command_plan.h"
#include "agent/process/program_host.h"
#include "agent/target/encrypted_target.h"
#include "agent/target/process_target.h"
#include "agent/target/tcp_target.h"
#include "engine/base/check.h"
#include "engine/base/log.h"
#include "engine/wire/control.h"

namespace agent {
namespace {

void LogOpen(std::string_view kind, const std::string& session, const std::string& principal,
             std::string_view what) {
  engine::log::Write(
      engine::log::Level::kInfo, "stream_opened",
      {{"kind", kind}, {"session", session}, {"principal", principal}, {"target", what}});
}

void RejectUser(StreamHandle& stream, const std::string& session, const absl::Status& status) {
  const std::string_view text(status.message().data(), status.message().size());
  engine::log::Write(engine::log::Level::kWarning, "user_refused",
                     {{"session", session}, {"reason", text}});
  stream.Reject(absl::IsPermissionDenied(status) ? engine::CloseCode::kDenied
                                                 : engine::CloseCode::kCannotStart,
                text);
}

}  // namespace

TargetTable::TargetTable(const TargetContext& context, std::shared_ptr<TargetQuota> quota)
    : context_(context), quota_(std::move(quota)) {
  targets_.reserve(TargetQuota::kTargetsMax);
}

TargetTable::~TargetTable() { CHECK(targets_.empty()); }

void TargetTable::Open(engine::Multiplexer& multiplexer, engine::StreamId id,
                       engine::ByteView request, SessionLimits& limits) {
  engine::OpenRequest decoded;
  if (engine::DecodeOpen(engine::AsText(request), decoded)) {
    std::unique_ptr<StreamMeter> meter = limits.Watch(id, decoded);
    return Start(StreamHandle(multiplexer, id, std::move(meter)), std::move(decoded));
  }
  multiplexer.Reject(id, engine::CloseCode::kUnsupported,
                     "the agent on the node does not know this kind of request; update it");
}

void TargetTable::Open(engine::Multiplexer& multiplexer, engine::StreamId id,
                       engine::OpenRequest request, std::unique_ptr<StreamMeter> meter) {
  Start(StreamHandle(multiplexer, id, std::move(meter)), std::move(request));
}

void TargetTable::Start(StreamHandle stream, engine::OpenRequest request) {
  if (!quota_->Take()) {
    return stream.Reject(engine::CloseCode::kTooMany,
                         "the node runs as many sessions as it may; end one and try again");
  }
  std::unique_ptr<Target> target = Make(std::move(stream), std::move(request));
  if (target == nullptr) return quota_->Return(1);
  targets_.push_back(std::move(target));
  targets_.back()->Start();
}

std::unique_ptr<Target> TargetTable::Make(StreamHandle stream, engine::OpenRequest request) {
  Target::Owner& owner = *this;
  if (auto* tcp = std::get_if<engine::TcpRequest>(&request)) {
    LogOpen("tcp", tcp->session_id, tcp->principal, tcp->host + ":" + std::to_string(tcp->port));
    return std::make_unique<TcpTarget>(context_, owner, std::move(stream), std::move(*tcp));
  }
  if (std::holds_alternative<engine::GrantedRequest>(request)) {
    stream.Reject(engine::CloseCode::kUnsupported,
                  "the relay did not say what the session's document grants; update it");
    return nullptr;
  }
  CHECK(context_.programs != nullptr);
  auto* shell = std::get_if<engine::ShellRequest>(&request);
  auto* exec = std::get_if<engine::ExecRequest>(&request);
  const std::string& session = shell != nullptr ? shell->session_id : exec->session_id;
  const std::string& principal = shell != nullptr ? shell->principal : exec->principal;
  const absl::StatusOr<RunAsUser> user =
      context_.programs->ChooseUser(shell != nullptr ? shell->run_as : exec->run_as);
  if (!user.ok()) {
    RejectUser(stream, session, user.status());
    return nullptr;
  }
  LogOpen(shell != nullptr ? "shell" : "exec", session, principal, user->name);
  SpawnRequest plan = shell != nullptr ? PlanShell(*shell, *user, context_.inherited)
                                       : PlanExec(*exec, *user, context_.inherited);
  const std::optional<engine::StreamKey>& key = shell != nullptr ? shell->key : exec->key;
  if (key.has_value()) return Encrypt(std::move(stream), *key, std::move(plan), session);
  return std::make_unique<ProcessTarget>(context_, owner, std::move(stream), std::move(plan),
                                         session);
}

std::unique_ptr<Target> TargetTable::Encrypt(StreamHandle stream, engine::StreamKey key,
                                             SpawnRequest plan, const std::string& session) {
  if (context_.keys == nullptr) {
    stream.Reject(engine::CloseCode::kUnsupported, "streams of this link are not encrypted");
    return nullptr;
  }
  const bool with_terminal = plan.terminal.has_value();
  Target::Owner& owner = *this;
  return std::make_unique<EncryptedTarget>(
      context_, owner, std::move(stream), std::move(key),
      EncryptedTarget::Program{
          .session_id = session,
          .with_terminal = with_terminal,
          .make = [this, plan = std::move(plan), session](
                      Target::Owner& inner_owner, StreamHandle coated, engine::TerminalSize size) {
            SpawnRequest sized = plan;
            if (sized.terminal.has_value()) sized.terminal = size;
            return std::make_unique<ProcessTarget>(context_, inner_owner, std::move(coated),
                                                   std::move(sized), session);
          }});
}

void TargetTable::EndLink(const engine::Multiplexer& link, engine::CloseCode code,
                          std::string_view text) {
  for (const std::unique_ptr<Target>& target : targets_) {
    if (target->IsOn(link)) target->End(code, text);
  }
}

void TargetTable::EndAll(engine::CloseCode code, std::string_view text) {
  for (const std::unique_ptr<Target>& target : targets_) target->End(code, text);
}

void TargetTable::Sweep() {
  if (over_count_ == 0) return;
  over_count_ = 0;
  quota_->Return(std::erase_if(
      targets_, [](const std::unique_ptr<Target>& target) { return target->over(); }));
}

}  // namespace agent
