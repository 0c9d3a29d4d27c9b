// One local connection of a port session: a socket, both directions, each with an end of its own.

#pragma once

#include <cstddef>
#include <cstdint>

#include "client/input_pump.h"
#include "client/plugin/byte_output.h"
#include "engine/datachannel/agent_message.h"
#include "engine/loop/loop.h"

namespace client {

// IsPortError says whether stream data is the machine's word that the target cannot be reached.
bool IsPortError(engine::datachannel::PayloadType type, engine::ByteView payload);

class PortConnection final : private InputPump::Sink, private ByteOutput::Events {
 public:
  class Owner {
   public:
    // Returns how many of the bytes it took; if not all, it calls Resume later.
    virtual size_t OnLocalBytes(PortConnection& local, engine::ByteView bytes) = 0;
    // No more bytes come from it.
    virtual void OnLocalFinished(PortConnection& local) = 0;
    // Some of what was appended went out.
    virtual void OnLocalMoved(PortConnection& local) = 0;
    // It broke: nothing goes either way any more.
    virtual void OnLocalBroken(PortConnection& local) = 0;
    // The last call, always from the loop. The owner may destroy the connection in it, and at no
    // time before.
    virtual void OnLocalOver(PortConnection& local) = 0;

   protected:
    ~Owner() = default;
  };

  // `id` is the owner's. The socket is the connection's from now on.
  PortConnection(engine::Loop& loop, engine::Socket socket, uint32_t id, Owner& owner);

  void Start() { in_.Start(); }
  uint32_t id() const { return id_; }

  void Append(engine::ByteView bytes) { out_.Append(bytes); }
  bool HasEnough() const { return out_.HasEnough(); }
  bool IsFull() const { return out_.IsFull(); }
  bool idle() const { return out_.idle(); }
  void Resume() { in_.Resume(); }

  // FinishOutput says that nothing more will be appended; when both directions are over it closes.
  void FinishOutput();

  // Abort drops everything. OnLocalOver follows, and nothing before it.
  void Abort();

 private:
  size_t TakeInput(engine::BufferRef slice) override;
  void OnInputEnded(engine::IoError error) override;
  void OnOutputMoved(ByteOutput& output) override;
  void OnOutputFailed(ByteOutput& output, engine::IoError error) override;
  void OnClosed(engine::Closed outcome);

  void Break();
  void CloseIfDone();

  engine::Loop& loop_;
  const engine::Socket socket_;
  const uint32_t id_;
  Owner& owner_;
  InputPump in_;
  ByteOutput out_;
  engine::CloseOp close_op_;
  bool input_done_ = false;
  bool output_done_ = false;
  bool is_shut_ = false;
  bool is_aborted_ = false;
  bool is_closing_ = false;
};

}  // namespace client
