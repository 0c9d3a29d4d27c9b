// Moves bytes between one descriptor and one stream, with back-pressure both ways.
//
//     descriptor -- Receive, a batch of blocks --> StreamHandle::Write --> peer
//                   (stops while Write takes less than that)
//     descriptor <-- Send -- ByteQueue <-- Write <-- peer
//                   (Consume only what was sent: the stream's window bounds the queue)

#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <string_view>

#include "agent/target/byte_queue.h"
#include "agent/target/stream_handle.h"
#include "engine/buffer/recycled_ring.h"
#include "engine/buffer/slice_packer.h"
#include "engine/loop/loop.h"
#include "engine/mux/multiplexer.h"

namespace agent {

class DescriptorPump {
 public:
  // Events come from inside the loop's handlers, or from inside Write and FinishWriting.
  class Events {
   public:
    // Nothing more is read: the end (kEndOfStream), or how reading failed.
    virtual void OnReadEnd(DescriptorPump& pump, engine::IoError error) = 0;
    // Nothing more is written: all that came before FinishWriting was (kNone), or writing failed;
    // what comes later is dropped.
    virtual void OnWriteEnd(DescriptorPump& pump, engine::IoError error) = 0;
    // Close is done; the pump may be opened again or destroyed.
    virtual void OnPumpClosed(DescriptorPump& pump) = 0;

   protected:
    ~Events() = default;
  };

  // `stream` and `events` outlive the pump. What is read goes to `channel`.
  DescriptorPump(engine::Loop& loop, StreamHandle& stream, engine::Channel channel, Events& events);
  ~DescriptorPump();  // Requires: !open().
  DescriptorPump(const DescriptorPump&) = delete;
  DescriptorPump& operator=(const DescriptorPump&) = delete;

  // Open takes over a socket or file. Requires: !open().
  void Open(engine::Socket socket);

  // StartReading reads until the end; ReadOn goes on after OnWritable, if it was waiting for that.
  void StartReading();
  void ReadOn();
  // StopReading ends reading without OnReadEnd; what is read already still goes to the stream.
  void StopReading();

  // Write queues what came from the stream. FinishWriting says that nothing comes after it, except
  // `last_words` (at most kLastWordsMax bytes, copied).
  static constexpr size_t kLastWordsMax = 2;
  void Write(engine::BufferRef payload);
  void FinishWriting(std::string_view last_words = {});

  // Close cancels what is in flight, awaits it, closes the descriptor, and calls OnPumpClosed in a
  // later iteration. It does nothing when closed or closing already.
  void Close(engine::CloseMode mode = engine::CloseMode::kOrderly);

  bool open() const { return socket_.valid(); }
  engine::Socket socket() const { return socket_; }
  // True while the stream takes no more and a batch waits for it.
  bool waiting_for_stream() const { return !held_.empty(); }
  uint64_t read_bytes() const { return read_bytes_; }
  uint64_t written_bytes() const { return written_bytes_; }

 private:
  void Receive();
  void Send();
  bool ForwardHeld();
  void EndWriting(engine::IoError error);
  void Join();
  void OnReceived(engine::Received outcome);
  void OnSent(engine::Sent outcome);
  void OnRetry(engine::Fired outcome);
  void OnClosed(engine::Closed outcome);

  engine::Loop& loop_;
  StreamHandle& stream_;
  Events& events_;
  const engine::Channel channel_;
  engine::Socket socket_;
  engine::ReceiveOp receive_op_;
  engine::SendOp send_op_;
  engine::TimerOp retry_op_;
  engine::CloseOp close_op_;
  engine::CloseMode close_mode_ = engine::CloseMode::kOrderly;

  engine::SlicePacker packer_;  // For what is read.
  // Read, and not yet taken by the stream.
  engine::RecycledRing<engine::BufferRef, engine::kReceiveBlocksMax> held_;
  ByteQueue queue_;  // To be written.
  std::array<char, kLastWordsMax> last_words_{};
  size_t last_words_size_ = 0;
  uint64_t read_bytes_ = 0;
  uint64_t written_bytes_ = 0;
  bool reading_ = false;
  bool writing_ = false;    // Until OnWriteEnd.
  bool finishing_ = false;  // FinishWriting was called.
  bool sending_last_words_ = false;
  bool closing_ = false;
};

}  // namespace agent
