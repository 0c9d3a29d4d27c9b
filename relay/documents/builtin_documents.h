// The documents that are always there, under AWS's names and owned by "Amazon", as there.

#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "relay/documents/session_document.h"

namespace relay {

// Preferences, and the document of a session that names none. An administrator may make one of his
// own under this name; without it the built-in one counts.
inline constexpr std::string_view kShellDocument = "SSM-SessionManagerRunShell";

struct BuiltinDocument {
  std::string_view name;
  std::string content;  // JSON
  SessionDocument document;
};

inline constexpr int64_t kBuiltinCreatedUnixMs = 1'600'000'000'000;

// BuiltinDocuments returns them in the order of their names.
std::span<const BuiltinDocument> BuiltinDocuments();
const BuiltinDocument* FindBuiltinDocument(std::string_view name);

// DocumentNameOf takes the name out of arn:aws:ssm:REGION:ACCOUNT:document/NAME; no name is
// kShellDocument.
std::string_view DocumentNameOf(std::string_view name);

// IsReservedName is true of names that only built-in documents may have.
bool IsReservedName(std::string_view name);

}  // namespace relay
