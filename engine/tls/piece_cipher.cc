#include "engine/tls/piece_cipher.h"

#include <openssl/err.h>

#include <array>

#include "engine/base/check.h"
#include "engine/crypto/openssl_text.h"
#include "engine/tls/traffic_keys.h"

namespace engine {
namespace {

using crypto::MutableOctets;
using crypto::Octets;

enum class ThreadState : uint8_t { kFresh, kAlive, kGone };
thread_local ThreadState thread_state = ThreadState::kFresh;

}  // namespace

struct PieceCipher::Thread {
  Thread() { thread_state = ThreadState::kAlive; }
  ~Thread() { thread_state = ThreadState::kGone; }

  // Get returns the thread's ciphers, or null when they are gone already.
  static Thread* Get() {
    if (thread_state == ThreadState::kGone) return nullptr;
    static thread_local Thread thread;
    return &thread;
  }

  PieceCipher seal_128{EVP_aes_128_gcm(), Direction::kSeal};
  PieceCipher open_128{EVP_aes_128_gcm(), Direction::kOpen};
  PieceCipher seal_256{EVP_aes_256_gcm(), Direction::kSeal};
  PieceCipher open_256{EVP_aes_256_gcm(), Direction::kOpen};
};

PieceCipher::PieceCipher(const EVP_CIPHER* cipher, Direction direction) : direction_(direction) {
  EVP_CIPHER_CTX_init(&context_);
  CHECK(EVP_CipherInit_ex(&context_, cipher, nullptr, nullptr, nullptr,
                          direction == Direction::kSeal ? 1 : 0));
}

PieceCipher::~PieceCipher() { EVP_CIPHER_CTX_cleanup(&context_); }

PieceCipher* PieceCipher::Of(TlsSuite suite, Direction direction, const Key& key) {
  if (suite == TlsSuite::kChaCha20Poly1305Sha256) return nullptr;
  Thread* thread = Thread::Get();
  if (thread == nullptr) return nullptr;
  const bool seals = direction == Direction::kSeal;
  PieceCipher& cipher = suite == TlsSuite::kAes128GcmSha256
                            ? (seals ? thread->seal_128 : thread->open_128)
                            : (seals ? thread->seal_256 : thread->open_256);
  if (cipher.key_number_ != key.number) {
    CHECK(EVP_CIPHER_CTX_key_length(&cipher.context_) == key.bytes.size());
    CHECK(EVP_CipherInit_ex(&cipher.context_, nullptr, nullptr, Octets(key.bytes), nullptr, -1));
    cipher.key_number_ = key.number;
  }
  return &cipher;
}

void PieceCipher::Forget(uint64_t number) {
  // A thread that never used one has none to make now.
  if (thread_state != ThreadState::kAlive) return;
  static constexpr std::array<uint8_t, EVP_MAX_KEY_LENGTH> kNoKey{};
  Thread* thread = Thread::Get();
  for (PieceCipher* cipher :
       {&thread->seal_128, &thread->open_128, &thread->seal_256, &thread->open_256}) {
    if (cipher->key_number_ != number) continue;
    CHECK(EVP_CipherInit_ex(&cipher->context_, nullptr, nullptr, kNoKey.data(), nullptr, -1));
    cipher->key_number_ = 0;
  }
}

void PieceCipher::Begin(std::span<const uint8_t, 12> nonce, ByteView header) {
  CHECK(EVP_CipherInit_ex(&context_, nullptr, nullptr, nullptr, nonce.data(), -1));
  int size = 0;
  CHECK(
      EVP_CipherUpdate(&context_, nullptr, &size, Octets(header), static_cast<int>(header.size())));
}

void PieceCipher::Take(ByteView in, std::byte* out) {
  // Without input this would be the end.
  if (in.empty()) return;
  int size = 0;
  CHECK(EVP_CipherUpdate(&context_, reinterpret_cast<uint8_t*>(out), &size, Octets(in),
                         static_cast<int>(in.size())));
  CHECK(static_cast<size_t>(size) == in.size());
}

void PieceCipher::FinishSeal(std::span<std::byte, kTlsRecordTag> tag) {
  CHECK(direction_ == Direction::kSeal);
  int size = 0;
  CHECK(EVP_CipherFinal_ex(&context_, nullptr, &size));
  CHECK(EVP_CIPHER_CTX_ctrl(&context_, EVP_CTRL_AEAD_GET_TAG, kTlsRecordTag, MutableOctets(tag)));
}

bool PieceCipher::FinishOpen(ByteView tag) {
  CHECK(direction_ == Direction::kOpen);
  CHECK(tag.size() == kTlsRecordTag);
  // The tag is copied.
  CHECK(EVP_CIPHER_CTX_ctrl(&context_, EVP_CTRL_AEAD_SET_TAG, kTlsRecordTag,
                            const_cast<uint8_t*>(Octets(tag))));
  int size = 0;
  const bool genuine = EVP_CipherFinal_ex(&context_, nullptr, &size) == 1;
  if (!genuine) ERR_clear_error();
  return genuine;
}

}  // namespace engine
