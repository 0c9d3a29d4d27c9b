#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "engine/base/bytes.h"
#include "engine/crypto/digest.h"
#include "relay/keys/encryption_context.h"

namespace relay {
class Store;
}

namespace relay::keys {

inline constexpr size_t kKeyIdSizeMax = 512;
inline constexpr size_t kPlaintextSizeMax = 1024;    // As KMS's GenerateDataKey has it.
inline constexpr size_t kCiphertextSizeMax = 6'144;  // As KMS's Decrypt has it.

// KeyArn is the name of a key, whichever way it was written: an ARN, alias/NAME, or an id. Nothing:
// it is no name of a key here.
std::optional<std::string> KeyArn(std::string_view key_id);

struct DataKey {
  std::string plaintext;   // Secret.
  std::string ciphertext;  // The same under the key, with the key's name in clear.
};

// KeyProvider makes data keys and opens them again. It keeps nothing but one secret, which comes
// from the store's master key.
class KeyProvider {
 public:
  explicit KeyProvider(const Store& store);
  ~KeyProvider();
  KeyProvider(const KeyProvider&) = delete;
  KeyProvider& operator=(const KeyProvider&) = delete;

  // Generate makes a data key of `size` bytes. Requires: KeyArn returned the name; size is 1 to
  // kPlaintextSizeMax.
  DataKey Generate(std::string_view key_arn, const EncryptionContext& context, size_t size) const;

  // Open returns the plaintext. InvalidArgument: it was made by somebody else, under another
  // context, or is not whole; which of them is not told.
  absl::StatusOr<std::string> Open(engine::ByteView ciphertext,
                                   const EncryptionContext& context) const;

  // NameIn returns the key that a ciphertext names, or an empty text. It proves nothing.
  static std::string_view NameIn(engine::ByteView ciphertext);

 private:
  engine::crypto::Sha256Digest root_;
};

}  // namespace relay::keys
