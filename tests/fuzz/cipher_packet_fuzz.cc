// Goal: any stream is read without harm, and as the same packets wherever it is cut.
// Method: read the input whole and in pieces whose size its first byte says, and compare.

#include <algorithm>
#include <cstdint>
#include <string>

#include "engine/base/check.h"
#include "engine/wire/cipher_packet.h"

namespace {

std::string Read(engine::ByteView input, size_t piece_size) {
  engine::PacketReader reader;
  std::string out;
  while (!input.empty() && !reader.failed()) {
    engine::ByteView piece = input.first(std::min(piece_size, input.size()));
    input = input.subspan(piece.size());
    while (!piece.empty() && !reader.failed()) {
      piece = piece.subspan(reader.Take(piece));
      if (!reader.whole()) continue;
      out += static_cast<char>(reader.kind());
      out += std::to_string(reader.payload().size()) + ":";
      out += engine::AsText(reader.payload());
      reader.Pop();
    }
  }
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 1) return 0;
  const engine::ByteView input(reinterpret_cast<const std::byte*>(data), size);
  const size_t piece_size = 1 + static_cast<size_t>(input[0]);
  CHECK(Read(input.subspan(1), piece_size) == Read(input.subspan(1), input.size()));
  return 0;
}
