// The protocol of a script: any bytes are said, and the beginning of what comes is kept.

#pragma once

#include <algorithm>
#include <span>
#include <string>

#include "engine/buffer/record_protocol.h"

namespace engine::test {

class SpokenBytes : public RecordProtocol {
 public:
  void Receive(BufferRef plaintext, Instant) override {
    heard_ += AsText(plaintext.bytes()).substr(0, kKeptMax - std::min(kKeptMax, heard_.size()));
  }
  size_t GatherRecord(std::span<ByteView> slices, Instant) override {
    if (to_say_.empty()) return 0;
    slices[0] = AsBytes(to_say_).first(std::min(to_say_.size(), kRecordSizeMax));
    taking_ = slices[0].size();
    return 1;
  }
  void RecordTaken() override { to_say_.erase(0, taking_); }
  Instant NextDeadline() const override { return Instant::max(); }
  void HandleDeadline(Instant) override {}

 protected:
  std::string to_say_;
  std::string heard_;

 private:
  static constexpr size_t kKeptMax = 16 * 1024;
  size_t taking_ = 0;
};

}  // namespace engine::test
