// What nodes ask for over their own links: the data keys of encrypted sessions.

#include <string>
#include <utility>

#include "engine/crypto/base64.h"
#include "engine/wire/data_key_context.h"
#include "relay/access/resource_arn.h"
#include "relay/api/api.h"
#include "relay/broker/broker.h"
#include "relay/keys/key_provider.h"
#include "relay/store/store.h"

namespace relay {
namespace {

// OpenFor returns the key, or why not, for people. That the node may have it needs no policy: the
// session was allowed, on this node and under this key.
absl::StatusOr<std::string> OpenFor(Store& store, std::string_view key_id, std::string_view node_id,
                                    const engine::DataKeyRequest& request) {
  const std::optional<std::string> arn = keys::KeyArn(key_id);
  if (!arn.has_value()) {
    return absl::NotFoundError(
        "the document's kmsKeyId is none of the relay's keys; the node needs AWS_ENDPOINT_URL_KMS, "
        "and a key to sign with, to ask another key service");
  }
  const std::optional<std::string> blob = engine::crypto::DecodeBase64(request.data_key);
  if (!blob.has_value() || keys::KeyProvider::NameIn(engine::AsBytes(*blob)) != *arn) {
    return absl::InvalidArgumentError(
        "the client's data key is not one of the relay's key provider under the document's "
        "kmsKeyId; client and node have to use the same key service");
  }
  const keys::EncryptionContext context =
      engine::DataKeyContext(request.session_id, node_id, request.challenge);
  absl::StatusOr<std::string> key = keys::KeyProvider(store).Open(engine::AsBytes(*blob), context);
  if (key.ok()) return key;
  return absl::InvalidArgumentError(
      "the client's data key is for another session or node, or was changed");
}

}  // namespace

engine::DataKeyAnswer Api::OpenDataKey(std::string_view node_id,
                                       const engine::DataKeyRequest& request, int64_t now_unix_ms) {
  engine::DataKeyAnswer answer{.serial = request.serial};
  AuditRecord audit = NewServiceEvent("Decrypt", now_unix_ms);
  audit.event_source = "kms.amazonaws.com";
  audit.principal = node_id;
  audit.read_only = true;
  audit.additional.emplace_back("sessionId", request.session_id);
  const std::optional<std::string> key_id = context_.broker.KeyOf(request.session_id, node_id);
  absl::StatusOr<std::string> key =
      absl::PermissionDeniedError("this node has no such session, or it is not encrypted");
  if (key_id.has_value()) {
    key = OpenFor(context_.store, *key_id, node_id, request);
    audit.resources.push_back(keys::KeyArn(*key_id).value_or(*key_id));
  }
  if (!key.ok()) {
    answer.error = std::string(key.status().message());
    audit.error_code = "InvalidCiphertextException";
    audit.error_message = answer.error;
  }
  if (absl::Status status = AppendAudit(context_.store, audit); !status.ok()) {
    answer.error = LogStoreFailure(status).message;
  } else if (key.ok()) {
    answer.plaintext = engine::crypto::EncodeBase64(engine::AsBytes(*key));
  }
  return answer;
}

}  // namespace relay
