// What a session allows to be opened, and how an open request is held against it. Whoever sees the
// frames asks: the relay in inspected sessions, the node in sealed ones.

#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "engine/wire/control.h"
#include "engine/wire/frame.h"

namespace engine {

enum class SessionKind : uint8_t { kShell, kExec, kTcp };

// SessionPlan is the grant: the only streams that a session may open.
struct SessionPlan {
  SessionKind kind = SessionKind::kShell;
  std::string command;         // kExec: one line, as JoinCommand writes it.
  bool with_terminal = false;  // kExec: on a terminal.
  bool with_shell = false;     // kExec: who opens `granted` runs it by a shell.
  std::string profile;         // kShell: what is typed into the shell when it has started.
  std::string host;            // kTcp: as the node resolves it.
  uint16_t port = 0;           // kTcp
  // Not empty: its streams are encrypted between client and node, with a data key of that key.
  std::string key_id;
  // kTcp: also to link-local addresses, where clouds keep what their machines may know only.
  bool may_be_link_local = false;
};

// PlanOf returns what a relay's offer allows. Requires: Decode returned it.
SessionPlan PlanOf(const SessionOffer& offer);

// Describe says in a few words what the plan is: "shell", "exec uname -a", "tcp db:5432".
std::string Describe(const SessionPlan& plan);

// IdleText and kDurationText say to people why a session was ended that reached a limit, the same
// at whatever side ends it.
std::string IdleText(int64_t seconds_max);
inline constexpr std::string_view kDurationText = "The session reached its maximum duration.";

// What the agent and the relay say with kShuttingDown. What a relay says may go on behind it. A
// client tells by the text who of the two it is.
inline constexpr std::string_view kAgentStoppedText = "the agent on this node stopped";
inline constexpr std::string_view kRelayStoppingText = "the relay is stopping";

// AllowsOnlyText says that a session of that plan does not allow what was to be opened.
// AllowedPortIn returns HOST:PORT when `text` is one of a session that allows a port; else nothing.
std::string AllowsOnlyText(const SessionPlan& plan);
std::string_view AllowedPortIn(std::string_view text);

// SessionNames are put over those of an open request: a client's own say nothing.
struct SessionNames {
  std::string session_id;
  std::string principal;
  std::string run_as;  // Empty: as the agent is configured.
  StreamLimits limits = {};
};

// CheckedOpen is an open request held against a plan.
struct CheckedOpen {
  CloseCode code = CloseCode::kNormal;  // Else: reject with it ...
  std::string text;                     // ... and say why.
  OpenRequest request;                  // What was asked for, under the names given.
};

// CheckOpen allows what the plan says and nothing else: a shell in a shell session, exactly the
// command, exactly the host and port; a GrantedRequest becomes the shell or command of the plan.
// `request` is foreign bytes.
CheckedOpen CheckOpen(const SessionPlan& plan, const SessionNames& names, std::string_view request);

}  // namespace engine
