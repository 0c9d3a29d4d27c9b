// Slices on their way out of this process: to a local connection, or to stdout and stderr.
//
//     Push(slice) --> [ waiting ] --> one Send in flight --> OnPumped(bytes)
//
// Bytes go out of the block they were received into. Only small slices that have to wait are packed
// together by a copy, so that a thousand keystrokes do not hold a thousand blocks.

#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "engine/buffer/buffer_pool.h"
#include "engine/buffer/slice_packer.h"
#include "engine/loop/loop.h"

namespace client {

class OutputPump {
 public:
  // Handlers run inside Loop::RunOnce only. Either may destroy the pump when in_flight() is false.
  class Events {
   public:
    virtual ~Events() = default;
    // The kernel took so many bytes: the sender may have credit for them.
    virtual void OnPumped(OutputPump& pump, size_t bytes) = 0;
    // Nothing goes out any more; `dropped_bytes` had waited. kCanceled: Stop was called.
    virtual void OnPumpFailed(OutputPump& pump, engine::IoError error, size_t dropped_bytes) = 0;
  };

  // Slices that may wait. A stream's credit is spent long before, unless the sender cuts it into
  // crumbs between large slices; that is refused.
  static constexpr size_t kWaitingMax = 16 * 1024;

  OutputPump(engine::Loop& loop, engine::Socket socket, Events& events);

  // Push sends `slice`, now or when what was pushed before is out. False: kWaitingMax slices wait,
  // and this one was not taken. After a failure slices are dropped.
  [[nodiscard]] bool Push(engine::BufferRef slice);

  // Stop drops what waits and cancels the Send in flight. If there is one, OnPumpFailed follows.
  void Stop();

  bool idle() const { return count_ == 0; }  // Everything pushed is out.
  bool failed() const { return failed_; }
  bool in_flight() const { return send_op_.in_flight(); }

 private:
  void OnSent(engine::Sent outcome);
  void StartSend();
  void Append(engine::BufferRef slice);
  engine::BufferRef& At(size_t index) { return waiting_[(first_ + index) % waiting_.size()]; }
  size_t Drop();

  engine::Loop& loop_;
  const engine::Socket socket_;
  Events& events_;
  engine::SendOp send_op_;
  engine::SlicePacker packer_;
  // A ring that starts small and grows to what a slow reader once needed.
  std::vector<engine::BufferRef> waiting_;
  size_t first_ = 0;
  size_t count_ = 0;
  size_t sending_count_ = 0;  // The first of them, in flight.
  size_t sending_bytes_ = 0;
  bool failed_ = false;
};

}  // namespace client
