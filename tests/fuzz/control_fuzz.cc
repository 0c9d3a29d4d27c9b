// Goal: foreign JSON never aborts or throws, and what is understood can be said again.
// Method: decode the input as both kinds of message; encode and decode the result once more.

#include "engine/base/check.h"
#include "engine/wire/control.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view json(reinterpret_cast<const char*>(data), size);
  engine::ControlMessage message;
  if (engine::Decode(json, message)) {
    const std::string text = engine::Encode(message);
    engine::ControlMessage again;
    // Defaults that the input left out may make the text too large to be sent.
    if (text.size() <= engine::kControlSizeMax) {
      CHECK(engine::Decode(text, again));
      CHECK(engine::Encode(again) == text);
    }
  }
  engine::OpenRequest request;
  if (engine::DecodeOpen(json, request)) {
    const std::string text = engine::EncodeOpen(request);
    engine::OpenRequest again;
    if (text.size() <= engine::kOpenRequestMax) {
      CHECK(engine::DecodeOpen(text, again));
      CHECK(engine::EncodeOpen(again) == text);
    }
  }
  return 0;
}
