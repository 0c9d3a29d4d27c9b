// What time brings to a verbatim session: its deadlines, and its end.

#include <algorithm>
#include <utility>

#include "relay/gateway/channel_closed.h"
#include "relay/gateway/gateway_session.h"
#include "relay/originals/verbatim_session.h"

namespace relay {

using engine::Instant;
using engine::datachannel::TaskComplete;

// ------------------------------------------------------------------------- the end

void VerbatimSession::Complete(const TaskComplete& task, Instant now) {
  now_ = now;
  if (farewell_.begun()) {
    is_agent_over_ = true;
  } else if (!complete_.has_value()) {
    complete_ = task;
    agent_over_by_ = now + kCloseMax;  // The last of its output may still be on its way here.
  }
  owner_.Wake();
}

void VerbatimSession::End(std::string_view reason, Instant now) {
  now_ = now;
  Lose(std::string(reason), reason);
}

void VerbatimSession::Lose(std::string text, std::string_view reason) {
  if (farewell_.begun()) return;
  farewell_.Begin(Farewell::Cause::kFromElsewhere, std::move(text), reason, client_.connected(),
                  client_.crossing().unacknowledged(), now_);
  TellAgentToLeave();
  owner_.Wake();
}

void VerbatimSession::TellAgentToLeave() {
  is_agent_over_ = complete_.has_value();
  agent_over_by_ = now_ + kLeaveMax;
  if (is_agent_over_) return;
  owner_.TellAgent(ChannelClosedMessage(grant_.session_id, grant_.node_id, {}));
}

void VerbatimSession::SayLastWord() {
  is_client_over_ = true;
  client_.SayLast(ChannelClosedMessage(grant_.session_id, grant_.node_id, farewell_.output()));
  listener_.OnOver(farewell_.reason(), to_node_bytes_, to_client_bytes_);
}

void VerbatimSession::EndIfDue() {
  if (farewell_.begun()) {
    if (now_ >= agent_over_by_) is_agent_over_ = true;
    return;
  }
  if (complete_.has_value()) {
    if (agent_.connected() && now_ < agent_over_by_) return;
    is_agent_over_ = true;
    const bool is_success = complete_->status == "Success" || complete_->status.empty();
    // Who ended it does not come back for the rest.
    const auto cause = has_left_ ? Farewell::Cause::kFromElsewhere : Farewell::Cause::kItsOwn;
    return farewell_.Begin(cause, is_success ? std::string() : complete_->output,
                           "The node's agent ended it.", client_.connected(),
                           client_.crossing().unacknowledged(), now_);
  }
  if (now_ >= agent_by_) {
    const std::string_view why = has_begun_ ? "the node's agent lost the session"
                                            : "the node's agent did not begin the session in time";
    return Lose(std::string(why), why);
  }
  if (now_ >= client_by_) return Lose({}, "The client did not come back.");
  if (now_ >= IdleDeadline()) {
    Lose("The session was idle for too long (idleSessionTimeout).",
         "The session was idle for too long.");
  }
}

Instant VerbatimSession::IdleDeadline() const {
  if (grant_.idle_max <= engine::Duration::zero()) return Instant::max();
  return active_at_ + grant_.idle_max;
}

// ---------------------------------------------------------------------- running it

void VerbatimSession::Run(Instant now) {
  now_ = now;
  EndIfDue();
  if (!is_client_over_) client_.Run(now);
  if (!is_agent_over_) agent_.Run(now);
  LetGo();
  if (!farewell_.begun() || is_client_over_) return;
  const size_t left = client_.crossing().unacknowledged();
  farewell_.Drained(left, now);
  if (farewell_.IsDue(left == 0, now)) SayLastWord();
}

Instant VerbatimSession::NextDeadline() const {
  Instant next = Instant::max();
  if (!is_client_over_) next = client_.NextDeadline(now_);
  if (!is_agent_over_) next = std::min({next, agent_.NextDeadline(now_), agent_over_by_});
  if (farewell_.begun()) return is_client_over_ ? next : std::min(next, farewell_.deadline());
  // As in EndIfDue: nothing else ends what the agent has ended.
  if (complete_.has_value()) return next;
  return std::min({next, agent_by_, client_by_, IdleDeadline()});
}

}  // namespace relay
