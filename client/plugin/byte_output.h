// Bytes on their way out of the plugin: to stdout, or to a local connection. They lie in messages
// that end elsewhere, so they are copied, into two pieces of memory that are kept.

#pragma once

#include <cstddef>
#include <string>

#include "engine/base/bytes.h"
#include "engine/loop/loop.h"

namespace client {

class ByteOutput {
 public:
  class Events {
   public:
    // Some of it went out. May call Append.
    virtual void OnOutputMoved(ByteOutput& output) = 0;
    // Nothing goes out any more. kCanceled: Stop was called.
    virtual void OnOutputFailed(ByteOutput& output, engine::IoError error) = 0;

   protected:
    ~Events() = default;
  };

  // While kEnough waits, whoever appends should stop, and must at kWaitingMax. Between the two is
  // what is on its way already.
  static constexpr size_t kEnough = 256 * 1024;
  static constexpr size_t kWaitingMax = 1024 * 1024;

  ByteOutput(engine::Loop& loop, engine::Socket socket, Events& events);

  bool HasEnough() const { return waiting_.size() >= kEnough; }
  bool IsFull() const { return waiting_.size() >= kWaitingMax; }
  // Requires: not IsFull().
  void Append(engine::ByteView bytes);

  // Stop drops what waits. If something is in flight, OnOutputFailed follows.
  void Stop();

  bool idle() const { return waiting_.empty() && !in_flight(); }
  bool failed() const { return is_over_; }
  bool in_flight() const { return send_op_.in_flight(); }

 private:
  void OnSent(engine::Sent outcome);
  void StartSend();

  engine::Loop& loop_;
  const engine::Socket socket_;
  Events& events_;
  engine::SendOp send_op_;
  std::string waiting_;
  std::string sending_;
  bool is_over_ = false;
};

}  // namespace client
