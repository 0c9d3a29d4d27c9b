// Goal: no bytes crash the look at a connection's beginning, and more bytes never take an answer
// back. Method: the answer to the whole input against the answer to a part of it.

#include <cstdint>

#include "engine/base/check.h"
#include "engine/tls/client_hello.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using State = engine::ClientHello::State;
  const engine::ByteView bytes(reinterpret_cast<const std::byte*>(data), size);
  const engine::ClientHello whole = engine::PeekClientHello(bytes);
  if (whole.state != State::kOk) {
    CHECK(whole.server_name.empty());
    CHECK(whole.protocols.empty());
  }
  // What was decided about a beginning holds for all that begins so.
  const engine::ClientHello part = engine::PeekClientHello(bytes.first(size / 2));
  if (part.state == State::kTooLarge) CHECK(whole.state == State::kTooLarge);
  if (part.state == State::kNotTls) CHECK(whole.state == State::kNotTls);
  return 0;
}
