// What real programs do or leave by the other side's version. They compare versions number by
// number, only between versions of equally many numbers, and ask for strictly later ones: a version
// of another form passes no gate.

#pragma once

#include <string_view>

namespace engine::datachannel {

// What we say as a machine: after every gate that clients have.
inline constexpr std::string_view kOurAgentVersion = "3.3.987.0";

// IsVersionAfter is true when both have the same count of numbers, at most eight, and `version` is
// strictly later.
bool IsVersionAfter(std::string_view version, std::string_view than);

// As a client, of the machine's version: without the first, Ctrl-C ends a port session by the API;
// without the second, a port session carries one connection at a time; without the third, the
// multiplexer sends keep-alives.
inline bool TakesTerminateFlag(std::string_view agent_version) {
  return IsVersionAfter(agent_version, "2.3.722.0");
}
inline bool MultiplexesPorts(std::string_view agent_version) {
  return IsVersionAfter(agent_version, "3.0.196.0");
}
inline bool NeedsNoKeepAlive(std::string_view agent_version) {
  return IsVersionAfter(agent_version, "3.1.1511.0");
}

// As a machine, of the client's version: whether it can multiplex a port session at all, and
// whether it knows that standard error comes by itself.
bool ClientMultiplexesPorts(std::string_view client_version);
inline bool KnowsSeparateOutput(std::string_view client_version) {
  return IsVersionAfter(client_version, "1.2.295.0");
}

}  // namespace engine::datachannel
