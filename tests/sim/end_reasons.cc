#include "tests/sim/end_reasons.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string_view>

#include "engine/base/check.h"
#include "engine/wire/frame.h"
#include "engine/wire/session_plan.h"

namespace sim {
namespace {

// What a session may end by, beyond its client's wish, with streams that are not over.
constexpr uint32_t kCutOff = EndReasons::kLost | EndReasons::kAgentStopped |
                             EndReasons::kAgentKilled | EndReasons::kWithdrawn |
                             EndReasons::kLeftInMidst;

constexpr std::string_view kMadeRoom =
    "its client had been away for the longest time, and the node needed the room";

struct KnownReason {
  std::string_view begin;
  uint32_t causes;  // One of them must have been.
};
constexpr std::array<KnownReason, 13> kKnown = {{
    {"the client ended the session", EndReasons::kLeft | EndReasons::kNotBegun},
    {"the connection to the client was lost, and no other one came",
     EndReasons::kLost | EndReasons::kNotBegun},
    {"nothing was sent or received for", EndReasons::kLost | EndReasons::kNotBegun},
    {kMadeRoom, EndReasons::kLost},
    {"the agent on the node has no such session any more",
     EndReasons::kAgentStopped | EndReasons::kAgentKilled},
    {engine::kAgentStoppedText, EndReasons::kAgentStopped},
    {"The permission for this session has ended: ", EndReasons::kWithdrawn},
    {"The relay was restarted.", EndReasons::kRelayEnded},
    {"The relay could not start it.", EndReasons::kNotBegun},
    {"mi-0123456789abcdef0 lost its connection for the session.", EndReasons::kNotBegun},
    {"The agent of mi-0123456789abcdef0 did not answer in time.", EndReasons::kNotBegun},
    {"The client did not connect in time.", EndReasons::kNotBegun},
    {"Client and node did not get through to each other.", EndReasons::kNotBegun},
}};

}  // namespace

void EndReasons::NodeSaid(const engine::ControlMessage& message) {
  if (const auto* over = std::get_if<engine::SessionOver>(&message)) {
    said_.try_emplace(over->session_id, Said{over->reason, of_all_});
  } else if (const auto* news = std::get_if<engine::StreamNews>(&message)) {
    if (!news->is_closed) return;
    closed_.push_back({*news, of_all_ | OwnCauses(news->session_id)});
  }
}

uint32_t EndReasons::OwnCauses(const std::string& session_id) const {
  const auto found = of_session_.find(session_id);
  const uint32_t own = found == of_session_.end() ? 0 : found->second;
  return own | (numbers_.contains(session_id) ? 0 : uint32_t{kNotBegun});
}

std::string EndReasons::Against(const std::string& session_id, const Said& said) const {
  const std::string& reason = said.reason;
  if (reason.empty()) return "no reason";
  const auto known = std::ranges::find_if(
      kKnown, [&](const KnownReason& one) { return reason.starts_with(one.begin); });
  if (known == kKnown.end()) return "a reason that nobody knows: " + reason;
  const uint32_t causes = said.of_all | OwnCauses(session_id);
  if ((known->causes & causes) != 0) return {};
  return "a reason that does not fit " + std::to_string(causes) + ": " + reason;
}

void EndReasons::Wanted(const FlowPlan& flow) {
  carried_.emplace(flow.session, FlowPlan::kSize + flow.up_bytes, flow.down_bytes);
}

void EndReasons::Check(relay::Store& store, const std::string& records) {
  for (const auto& [id, said] : said_) {
    witness_.Applied(Rule::kNodeEnds);
    if (const std::string wrong = Against(id, said); !wrong.empty()) {
      witness_.Blame("the node ended session " + id + " for " + wrong);
    }
  }
  for (const Closed& closed : closed_) CheckStream(closed);
  CheckRecords(store, records);
}

void EndReasons::CheckStream(const Closed& closed) {
  witness_.Applied(Rule::kStreamEnds);
  const engine::StreamNews& news = closed.news;
  const std::string where = "a stream of session " + news.session_id;
  if (news.outcome == engine::CloseCodeName(engine::CloseCode::kNormal)) {
    const auto number = numbers_.find(news.session_id);
    const bool is_known =
        number != numbers_.end() &&
        carried_.contains({number->second, news.to_node_bytes, news.from_node_bytes});
    if (!is_known) witness_.Blame(where + " ended in order, with bytes that nobody sent");
    return;
  }
  using engine::CloseCode;
  constexpr std::array kCutCodes = {CloseCode::kConnectionReset, CloseCode::kSessionEnded,
                                    CloseCode::kShuttingDown, CloseCode::kNodeGone};
  const bool is_cut = std::ranges::any_of(
      kCutCodes, [&](CloseCode code) { return news.outcome == engine::CloseCodeName(code); });
  if (is_cut && (closed.causes & kCutOff) != 0) return;
  // Its session made room for another one, and the node says so of the session, too.
  const auto said = said_.find(news.session_id);
  const bool made_room = said != said_.end() && said->second.reason == kMadeRoom;
  const bool is_too_many = news.outcome == engine::CloseCodeName(CloseCode::kTooMany);
  if (made_room && is_too_many && (closed.causes & kLost) != 0) return;
  witness_.Blame(where + " ended by '" + news.outcome + "', which does not fit " +
                 std::to_string(closed.causes));
}

void EndReasons::CheckRecords(relay::Store& store, const std::string& records) {
  std::map<std::string, std::string> recorded;
  std::istringstream lines(records);
  for (std::string line; std::getline(lines, line);) {
    const nlohmann::json record = nlohmann::json::parse(line, nullptr, false);
    if (!record.is_object() || record.value("eventName", "") != "SessionEnded") continue;
    const nlohmann::json& additional = record["additionalEventData"];
    const std::string session = additional.value("sessionId", "");
    if (!recorded.try_emplace(session, additional.value("reason", "")).second) {
      witness_.Blame("the end of session " + session + " is recorded twice");
    }
  }
  constexpr size_t kSessionsMax = 1'000;
  const auto sessions = store.ListSessions({.over = true, .count_max = kSessionsMax});
  CHECK(sessions.ok());
  if (sessions->size() == kSessionsMax)
    witness_.Blame("there are more sessions than were looked at");
  for (const relay::Session& session : *sessions) {
    witness_.Applied(Rule::kEndRecorded);
    if (const std::string wrong = Against(session.id, {session.details, of_all_}); !wrong.empty()) {
      witness_.Blame("the store ended session " + session.id + " for " + wrong);
    }
    const auto record = recorded.find(session.id);
    if (record == recorded.end()) {
      witness_.Blame("session " + session.id + " ended without a record");
    } else if (record->second != session.details) {
      witness_.Blame("the record of session " + session.id + " says '" + record->second +
                     "', and the store '" + session.details + "'");
    }
  }
}

}  // namespace sim
