// Session documents: what a name and its parameters allow a session to be.

#pragma once

#include <functional>
#include <map>
#include <optional>
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

// Carriage is how a session's bytes travel: in frames that the relay reads, or in TLS from client
// to node, which the relay only joins.
enum class Carriage : uint8_t { kInspected, kSealed };
enum class CarriageRule : uint8_t { kEither, kInspectedOnly, kSealedOnly };

// CarriagesOf is what a document allows. Requires: ResolveDocument knows it.
CarriageRule CarriagesOf(std::string_view document);

// ChooseCarriage is the one place where it is decided. A client that does not say, as those of AWS
// do not, can do `inspected` only; one of ours asks for `sealed` for ports, and for shells and
// commands if its user wants so. FailedPrecondition: the rule does not allow what is asked for; the
// text says so.
absl::StatusOr<Carriage> ChooseCarriage(CarriageRule rule, std::optional<Carriage> asked);

}  // namespace relay
