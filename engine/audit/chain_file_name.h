#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace engine::audit {

// HeadFileName is of the file that holds a copy of the newest digest's line: who cuts the end off
// the other files has to forge this one, too.
inline constexpr std::string_view kHeadFileName = "adit-audit-head.json";
// KeyFileName is of the file that holds the public half of the audit key, in hexadecimal.
inline constexpr std::string_view kKeyFileName = "adit-audit-key.pub";

// ChainFileName returns the name of the file whose first record has that sequence:
// adit-audit-20261127-00000000000000000001.jsonl. `date` is YYYYMMDD.
std::string ChainFileName(std::string_view date, uint64_t first);

// FirstOf reads the sequence out of such a name. Nothing: it is none.
std::optional<uint64_t> FirstOf(std::string_view name);

}  // namespace engine::audit
