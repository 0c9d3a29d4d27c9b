#include "agent/keys/service_keys.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/status/status.h"
#include "engine/crypto/base64.h"
#include "engine/http/sigv4.h"
#include "engine/platform/wall_clock.h"
#include "engine/wire/data_key_context.h"

namespace agent {
namespace {

using Json = nlohmann::json;

constexpr int kOk = 200;
constexpr size_t kErrorTextMax = 512;

// RegionOf is where a key's ARN says that it is.
std::string RegionOf(const std::string& key_id) {
  constexpr std::string_view kArn = "arn:aws:kms:";
  if (!key_id.starts_with(kArn)) return {};
  return key_id.substr(kArn.size(), key_id.find(':', kArn.size()) - kArn.size());
}

std::string TextOf(const Json& object, const char* name) {
  if (!object.is_object()) return {};
  const auto member = object.find(name);
  return member != object.end() && member->is_string() ? member->get<std::string>() : "";
}

}  // namespace

absl::StatusOr<std::optional<KeyServiceOptions>> KeyServiceFrom(const Environment& environment) {
  absl::StatusOr<std::optional<engine::SecureUrl>> url =
      engine::UrlOfVariable(engine::kKeyServiceVariable, environment(engine::kKeyServiceVariable));
  if (!url.ok()) return url.status();
  if (!url->has_value()) return std::nullopt;
  KeyServiceOptions service{.url = **std::move(url),
                            .region = environment("AWS_REGION").value_or(""),
                            .access_key_id = environment("AWS_ACCESS_KEY_ID").value_or(""),
                            .secret = environment("AWS_SECRET_ACCESS_KEY").value_or(""),
                            .session_token = environment("AWS_SESSION_TOKEN").value_or("")};
  if (service.access_key_id.empty() || service.secret.empty()) {
    return absl::InvalidArgumentError(
        "AWS_ENDPOINT_URL_KMS is set, and no key to sign calls with: set AWS_ACCESS_KEY_ID and "
        "AWS_SECRET_ACCESS_KEY as well");
  }
  for (const char* name : {"AWS_CA_BUNDLE", "SSL_CERT_FILE"}) {
    if (std::optional<std::string> file = environment(name)) {
      service.authority_lists.push_back(*std::move(file));
    }
  }
  return service;
}

engine::HttpRequest DecryptRequest(const KeyServiceOptions& service, const DataKeyWish& wish,
                                   const std::string& node_id, int64_t now_unix) {
  engine::HttpRequest request;
  request.method = "POST";
  request.target = service.url.target;
  request.headers.Add("Host", service.url.host);
  request.headers.Add("Content-Type", "application/x-amz-json-1.1");
  request.headers.Add("X-Amz-Target", "TrentService.Decrypt");
  request.body = Json({{"CiphertextBlob", wish.data_key},
                       {"KeyId", wish.key_id},
                       {"EncryptionContext",
                        engine::DataKeyContext(wish.session_id, node_id, wish.challenge)}})
                     .dump(-1, ' ', false, Json::error_handler_t::replace);
  std::string region = service.region;
  if (const std::string keys = RegionOf(wish.key_id); !keys.empty()) region = keys;
  engine::Sign(request, {service.access_key_id, service.secret, service.session_token},
               region.empty() ? "us-east-1" : region, "kms", now_unix);
  return request;
}

absl::StatusOr<std::string> ReadDecrypted(const engine::CallResult& result) {
  if (result.kind != engine::CallResult::Kind::kResponse) {
    return absl::UnavailableError("the key service cannot be asked: " + result.text);
  }
  const Json json = Json::parse(result.response.body, nullptr, false);
  if (result.response.status != kOk) {
    std::string text = TextOf(json, "__type") + ": " + TextOf(json, "message");
    text.resize(std::min(text.size(), kErrorTextMax));
    return absl::PermissionDeniedError("the key service does not open the data key (HTTP " +
                                       std::to_string(result.response.status) + "): " + text);
  }
  std::optional<std::string> key = engine::crypto::DecodeBase64(TextOf(json, "Plaintext"));
  if (!key.has_value() || key->empty()) {
    return absl::InvalidArgumentError("the key service's answer has no key");
  }
  return *std::move(key);
}

ServiceKeys::ServiceKeys(engine::LoopDriver& driver, std::unique_ptr<engine::TlsContext> context,
                         KeyServiceOptions service, std::string node_id)
    : context_(std::move(context)),
      service_(std::move(service)),
      node_id_(std::move(node_id)),
      calls_(driver, *context_, service_.url.server) {}

uint64_t ServiceKeys::Open(const DataKeyWish& wish, Done done) {
  const uint64_t number = ++last_number_;
  if (waiting_.size() >= kQuestionsMax) {
    done(absl::ResourceExhaustedError("the node asks for too many data keys; try again"));
    return number;
  }
  waiting_[number].done = std::move(done);
  const uint64_t call = calls_.Call(DecryptRequest(service_, wish, node_id_, engine::UnixNow()),
                                    [this, number](const engine::CallResult& result) {
                                      const auto found = waiting_.find(number);
                                      if (found == waiting_.end()) return;
                                      const Done then = std::move(found->second.done);
                                      waiting_.erase(found);
                                      then(ReadDecrypted(result));
                                    });
  if (const auto asked = waiting_.find(number); asked != waiting_.end()) asked->second.call = call;
  return number;
}

void ServiceKeys::Forget(uint64_t number) {
  const auto found = waiting_.find(number);
  if (found == waiting_.end()) return;
  const uint64_t call = found->second.call;
  waiting_.erase(found);
  calls_.Cancel(call);
}

}  // namespace agent
