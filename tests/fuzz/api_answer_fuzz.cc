// Goal: whatever a relay, or what answers in its place, says to a call of the API, the client
// neither aborts nor asks for ever, and an error has a text.
// Method: the first byte is the status, the rest the body of the answer to every call.

#include <string>

#include "client/api_client.h"
#include "engine/base/check.h"

namespace {

template <class Result>
void CheckText(const Result& result) {
  if (!result.ok()) CHECK(!result.status().message().empty());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  constexpr int kStatuses[] = {200, 400, 403, 404, 429, 500, 302};
  engine::HttpResponse answer;
  answer.status = kStatuses[data[0] % std::size(kStatuses)];
  answer.body.assign(reinterpret_cast<const char*>(data) + 1, size - 1);
  int calls = 0;
  client::ApiClient api(
      [&](engine::HttpRequest) -> absl::StatusOr<engine::HttpResponse> {
        CHECK(++calls <= 4 * client::ApiClient::kPagesMax);
        engine::HttpResponse one = answer;
        if (calls % 4 == 0) one.body = "{}";  // The last page of a list that would go on for ever.
        return one;
      },
      "relay.test:443",
      {.access_key_id = "AKIA", .secret_access_key = "s", .session_token = "", .source = ""},
      [] { return int64_t{1'800'000'000}; });
  CheckText(api.ListNodes());
  CheckText(api.ListSessions(client::ApiClient::Which::kEnded));
  client::SessionWish wish;
  wish.target = "mi-1";
  CheckText(api.StartSession(wish));
  wish.client_key = std::string(64, 'c');
  CheckText(api.StartSession(wish));
  CheckText(api.WhoAmI());
  CheckText(api.AssumeRole({.role_arn = "arn:aws:iam::000000000000:role/r"}, ""));
  CheckText(api.ReadOpenLane(answer));
  CheckText(api.ReadFindEnded(answer));
  return 0;
}
