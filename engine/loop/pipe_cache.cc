#include "engine/loop/pipe_cache.h"

#include <fcntl.h>
#include <unistd.h>

#include "engine/base/check.h"

namespace engine {

PipeCache::~PipeCache() {
  while (kept_count_ > 0) Destroy(kept_[--kept_count_]);
  CHECK(pipe_count_ == 0);
}

Pipe PipeCache::Take() {
  if (kept_count_ > 0) return kept_[--kept_count_];
  if (pipe_count_ >= pipes_max_) return {};
  return Make();
}

void PipeCache::Return(Pipe pipe, bool empty) {
  CHECK(pipe.valid());
  const bool keep = empty && kept_count_ < kKeptMax && pipe_count_ <= pipes_max_;
  if (!keep) return Destroy(pipe);
  kept_[kept_count_++] = pipe;
}

void PipeCache::LimitTo(size_t pipes_max) {
  pipes_max_ = pipes_max;
  while (kept_count_ > 0 && pipe_count_ > pipes_max_) Destroy(kept_[--kept_count_]);
}

Pipe PipeCache::Make() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) return {};
  ++pipe_count_;
  Pipe pipe{.read = ends[0], .write = ends[1]};
  int granted = -1;
  for (uint32_t size = kPipeSize; granted < 0 && size >= kPipeSizeMin; size /= 2) {
    granted = ::fcntl(pipe.write, F_SETPIPE_SZ, size);
  }
  // Refused, it keeps what it was born with: 64 KiB, or two pages for a user who has too many.
  if (granted < 0) granted = ::fcntl(pipe.write, F_GETPIPE_SZ);
  if (granted < static_cast<int>(kPipeSizeMin)) {
    Destroy(pipe);
    return {};
  }
  pipe.slots = static_cast<uint32_t>(granted / ::sysconf(_SC_PAGESIZE));
  return pipe;
}

void PipeCache::Destroy(Pipe pipe) {
  ::close(pipe.read);
  ::close(pipe.write);
  --pipe_count_;
}

}  // namespace engine
