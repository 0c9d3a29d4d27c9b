// Internal to engine/crypto and engine/tls: between BoringSSL's objects and ours.

#pragma once

#include <openssl/base.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/mem.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "engine/base/bytes.h"
#include "engine/base/check.h"

namespace engine::crypto {

inline const uint8_t* Octets(ByteView bytes) {
  return reinterpret_cast<const uint8_t*>(bytes.data());
}
inline uint8_t* MutableOctets(std::span<std::byte> bytes) {
  return reinterpret_cast<uint8_t*>(bytes.data());
}

// ReadOnlyBio is a BIO over `text`, which must outlive it.
inline bssl::UniquePtr<BIO> ReadOnlyBio(std::string_view text) {
  bssl::UniquePtr<BIO> bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
  CHECK(bio != nullptr);
  return bio;
}

// TakeText returns what was written to a memory BIO.
inline std::string TakeText(BIO* bio) {
  const uint8_t* data = nullptr;
  size_t size = 0;
  CHECK(BIO_mem_contents(bio, &data, &size));
  return std::string(reinterpret_cast<const char*>(data), size);
}

// ToDer returns the DER of an object by its i2d function.
template <class Object>
std::string ToDer(int (*write)(Object*, uint8_t**), Object* object) {
  uint8_t* der = nullptr;
  const int size = write(object, &der);
  CHECK(size > 0);
  std::string text(reinterpret_cast<const char*>(der), static_cast<size_t>(size));
  OPENSSL_free(der);
  return text;
}

}  // namespace engine::crypto
