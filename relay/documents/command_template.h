// A document's command with values in the place of its placeholders: what a shell parses is the
// author's text, and never a value.

#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "relay/documents/placeholder.h"

namespace relay {

// WholePlaceholder returns the name if `text` is one placeholder and blanks around it, else "".
// Such a command is the caller's: the value as it is. Requires: SplitPlaceholders takes the text.
std::string WholePlaceholder(std::string_view text);

// FillScript makes text for `sh -c`. Values are set to variables at its beginning, in single
// quotes; a placeholder becomes a reference in double quotes:
//
//     systemctl restart {{ unit }}     adit_1_unit='a; reboot'
//                                      systemctl restart "${adit_1_unit}"
//
// Of a StringList each value is one word, outside of quotes.
std::string FillScript(std::string_view text, const ParameterValues& values);

// FillWords makes the line, as engine::JoinCommand writes it, of a command that no shell sees: the
// author's text is split into words, then values are put in. A StringList that is a word by itself
// becomes one word for each value. InvalidArgument: a quote is open, or there is no word.
absl::StatusOr<std::string> FillWords(std::string_view text, const ParameterValues& values);

}  // namespace relay
