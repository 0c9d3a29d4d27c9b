// What lets one side of a sealed session join a lane: a text of three parts,
//
//     <loop>.<lane>.<secret>
//
// the loop on which the lane is, the lane's name, and 32 random bytes. Whoever gets one needs to
// know nothing of that; the relay finds by the first two what the third is compared with.

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace relay {

// NewLaneName returns a random name, not a secret.
std::string NewLaneName();

// NewJoinToken returns a new token for a lane. It is a secret.
std::string NewJoinToken(uint32_t loop, std::string_view lane_name);

// JoinTokenPlace is what a token says of its lane.
struct JoinTokenPlace {
  uint32_t loop = 0;
  std::string_view lane_name;
};

// ReadJoinToken looks at a token that came from outside. Nothing: it is none of this relay's.
std::optional<JoinTokenPlace> ReadJoinToken(std::string_view token);

}  // namespace relay
