#include "engine/tls/client_hello.h"

#include <openssl/bytestring.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <optional>

#include "engine/base/check.h"
#include "engine/crypto/openssl_text.h"

namespace engine {
namespace {

constexpr size_t kRecordHeaderSize = 5;
constexpr size_t kMessageHeaderSize = 4;
constexpr uint8_t kHandshakeRecord = 22;
constexpr uint8_t kClientHelloMessage = 1;
constexpr uint8_t kMajorVersion = 3;

using State = ClientHello::State;

// Measure looks at the headers of records and of the first message alone, and says whether that
// message is whole.
State Measure(ByteView bytes) {
  const auto at = [&](size_t index) { return std::to_integer<uint8_t>(bytes[index]); };
  size_t message_size = 0;   // Known once the message's header is there.
  size_t message_bytes = 0;  // Of the message, header included, in the records so far.
  std::byte header[kMessageHeaderSize];
  size_t offset = 0;
  for (;;) {
    if (offset < bytes.size() && at(offset) != kHandshakeRecord) return State::kNotTls;
    if (offset + 1 < bytes.size() && at(offset + 1) != kMajorVersion) return State::kNotTls;
    if (bytes.size() - offset < kRecordHeaderSize) break;
    const size_t record_size = LoadBig<uint16_t>(bytes.data() + offset + 3);
    if (record_size == 0) return State::kNotTls;
    offset += kRecordHeaderSize;
    const ByteView body = bytes.subspan(offset, std::min(record_size, bytes.size() - offset));
    for (size_t i = 0; i < body.size() && message_bytes + i < kMessageHeaderSize; ++i) {
      header[message_bytes + i] = body[i];
    }
    message_bytes += body.size();
    if (message_bytes > 0 && std::to_integer<uint8_t>(header[0]) != kClientHelloMessage) {
      return State::kNotTls;
    }
    if (message_bytes >= kMessageHeaderSize) {
      message_size = kMessageHeaderSize + (LoadBig<uint32_t>(header) & 0xFFFFFF);
      if (message_size > kClientHelloSizeMax) return State::kTooLarge;
      if (message_bytes >= message_size) return State::kOk;
    }
    if (body.size() < record_size) break;
    offset += record_size;
  }
  return bytes.size() >= kClientHelloSizeMax ? State::kTooLarge : State::kNeedMore;
}

// ReadProtocols reads the extension of RFC 7301.
bool ReadProtocols(CBS extension, std::vector<std::string>& protocols) {
  CBS list;
  if (!CBS_get_u16_length_prefixed(&extension, &list) || CBS_len(&extension) != 0) return false;
  while (CBS_len(&list) > 0) {
    CBS name;
    if (!CBS_get_u8_length_prefixed(&list, &name) || CBS_len(&name) == 0) return false;
    protocols.emplace_back(reinterpret_cast<const char*>(CBS_data(&name)), CBS_len(&name));
  }
  return true;
}

ssl_select_cert_result_t Look(const SSL_CLIENT_HELLO* hello) {
  auto* found = static_cast<std::optional<ClientHello>*>(SSL_get_app_data(hello->ssl));
  ClientHello seen;
  if (const char* name = SSL_get_servername(hello->ssl, TLSEXT_NAMETYPE_host_name);
      name != nullptr) {
    seen.server_name = name;
  }
  const uint8_t* data = nullptr;
  size_t size = 0;
  bool good = true;
  if (SSL_early_callback_ctx_extension_get(
          hello, TLSEXT_TYPE_application_layer_protocol_negotiation, &data, &size)) {
    CBS extension;
    CBS_init(&extension, data, size);
    good = ReadProtocols(extension, seen.protocols);
  }
  if (good) {
    seen.state = State::kOk;
    *found = std::move(seen);
  }
  return ssl_select_cert_error;  // That was all: nothing is answered.
}

SSL_CTX* PeekContext() {
  static SSL_CTX* const context = [] {
    SSL_CTX* made = SSL_CTX_new(TLS_with_buffers_method());
    CHECK(made != nullptr);
    SSL_CTX_set_select_certificate_cb(made, Look);
    return made;
  }();
  return context;
}

}  // namespace

bool ClientHello::Offers(std::string_view protocol) const {
  return std::find(protocols.begin(), protocols.end(), protocol) != protocols.end();
}

ClientHello PeekClientHello(ByteView bytes) {
  const State state = Measure(bytes);
  if (state != State::kOk) return {.state = state, .server_name = {}, .protocols = {}};

  std::optional<ClientHello> found;
  bssl::UniquePtr<SSL> ssl(SSL_new(PeekContext()));
  CHECK(ssl != nullptr);
  bssl::UniquePtr<BIO> input = crypto::ReadOnlyBio(AsText(bytes));
  bssl::UniquePtr<BIO> output(BIO_new(BIO_s_mem()));
  CHECK(output != nullptr);
  SSL_set_bio(ssl.get(), input.release(), output.release());
  SSL_set_accept_state(ssl.get());
  SSL_set_app_data(ssl.get(), &found);
  SSL_do_handshake(ssl.get());
  ERR_clear_error();
  if (!found.has_value()) {
    return {.state = State::kNotTls, .server_name = {}, .protocols = {}};
  }
  return *std::move(found);
}

}  // namespace engine
