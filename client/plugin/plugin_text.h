// What the plugin says, on stdout as the original: scripts read it.

#pragma once

#include <string>
#include <string_view>

namespace client {

struct ForwardSpec;

std::string StartText(std::string_view session_id);

// ClosedText is the last word of a session. `output` is the service's reason; foreign.
std::string ClosedText(std::string_view session_id, std::string_view output);
std::string TimedOutText(std::string_view session_id);
std::string CannotText(std::string_view why);
// OpenedText says where local programs connect: `local` is the listener's LocalText. Without a line
// break at the end.
std::string OpenedText(const ForwardSpec& spec, std::string_view local,
                       std::string_view session_id);

inline constexpr std::string_view kWaitingText = "\nWaiting for connections...\n";
inline constexpr std::string_view kTerminatedText = "Terminate signal received, exiting.\n";
inline constexpr std::string_view kPortErrorText =
    "\nConnection to destination port failed, check SSM Agent logs.\n";
std::string MuxAcceptedText(std::string_view session_id);
std::string BasicAcceptedText(std::string_view session_id);

// PrintableLines is Printable, but for line breaks, which stay.
std::string PrintableLines(std::string_view foreign);

// PrintTo writes all of `text` to a descriptor, or as much as is taken.
void PrintTo(int descriptor, std::string_view text);

}  // namespace client
