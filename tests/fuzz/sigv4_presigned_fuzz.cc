// Goal: no presigned address makes the reader crash, and what it takes is within its bounds and
// whole. Method: foreign bytes as the query; of what is taken, the canonical query still has every
// part but the signature.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "engine/base/check.h"
#include "engine/http/amz_date.h"
#include "engine/http/sigv4.h"
#include "engine/http/sigv4_proof.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  engine::HttpRequest request;
  request.target = "/?" + std::string(reinterpret_cast<const char*>(data), size);
  const auto read = engine::ReadProof(request);
  if (const auto* problem = std::get_if<engine::SigV4Problem>(&read)) {
    CHECK(!problem->text.empty());
    return 0;
  }
  const auto& proof = std::get<engine::SigV4Proof>(read);
  CHECK(proof.form == engine::SigV4Form::kPresigned);
  CHECK(proof.authorization.signature.size() == 64);
  CHECK(!proof.authorization.signed_headers.empty());
  CHECK(!proof.authorization.access_key_id.empty());
  CHECK(proof.expires_seconds >= 1);
  CHECK(proof.expires_seconds <= engine::kPresignedSecondsMax);
  CHECK(engine::ParseAmzDate(proof.amz_date) == proof.signed_unix_seconds);
  const std::string query = engine::CanonicalQuery(request.query(), proof.form);
  const auto parts = engine::ParseQuery(query);
  CHECK(std::ranges::find(parts, "X-Amz-Signature", &engine::QueryParameter::name) == parts.end());
  CHECK(parts.size() + 1 == engine::ParseQuery(request.query()).size());
  return 0;
}
