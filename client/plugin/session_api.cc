#include "client/plugin/session_api.h"

#include <nlohmann/json.hpp>
#include <utility>

namespace client {

EndpointApi::EndpointApi(engine::LoopDriver& driver, const engine::TlsContext& context,
                         Endpoint endpoint, absl::StatusOr<Credentials> credentials,
                         SignedCalls::Clock clock)
    : session_id_(std::move(endpoint.session_id)),
      calls_(driver, context,
             {.url = std::move(endpoint.url),
              .region = std::move(endpoint.region),
              .name = "ssm",
              .prefix = "AmazonSSM."},
             std::move(credentials), std::move(clock)) {}

void EndpointApi::Resume(Resumed done) {
  calls_.Call("ResumeSession", SessionBody(),
              [done = std::move(done)](absl::StatusOr<std::string> answer) {
                done(answer.ok() ? ParseResumeResponse(*answer) : answer.status());
              });
}

void EndpointApi::Start(const std::string& request, Started done) {
  calls_.Call("StartSession", request,
              [done = std::move(done)](absl::StatusOr<std::string> answer) {
                done(answer.ok() ? ParseSessionResponse(*answer) : answer.status());
              });
}

void EndpointApi::Terminate(Terminated done) {
  calls_.Call("TerminateSession", SessionBody(),
              [done = std::move(done)](const absl::StatusOr<std::string>& answer) {
                done(answer.status());
              });
}

std::string EndpointApi::SessionBody() const {
  return nlohmann::json{{"SessionId", session_id_}}.dump();
}

}  // namespace client
