// Goal: no Authorization header makes the reader crash, and what it takes is within its bounds.
// Method: foreign headers, and the same bytes as a path and query to make canonical; making a
// canonical query canonical again changes nothing.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "engine/base/check.h"
#include "engine/http/sigv4.h"
#include "engine/http/sigv4_proof.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  std::string problem;
  const auto authorization = engine::ParseAuthorization(text, problem);
  CHECK(authorization.has_value() || !problem.empty());
  engine::HttpRequest request;
  request.target = std::string(text);
  request.headers.Add("Host", text);
  if (authorization.has_value()) {
    CHECK(authorization->signature.size() == 64);
    CHECK(!authorization->signed_headers.empty());
    CHECK(!authorization->access_key_id.empty());
    engine::CanonicalRequest(request, engine::SigV4Form::kHeader, authorization->signed_headers,
                             "");
  }
  CHECK(engine::CanonicalPath(request.path()).starts_with('/'));
  const std::string query = engine::CanonicalQuery(request.query(), engine::SigV4Form::kHeader);
  CHECK(engine::CanonicalQuery(query, engine::SigV4Form::kHeader) == query);
  return 0;
}
