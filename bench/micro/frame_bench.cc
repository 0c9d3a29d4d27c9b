// Question: what does a frame's header cost, and what does cutting a chunk into frames?
// Method: the codec alone; then the parser over 64-KiB chunks of frames of one size.

#include <benchmark/benchmark.h>

#include <array>
#include <vector>

#include "engine/mux/frame_parser.h"

namespace engine {
namespace {

void BM_HeaderBuildAndParse(benchmark::State& state) {
  std::array<std::byte, kFrameHeaderSize> bytes;
  FrameHeader header{FrameType::kData, 0, 100, StreamId{1}};
  for (auto _ : state) {
    BuildFrameHeader(header, bytes.data());
    benchmark::DoNotOptimize(bytes);
    FrameHeader parsed;
    benchmark::DoNotOptimize(ParseFrameHeader(bytes, parsed));
    benchmark::DoNotOptimize(parsed);
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(BM_HeaderBuildAndParse);

void BM_ParseChunk(benchmark::State& state) {
  constexpr uint32_t kChunkSize = 64 * 1024;
  const size_t payload_size = static_cast<size_t>(state.range(0));
  BufferPool pool(2, kChunkSize);
  const BufferRef chunk = pool.Take();
  size_t size = 0;
  for (; size + kFrameHeaderSize + payload_size <= kChunkSize;
       size += kFrameHeaderSize + payload_size)
    BuildFrameHeader({FrameType::kData, 0, static_cast<uint16_t>(payload_size), StreamId{1}},
                     chunk.bytes().data() + size);
  FrameParser parser;
  FrameParser::Frame frame;
  int64_t frames = 0;
  for (auto _ : state) {
    parser.Feed(chunk.Share(0, size));
    while (parser.Next(frame) == FrameParser::Result::kFrame) {
      benchmark::DoNotOptimize(frame.data);
      ++frames;
    }
  }
  state.SetItemsProcessed(frames);
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(size));
}
BENCHMARK(BM_ParseChunk)->ArgName("payload")->Arg(64)->Arg(1'024)->Arg(16'376);

}  // namespace
}  // namespace engine

BENCHMARK_MAIN();
