#pragma once

namespace engine {

// kVersion is the one place that says it: hello, --version and User-Agent take it from here.
inline constexpr char kVersion[] = "0.1.0";

}  // namespace engine
