#include "engine/crypto/random_bytes.h"

#include <openssl/rand.h>

#include "engine/crypto/openssl_text.h"

namespace engine::crypto {

void FillRandom(std::span<std::byte> out) {
  CHECK(RAND_bytes(MutableOctets(out), out.size()) == 1);
}

std::string RandomHex(size_t size) {
  std::string bytes(size, '\0');
  FillRandom({reinterpret_cast<std::byte*>(bytes.data()), bytes.size()});
  return ToHex(AsBytes(bytes));
}

}  // namespace engine::crypto
