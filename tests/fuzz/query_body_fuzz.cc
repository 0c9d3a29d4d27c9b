// Goal: no body of the query protocol aborts or throws, what is read keeps its maxima, and can be
// answered with.
// Method: read the body, look at its depth, and write it as an answer.

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string_view>

#include "engine/base/check.h"
#include "relay/api/query_body.h"
#include "relay/api/query_response.h"

namespace {

size_t Depth(const nlohmann::json& json) {
  size_t depth = 0;
  if (json.is_structured()) {
    for (const auto& member : json) depth = std::max(depth, 1 + Depth(member));
  }
  return depth;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  nlohmann::json json;
  const std::string_view body(reinterpret_cast<const char*>(data), size);
  if (const auto error = relay::ParseQueryBody(body, json)) {
    CHECK(error->code == "MalformedQueryString");
    return 0;
  }
  CHECK(json.is_object());
  CHECK(Depth(json) <= relay::kQueryDepthMax);
  const engine::HttpResponse response = relay::QueryResponse("Op", "urn:x", json, "id");
  CHECK(response.body.find('\0') == std::string::npos);
  return 0;
}
