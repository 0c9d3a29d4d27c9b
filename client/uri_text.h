#pragma once

#include <string>
#include <string_view>

namespace client {

// UriDecoded undoes %XX, as IAM writes documents; a percent sign without two digits stays.
std::string UriDecoded(std::string_view text);

}  // namespace client
