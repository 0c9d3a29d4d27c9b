// Goal: the parser survives any bytes, and finds the same frames wherever they are cut.
// Method: parse the input whole and in chunks whose sizes its first bytes say, and compare.

#include <algorithm>
#include <string>

#include "engine/mux/frame_parser.h"

namespace {

using engine::FrameParser;

// Parse returns one line a frame and, at the end, the error.
std::string Parse(engine::ByteView input, size_t chunk_size) {
  engine::BufferPool pool(2, 64 * 1024);
  FrameParser parser;
  std::string out;
  FrameParser::Frame frame;
  FrameParser::Result result = FrameParser::Result::kHungry;
  while (!input.empty() && result == FrameParser::Result::kHungry) {
    const engine::ByteView chunk =
        input.first(std::min({input.size(), chunk_size, size_t{65'536}}));
    input = input.subspan(chunk.size());
    const engine::BufferRef block = pool.Take();
    std::copy(chunk.begin(), chunk.end(), block.bytes().begin());
    parser.Feed(block.Share(0, chunk.size()));
    while ((result = parser.Next(frame)) == FrameParser::Result::kFrame) {
      if (frame.is_first) out += '\n' + std::to_string(static_cast<int>(frame.header.type));
      out += engine::AsText(frame.payload);
      out += engine::AsText(frame.data.bytes());
    }
  }
  return out += engine::FrameErrorText(parser.error());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  const engine::ByteView input(reinterpret_cast<const std::byte*>(data), size);
  const size_t chunk_size = 1 + engine::LoadBig<uint16_t>(input.data());
  CHECK(Parse(input.subspan(2), chunk_size) == Parse(input.subspan(2), 64 * 1024));
  return 0;
}
