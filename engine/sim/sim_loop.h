#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "engine/base/random.h"
#include "engine/buffer/buffer_pool.h"
#include "engine/loop/loop.h"
#include "engine/loop/timer_queue.h"
#include "engine/sim/faults.h"
#include "engine/sim/sim_network.h"

namespace engine::sim {

// SimWorld is what loops share that belong to one simulated world: its time, its network, its luck.
struct SimWorld {
  SimWorld(uint64_t seed, const Faults& its_faults)
      : random(seed), faults(its_faults), network(random, faults) {}

  Random random;
  const Faults faults;
  SimNetwork network;
  Instant now{Duration{1}};  // Not zero: zero often means "never".
};

// SimLoop keeps the contract of loop.h with virtual time, a network in memory, and faults, all
// drawn from one seed: the same seed gives the same run, byte for byte. A whole world (agent, relay
// and client) runs on one SimLoop, or each process of it has one of its own; its sockets find one
// another by address.
//
// A kFile is a real descriptor, which is asked whether it has something to read: a signalfd, whose
// signals the world raises. It must not depend on what other processes do.
//
// It is stricter than a kernel. It stops the program that uses a closed socket, closes one with an
// op in flight, starts a second op in the same direction, or changes bytes that a Send has
// borrowed.
class SimLoop final : public Loop {
 public:
  static constexpr size_t kOpsMax = 16384;  // In flight. More stop the run: it is a leak.

  // Alone in a world of its own.
  SimLoop(uint64_t seed, const Faults& faults, uint16_t block_count, uint32_t block_size);
  // One process of several. Who runs them moves the time to the earliest NextAt, and then calls
  // RunOnce with nothing to wait for. `world` outlives the loop.
  SimLoop(SimWorld& world, SimNetwork::Process process, uint16_t block_count, uint32_t block_size);
  ~SimLoop() override;

  // ConnectedPair returns two sockets that are each other's peer.
  std::array<Socket, 2> ConnectedPair();

  // A number that two runs share only when they did the same. For tests.
  uint64_t trace_hash() const { return trace_hash_; }
  SimNetwork& network() { return network_; }
  SimNetwork::Process process() const { return process_; }

  // NextAt is when RunOnce next has something to do; Instant::max() if only another loop, or
  // somebody else, can change that.
  Instant NextAt() const;

  void RunOnce(Duration wait_max) override;
  Instant Now() const override { return now_; }
  void Accept(AcceptOp& op, Socket listener) override;
  void Connect(ConnectOp& op, Socket socket, const Address& peer) override;
  void Receive(ReceiveOp& op, Socket socket, ReceiveMode mode) override;
  void Send(SendOp& op, Socket socket, std::span<const ByteView> slices, SendMode mode) override;
  void Forward(ForwardOp& op, Socket from, Socket to) override;
  void StartTimer(TimerOp& op, Instant deadline) override;
  void Close(CloseOp& op, Socket socket, CloseMode mode) override;
  using Loop::Close;
  void Cancel(Op& op) override;
  void Wake() noexcept override { woken_ = true; }
  BufferPool& buffers() override { return buffers_; }
  Opened OpenStream(int) override { return network_.Open(process_); }
  Opened Listen(const Address& local, int backlog) override {
    return network_.Listen(local, backlog, process_);
  }
  Socket Adopt(int descriptor) override;
  void Release(Socket socket) override;
  IoError Shutdown(Socket socket, ShutdownSide side) override;
  void SetOptions(Socket socket, const SocketOptions& options) override;
  Address LocalAddress(Socket socket) const override { return network_.LocalAddress(socket); }
  Address PeerAddress(Socket socket) const override { return network_.PeerAddress(socket); }

 private:
  // Loan is what a Send has borrowed, and what it looked like then.
  struct Loan {
    const SendOp* op;
    std::array<ByteView, kSendSlicesMax> slices;
    size_t slice_count;
    uint64_t checksum;
  };

  SimLoop(std::unique_ptr<SimWorld> own, uint16_t block_count, uint32_t block_size);
  void Activate(Op& op);
  // Use is what an op occupies of a socket.
  enum class Use : uint8_t { kAccept, kConnect, kReceive, kSend, kAny };
  static bool Uses(const Op& op, Socket socket, Use use);
  void CheckFree(Socket socket, Use use) const;
  // ProgressAt says when an op may get on; ReadyAt, when it has to be stepped: also to be canceled.
  Instant ProgressAt(const Op& op) const;
  Instant ReadyAt(const Op& op) const;
  void PassTime(Duration wait_max);
  // Each Step returns true when the op's final completion ran, after which it may be gone.
  bool Step(Op& op);
  bool StepCanceled(Op& op);
  bool StepAccept(AcceptOp& op);
  bool StepConnect(ConnectOp& op);
  bool StepReceive(ReceiveOp& op);
  static Instant FileReadyAt(Socket file);
  bool StepFile(ReceiveOp& op);
  void CompleteBatch(ReceiveOp& op, BufferRef first);
  bool StepSend(SendOp& op);
  bool FinishSend(SendOp& op, IoError error);
  bool StepForward(ForwardOp& op);
  bool FinishForward(ForwardOp& op, IoError error, bool at_sender);
  void Borrow(const SendOp& op, std::span<const ByteView> slices);
  void GiveBack(const SendOp& op);
  void Trace(uint64_t what) { trace_hash_ = (trace_hash_ ^ what) * 0x100000001B3u; }

  std::unique_ptr<SimWorld> own_;  // When it is alone.
  Random& random_;
  const Faults& faults_;
  SimNetwork& network_;
  Instant& now_;
  const SimNetwork::Process process_;
  BufferPool buffers_;
  TimerQueue timers_;
  bool woken_ = false;
  std::vector<Op*> active_;    // In flight, without timers that wait for their deadline.
  std::vector<Op*> stepping_;  // Taken from active_ for this iteration.
  std::vector<Loan> loans_;
  uint64_t trace_hash_ = 0xCBF29CE484222325u;
};

}  // namespace engine::sim
