#pragma once

#include <string>
#include <string_view>

#include "engine/loop/loop.h"

namespace agent {

// GenerationLink is one end of a socket between two processes of one agent: lines of text, both
// ways. The other end is a program of ours, of this version or another one; so what it says is
// bounded, but not distrusted.
class GenerationLink {
 public:
  // A line holds a control message. What is queued beyond kQueuedMax is not taken.
  static constexpr size_t kLineMax = 128 * 1024;
  static constexpr size_t kQueuedMax = 4 * 1024 * 1024;

  class Events {
   public:
    virtual void OnLine(GenerationLink& link, std::string_view line) = 0;
    // The other process has ended, or says no more. Nothing follows; whether it still listens is
    // not known.
    virtual void OnEnd(GenerationLink& link) = 0;

   protected:
    ~Events() = default;
  };

  // Takes `descriptor`, a connected stream socket. `events` outlives the link.
  GenerationLink(engine::Loop& loop, int descriptor, Events& events);
  ~GenerationLink();  // Requires: closed().
  GenerationLink(const GenerationLink&) = delete;
  GenerationLink& operator=(const GenerationLink&) = delete;

  // Send queues one line, which has no line end of its own. False: the link takes no more now, or
  // is broken.
  [[nodiscard]] bool Send(std::string_view line);

  // Finish says that nothing more comes from here, once what is queued is sent.
  void Finish();

  bool has_ended() const { return has_ended_; }
  // True once nothing waits to be sent any more.
  bool is_flushed() const { return sending_.empty() && queued_.empty(); }

  // Close ends both directions at once; closed() becomes true now or in a later iteration.
  void Close();
  bool closed() const { return closed_; }

 private:
  void OnReceived(engine::Received outcome);
  void OnSent(engine::Sent outcome);
  void OnClosed(engine::Closed outcome);
  void OnRetry(engine::Fired outcome);
  void Receive();
  void SendQueued();
  void End();
  void Join();

  engine::Loop& loop_;
  Events& events_;
  const engine::Socket socket_;
  engine::ReceiveOp receive_op_;
  engine::SendOp send_op_;
  engine::TimerOp retry_op_;  // While the pool has no block.
  engine::CloseOp close_op_;
  std::string received_;  // The beginning of a line whose end has not come.
  std::string sending_;   // Borrowed by send_op_.
  std::string queued_;
  bool has_ended_ = false;
  bool is_broken_ = false;
  bool finishing_ = false;
  bool closing_ = false;
  bool closed_ = false;
};

}  // namespace agent
