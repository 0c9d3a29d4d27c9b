// Goal: whatever a program writes to the terminal, a notice never lands inside of what it has
// begun. Method: the output in pieces says the same as in one; after it comes what a terminal takes
// for the end of everything (CAN), or a title, wherever there is room for one; both leave nothing
// open.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "client/terminal/escape_watch.h"
#include "engine/base/bytes.h"
#include "engine/base/check.h"

namespace {

constexpr std::string_view kTitle = "\x1b]2;away\x07";
constexpr std::string_view kCancel = "\x18";

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const size_t piece = data[0] + size_t{1};
  engine::ByteView rest(reinterpret_cast<const std::byte*>(data + 1), size - 1);

  client::EscapeWatch whole;
  whole.Follow(rest);
  client::EscapeWatch in_pieces;
  while (!rest.empty()) {
    const engine::ByteView next = rest.first(std::min(piece, rest.size()));
    in_pieces.Follow(next);
    rest = rest.subspan(next.size());
    if (!in_pieces.is_between()) continue;
    client::EscapeWatch titled = in_pieces;
    titled.Follow(engine::AsBytes(kTitle));
    CHECK(titled.is_between());
  }
  CHECK(whole.is_between() == in_pieces.is_between());
  whole.Follow(engine::AsBytes(kCancel));
  CHECK(whole.is_between());
  return 0;
}
