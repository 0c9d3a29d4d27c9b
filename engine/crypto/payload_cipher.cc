#include "engine/crypto/payload_cipher.h"

#include <openssl/aead.h>

#include <algorithm>

#include "engine/base/check.h"
#include "engine/crypto/constant_time.h"
#include "engine/crypto/openssl_text.h"
#include "engine/crypto/random_bytes.h"

namespace engine::crypto {
namespace {

constexpr size_t kTagSize = kPayloadOverhead - kPayloadNonceSize;

void Begin(EVP_AEAD_CTX* context, ByteView key) {
  CHECK(EVP_AEAD_CTX_init(context, EVP_aead_aes_256_gcm(), Octets(key), key.size(), kTagSize,
                          nullptr));
}

PayloadCipher::Nonce RandomNonce() {
  PayloadCipher::Nonce nonce;
  FillRandom(nonce);
  return nonce;
}

// CountUp makes the next nonce: after 2^96 of them it begins again, which nobody sees.
void CountUp(PayloadCipher::Nonce& nonce) {
  for (std::byte& digit : nonce) {
    digit = static_cast<std::byte>(static_cast<uint8_t>(digit) + 1);
    if (digit != std::byte{0}) return;
  }
}

}  // namespace

PayloadCipher::PayloadCipher(End end, ByteView data_key, const Nonce& first_nonce)
    : nonce_(first_nonce) {
  CHECK(data_key.size() == kDataKeySize);
  const ByteView nodes = data_key.first(kKeySize);
  const ByteView clients = data_key.subspan(kKeySize);
  std::ranges::copy(end == End::kNode ? nodes : clients, seal_key_.begin());
  std::ranges::copy(end == End::kNode ? clients : nodes, open_key_.begin());
}

PayloadCipher::PayloadCipher(End end, ByteView data_key)
    : PayloadCipher(end, data_key, RandomNonce()) {}

PayloadCipher::~PayloadCipher() {
  Cleanse(seal_key_);
  Cleanse(open_key_);
}

size_t PayloadCipher::Seal(ByteView plain, std::span<std::byte> out) {
  CHECK(out.size() >= plain.size() + kPayloadOverhead);
  std::ranges::copy(nonce_, out.begin());
  const std::span<std::byte> body =
      out.subspan(kPayloadNonceSize, plain.size() + kPayloadOverhead - kPayloadNonceSize);
  bssl::ScopedEVP_AEAD_CTX context;
  Begin(context.get(), seal_key_);
  size_t size = 0;
  CHECK(EVP_AEAD_CTX_seal(context.get(), MutableOctets(body), &size, body.size(), Octets(nonce_),
                          nonce_.size(), Octets(plain), plain.size(), nullptr, 0));
  CHECK(size == body.size());
  CountUp(nonce_);
  return plain.size() + kPayloadOverhead;
}

std::optional<size_t> PayloadCipher::Open(ByteView sealed, std::span<std::byte> out) const {
  CHECK(out.size() >= sealed.size());
  if (sealed.size() < kPayloadOverhead) return std::nullopt;
  const ByteView nonce = sealed.first(kPayloadNonceSize);
  const ByteView body = sealed.subspan(kPayloadNonceSize);
  bssl::ScopedEVP_AEAD_CTX context;
  Begin(context.get(), open_key_);
  size_t size = 0;
  if (!EVP_AEAD_CTX_open(context.get(), MutableOctets(out), &size, out.size(), Octets(nonce),
                         nonce.size(), Octets(body), body.size(), nullptr, 0)) {
    ERR_clear_error();
    return std::nullopt;
  }
  return size;
}

}  // namespace engine::crypto
