// In which carriage a session's bytes may travel.

#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "absl/status/statusor.h"

namespace relay {

// Carriage is how a session's bytes travel: in frames that the relay reads, or in TLS from client
// to node, which the relay only joins.
enum class Carriage : uint8_t { kInspected, kSealed };

// CarriageText is a carriage's name, in the API, in records and in the store; ParseCarriage reads
// it: nothing if it is none.
std::string_view CarriageText(Carriage carriage);
std::optional<Carriage> ParseCarriage(std::string_view text);

// kKeyed: sealed, or in frames whose contents client and node encrypt for each other with a data
// key, which those of AWS can.
enum class CarriageRule : uint8_t { kEither, kSealedOnly, kKeyed };

// ChooseCarriage is the one place where it is decided. A client that does not say, as those of AWS
// do not, can do `inspected` only; one of ours asks for `sealed` for ports, and for shells and
// commands if its user wants so. FailedPrecondition: the rule does not allow what is asked for; the
// text says so.
absl::StatusOr<Carriage> ChooseCarriage(CarriageRule rule, std::optional<Carriage> asked);

// SealIfDemanded is what a client asks for that leaves it to the document: `sealed` where only that
// is allowed to clients of ours, else `inspected`.
Carriage SealIfDemanded(CarriageRule rule);

}  // namespace relay
