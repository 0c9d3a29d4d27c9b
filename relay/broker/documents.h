// Session documents: what a name and its parameters allow a session to be.

#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace relay {

enum class SessionKind : uint8_t { kShell, kExec, kTcp };

// SessionPlan is a document with its parameters filled in.
struct SessionPlan {
  SessionKind kind = SessionKind::kShell;
  std::string command;         // kExec: one line, as engine::JoinCommand writes it.
  bool with_terminal = false;  // kExec: on a terminal.
  std::string host;            // kTcp: as the node resolves it.
  uint16_t port = 0;           // kTcp
};

using DocumentParameters = std::map<std::string, std::vector<std::string>, std::less<>>;

inline constexpr std::string_view kShellDocument = "SSM-SessionManagerRunShell";

// ResolveDocument reads a built-in document, by its name or its ARN; an empty name is
// kShellDocument. NotFound: there is no such document. InvalidArgument: a parameter is missing,
// unknown or malformed; the text says which.
absl::StatusOr<SessionPlan> ResolveDocument(std::string_view name,
                                            const DocumentParameters& parameters);

// Describe says in a few words what the plan is: "shell", "exec uname -a", "tcp db:5432".
std::string Describe(const SessionPlan& plan);

}  // namespace relay
