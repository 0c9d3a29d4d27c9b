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

uint64_t RandomNumber() {
  uint64_t number = 0;
  FillRandom(std::as_writable_bytes(std::span(&number, 1)));
  return number;
}

}  // namespace engine::crypto
