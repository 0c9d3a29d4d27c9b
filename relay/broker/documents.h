// Session documents: what a name and its parameters allow a session to be.

#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "engine/wire/session_plan.h"

namespace relay {

// A document with its parameters filled in.
using engine::SessionKind;
using engine::SessionPlan;

using DocumentParameters = std::map<std::string, std::vector<std::string>, std::less<>>;

inline constexpr std::string_view kShellDocument = "SSM-SessionManagerRunShell";

// ResolveDocument reads a built-in document, by its name or its ARN; an empty name is
// kShellDocument. NotFound: there is no such document. InvalidArgument: a parameter is missing,
// unknown or malformed; the text says which.
absl::StatusOr<SessionPlan> ResolveDocument(std::string_view name,
                                            const DocumentParameters& parameters);

}  // namespace relay
