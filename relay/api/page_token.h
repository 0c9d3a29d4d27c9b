#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "relay/access/api_error.h"

namespace relay {

// PagePosition is where a list goes on: after the entry with this number and name.
struct PagePosition {
  int64_t number = 0;
  std::string name;
};

// WritePageToken makes a NextToken for one list ("sessions", "nodes"); ReadPageToken returns
// nothing for a text that is not one of that list. A token carries no right: it only says where to
// go on.
std::string WritePageToken(std::string_view list, const PagePosition& position);
std::optional<PagePosition> ReadPageToken(std::string_view list, std::string_view token);

ApiError InvalidNextToken();

inline constexpr size_t kPageTokenSizeMax = 512;

}  // namespace relay
