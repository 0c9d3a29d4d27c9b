// Goal: no bytes make a smux session crash or hold more than its bounds, and they mean the same
// however they are cut.
// Method: the first byte says where to cut, the second how much of its data an owner takes; both
// readings must come to the same events. The owner answers, finishes and aborts by what it hears.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <string>

#include "engine/base/check.h"
#include "engine/datachannel/smux_session.h"

namespace {

using engine::ByteView;
using engine::datachannel::SmuxSession;

class Owner final : public SmuxSession::Handler {
 public:
  explicit Owner(bool takes_all) : takes_all_(takes_all) {}
  void OnOpened(uint32_t id) override {
    streams.insert(id);
    if (id % 4 == 3) (void)session.Write(id, engine::AsBytes("welcome"));
  }
  size_t OnData(uint32_t id, ByteView bytes) override {
    CHECK(streams.contains(id));
    const size_t taken = takes_all_ ? bytes.size() : 0;
    received[id] += engine::AsText(bytes.first(taken));
    return taken;
  }
  void OnFinished(uint32_t id) override {
    CHECK(streams.erase(id) == 1);
    if (id % 2 == 0) return session.Abort(id);
    session.Finish(id);
  }
  void OnRoom(uint32_t id) override { CHECK(streams.contains(id)); }

  std::set<uint32_t> streams;
  std::map<uint32_t, std::string> received;
  SmuxSession session{SmuxSession::Side::kMachine,
                      {.streams_max = 8, .stream_backlog_max = 64, .backlogs_max = 100},
                      *this};

 private:
  const bool takes_all_;
};

// Read returns whether the bytes were frames.
bool Read(Owner& owner, ByteView bytes, size_t piece_size) {
  std::array<std::byte, 64> out;
  bool is_good = true;
  while (!bytes.empty() && is_good) {
    const size_t size = std::min(piece_size, bytes.size());
    is_good = owner.session.Receive(bytes.first(size));
    bytes = bytes.subspan(size);
    CHECK(owner.session.stream_count() <= 8);
  }
  while (owner.session.Gather(out) > 0) {
  }
  CHECK(!owner.session.HasOutput());
  return is_good;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  const ByteView bytes = std::as_bytes(std::span(data + 2, size - 2));
  Owner whole(data[1] % 2 == 0), parts(data[1] % 2 == 0);
  CHECK(Read(whole, bytes, size) == Read(parts, bytes, data[0] + size_t{1}));
  CHECK(whole.received == parts.received);
  CHECK(whole.session.backlog_bytes() == parts.session.backlog_bytes());
  return 0;
}
