// Goal: the grammar of forwards survives any text, and what it accepts means one thing only.
// Method: parse; what parses is written in full and must parse to the same again.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "client/forward_spec.h"
#include "engine/base/check.h"
#include "tests/support/forward_spec_text.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  client::ForwardSpec spec;
  std::string error;
  if (!client::ParseForwardSpec(text, spec, error)) {
    CHECK(!error.empty());
    return 0;
  }
  CHECK(spec.port != 0);
  client::ForwardSpec again;
  CHECK(client::ParseForwardSpec(client::ToText(spec), again, error));
  CHECK(again == spec);
  return 0;
}
