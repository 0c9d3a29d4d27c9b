#include "relay/keys/keys_api.h"

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>

#include "engine/crypto/base64.h"
#include "relay/api/api_input.h"
#include "relay/broker/broker.h"
#include "relay/keys/key_provider.h"

namespace relay::keys {
namespace {

using Json = nlohmann::json;
using Presence = ApiInput::Presence;

constexpr const char* kGenerateAudited[] = {"KeyId", "NumberOfBytes", "KeySpec",
                                            "EncryptionContext"};
constexpr const char* kDecryptAudited[] = {"KeyId", "EncryptionContext", "EncryptionAlgorithm"};
constexpr std::string_view kAlgorithm = "SYMMETRIC_DEFAULT";
constexpr size_t kBase64SizeMax = kCiphertextSizeMax * 4 / 3 + 4;

ApiError NoKey(const std::string& key_id) {
  return {"NotFoundException",
          "Key '" + key_id +
              "' is none of this relay's: write an id, alias/NAME, or an ARN of its account."};
}

std::string TextOf(const ApiCall& call, const char* name) {
  const auto member = call.input.find(name);
  return member != call.input.end() && member->is_string() ? member->get<std::string>()
                                                           : std::string();
}

std::optional<std::string> CiphertextOf(const ApiCall& call) {
  const std::string text = TextOf(call, "CiphertextBlob");
  return text.size() <= kBase64SizeMax ? engine::crypto::DecodeBase64(text) : std::nullopt;
}

// AskForKey is about the key that a request names; without a name it is refused when it is read.
void AskForKey(const ApiCall& call, std::optional<std::string> arn, AccessQuestion& question) {
  if (arn.has_value()) question.resources = {{.arn = *std::move(arn), .tag_owner = {}, .tags = {}}};
  const std::optional<EncryptionContext> context = ReadContext(call.input);
  if (!context.has_value()) return;
  std::vector<std::string> names;
  for (const auto& [name, value] : *context) {
    question.keys.push_back({"kms:EncryptionContext:" + name, {value}});
    names.push_back(name);
  }
  if (!names.empty()) question.keys.push_back({"kms:EncryptionContextKeys", std::move(names)});
}

void AskGenerateDataKey(ApiContext&, ApiCall& call, AccessQuestion& question) {
  AskForKey(call, KeyArn(TextOf(call, "KeyId")), question);
}

// A ciphertext names its key, and only what was sealed under that name is opened.
void AskDecrypt(ApiContext&, ApiCall& call, AccessQuestion& question) {
  std::optional<std::string> arn;
  if (const std::optional<std::string> blob = CiphertextOf(call)) {
    const std::string_view name = KeyProvider::NameIn(engine::AsBytes(*blob));
    if (!name.empty()) arn = name;
  }
  AskForKey(call, std::move(arn), question);
}

ApiError BadContext() {
  return {"ValidationException", "EncryptionContext must be an object of texts, of at most " +
                                     std::to_string(kContextSizeMax) + " bytes together."};
}

ApiOutcome GenerateDataKey(ApiContext& context, ApiCall& call) {
  ApiInput input(call.input);
  const std::string key_id = input.Line("KeyId", Presence::kRequired, 1, kKeyIdSizeMax);
  const std::optional<int64_t> count = input.Integer("NumberOfBytes", 1, kPlaintextSizeMax);
  const std::string spec = input.Choice("KeySpec", Presence::kOptional, {"AES_256", "AES_128"});
  if (input.error().has_value()) return input.error();
  if (count.has_value() != spec.empty()) {
    return ApiError{"ValidationException",
                    "Please specify either number of bytes or key spec, and not both."};
  }
  const std::optional<EncryptionContext> bound = ReadContext(call.input);
  if (!bound.has_value()) return BadContext();
  const std::optional<std::string> arn = KeyArn(key_id);
  if (!arn.has_value()) return NoKey(key_id);
  const size_t size = count.has_value() ? static_cast<size_t>(*count) : spec == "AES_256" ? 32 : 16;
  const DataKey made = KeyProvider(context.store).Generate(*arn, *bound, size);
  call.output = {
      {"KeyId", *arn},
      {"Plaintext", engine::crypto::EncodeBase64(engine::AsBytes(made.plaintext))},
      {"CiphertextBlob", engine::crypto::EncodeBase64(engine::AsBytes(made.ciphertext))}};
  return std::nullopt;
}

// MayNodeOpen says whether a key is that of a session which the node has now: it needs no policy,
// for the session was allowed, on this node and under this key.
bool MayNodeOpen(ApiContext& context, const std::string& node_id, const EncryptionContext& bound,
                 std::string_view arn) {
  const auto session = bound.find("aws:ssm:SessionId");
  const auto target = bound.find("aws:ssm:TargetId");
  if (session == bound.end() || target == bound.end() || target->second != node_id) return false;
  const std::optional<std::string> key_id = context.broker.KeyOf(session->second, node_id);
  return key_id.has_value() && KeyArn(*key_id) == arn;
}

ApiOutcome Decrypt(ApiContext& context, ApiCall& call) {
  ApiInput input(call.input);
  input.Text("CiphertextBlob", Presence::kRequired, 1, kBase64SizeMax);
  const std::string key_id = input.Line("KeyId", Presence::kOptional, 1, kKeyIdSizeMax);
  input.Choice("EncryptionAlgorithm", Presence::kOptional, {kAlgorithm});
  if (input.error().has_value()) return input.error();
  const std::optional<EncryptionContext> bound = ReadContext(call.input);
  if (!bound.has_value()) return BadContext();
  const std::optional<std::string> blob = CiphertextOf(call);
  const std::string_view name =
      blob.has_value() ? KeyProvider::NameIn(engine::AsBytes(*blob)) : std::string_view();
  const ApiError invalid{"InvalidCiphertextException",
                         "This was not sealed here under this key and EncryptionContext."};
  if (name.empty()) return invalid;
  if (!key_id.empty() && KeyArn(key_id) != name) {
    return ApiError{"IncorrectKeyException",
                    "The key ID in the request does not identify a CMK that can perform this "
                    "operation."};
  }
  if (!call.caller.node_id.empty() && !MayNodeOpen(context, call.caller.node_id, *bound, name)) {
    return ApiError{"AccessDeniedException",
                    "A node opens the data keys of its own sessions alone, while they last."};
  }
  const absl::StatusOr<std::string> plaintext =
      KeyProvider(context.store).Open(engine::AsBytes(*blob), *bound);
  if (!plaintext.ok()) return invalid;
  call.output = {{"KeyId", name},
                 {"Plaintext", engine::crypto::EncodeBase64(engine::AsBytes(*plaintext))},
                 {"EncryptionAlgorithm", kAlgorithm}};
  return std::nullopt;
}

constexpr ApiRoute kRoutes[] = {
    {"TrentService.Decrypt", Decrypt, AskDecrypt, kDecryptAudited, nullptr,
     ApiRoute::Signer::kEither},
    {"TrentService.GenerateDataKey", GenerateDataKey, AskGenerateDataKey, kGenerateAudited},
};

}  // namespace

std::span<const ApiRoute> KeysRoutes() { return kRoutes; }

}  // namespace relay::keys
