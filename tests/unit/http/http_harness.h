// A connection for HTTP sessions that is made of strings.

#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>
#include <string>
#include <string_view>

#include "engine/buffer/buffer_pool.h"
#include "engine/buffer/record_protocol.h"

namespace engine {

class StringCarrier final : public RecordCarrier {
 public:
  void OutputReady() override { ++ready_count; }
  void CloseAfterOutput() override { closed = true; }
  void GiveUpPeer() override { given_up = true; }

  // Deliver hands `bytes` to the protocol in pieces of at most `piece` bytes.
  void Deliver(RecordProtocol& protocol, std::string_view bytes, size_t piece = 8192) {
    while (!bytes.empty()) {
      const std::string_view part = bytes.substr(0, piece);
      bytes.remove_prefix(part.size());
      BufferRef block = pool.Take();
      std::memcpy(block.bytes().data(), part.data(), part.size());
      protocol.Receive(block.Share(0, part.size()), now);
    }
  }

  // Collect takes all output, record by record.
  std::string Collect(RecordProtocol& protocol) {
    std::string out;
    for (;;) {
      std::array<ByteView, kRecordSlicesMax> slices;
      const size_t count = protocol.GatherRecord(slices, now);
      if (count == 0) return out;
      size_t size = 0;
      for (size_t i = 0; i < count; ++i) {
        size += slices[i].size();
        out += AsText(slices[i]);
      }
      largest_record = std::max(largest_record, size);
      protocol.RecordTaken();
    }
  }

  Instant now{std::chrono::hours(1)};
  bool closed = false;
  bool given_up = false;
  int ready_count = 0;
  size_t largest_record = 0;

 private:
  BufferPool pool{4, 8192};
};

}  // namespace engine
