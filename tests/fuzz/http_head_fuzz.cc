// Goal: no bytes make the HTTP reader crash, and a message means the same however it is cut.
// Method: the first byte says where to cut; both readings must come to the same end. What was read
// is then written and read again.

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "engine/base/check.h"
#include "engine/http/message_parser.h"

using engine::HttpError;
using engine::HttpMessageParser;
using Progress = HttpMessageParser::Progress;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  const size_t cut = bytes.empty() ? 0 : data[0] % bytes.size();
  for (const auto kind : {HttpMessageParser::Kind::kRequest, HttpMessageParser::Kind::kResponse}) {
    HttpMessageParser whole(kind, 4096);
    whole.Consume(bytes);
    HttpMessageParser parts(kind, 4096);
    const size_t first = parts.Consume(bytes.substr(0, cut));
    if (first == cut) parts.Consume(bytes.substr(cut));
    CHECK(whole.progress() == parts.progress());
    CHECK(whole.error() == parts.error());
    whole.HandleEnd();
    if (whole.progress() != Progress::kDone) continue;
    if (kind == HttpMessageParser::Kind::kResponse) {
      whole.TakeResponse();
      continue;
    }
    const engine::HttpRequest request = whole.TakeRequest();
    HttpMessageParser again(kind, 4096);
    again.Consume(Serialize(request));
    // The length that is written with it may be one header too many for a head at its limits.
    const bool is_full =
        again.error() == HttpError::kTooManyHeaders || again.error() == HttpError::kHeadTooLarge;
    if (request.minor_version != 1 || is_full) continue;
    CHECK(again.progress() == Progress::kDone);
    CHECK(again.TakeRequest().body == request.body);
  }
  return 0;
}
