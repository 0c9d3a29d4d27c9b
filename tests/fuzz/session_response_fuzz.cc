// Goal: what stands on the plugin's command line never aborts, and an address that is understood is
// written back the same. Method: every argument is the input, in turn.

#include <cstdint>
#include <string>
#include <string_view>

#include "client/plugin/plugin_arguments.h"
#include "engine/base/check.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto ticket = client::ParseSessionResponse(text);
  if (ticket.ok()) {
    CHECK(!ticket->session_id.empty());
    CHECK(!ticket->token.empty());
  } else {
    CHECK(ticket.status().message().size() < 1'024);
  }
  client::ParseResumeResponse(text).IgnoreError();
  client::ParseSessionRequest(text).IgnoreError();
  const auto url = engine::ParseSecureUrl("wss", text);
  if (url.ok()) {
    CHECK(*engine::ParseSecureUrl("wss", "wss://" + url->host + url->target) == *url);
  } else {
    CHECK(url.status().message().size() < 1'024);
  }
  return 0;
}
