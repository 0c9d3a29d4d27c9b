// The network of the simulator: sockets in memory, found by their address.
//
//   Send --> [ link: bandwidth, latency ] --> [ inbox of the peer, 64 KiB ] --> Receive
//                                 a byte counts against the inbox from when it was sent
//
// A socket belongs to a process, which can die, on a machine. Between two processes of one machine
// nothing goes wrong and nothing takes time; between two machines the way may be cut for a while.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "engine/base/random.h"
#include "engine/base/time.h"
#include "engine/loop/loop.h"
#include "engine/sim/faults.h"

namespace engine::sim {

// SimNetwork holds every socket of one simulated world. It starts nothing by itself: SimLoop asks
// it what each op may do at its time.
//
// Invariants of a connected socket: arrived <= size <= kInboxSize; its segments hold size - arrived
// bytes; its peer, while open, points back.
class SimNetwork {
 public:
  // A process on its machine. Those who do not care are all kNobody, whose connections are far
  // ones.
  using Process = uint16_t;
  static constexpr Process kNobody = 0;
  static constexpr size_t kMachinesMax = 8;

  static constexpr size_t kSocketsMax = 4096;      // Beyond: kExhausted.
  static constexpr size_t kInboxSize = 64 * 1024;  // The kernel's socket buffer.
  static constexpr size_t kPipeSize = 16 * 1024;   // What a forward takes at a time.
  static constexpr size_t kBacklogMax = 128;

  SimNetwork(Random& random, const Faults& faults);
  ~SimNetwork();
  SimNetwork(const SimNetwork&) = delete;
  SimNetwork& operator=(const SimNetwork&) = delete;

  // NewProcess names one more process. Requires: 1 <= machine < kMachinesMax.
  Process NewProcess(size_t machine);

  Opened Open(Process owner = kNobody);
  // Pair makes two sockets that are each other's peer, as a pipe or a terminal is. Requires: both
  // are of one machine; there are sockets left.
  std::array<Socket, 2> Pair(Process one, Process other);
  Opened Listen(const Address& local, int backlog, Process owner = kNobody);
  // Close frees the socket, and tells its peer the end or a reset.
  void Close(Socket socket, CloseMode mode, Instant now);
  void Shutdown(Socket socket, ShutdownSide side, Instant now);
  Address LocalAddress(Socket socket) const { return At(socket).local; }
  Address PeerAddress(Socket socket) const { return At(socket).remote; }
  bool IsOpen(Socket socket) const;
  size_t open_count() const { return open_count_; }
  size_t open_count(Process owner) const;

  // Break resets a connection at both ends. Vanish makes it a half-open one: nothing that is sent
  // arrives any more, and nobody is told.
  void Break(Socket socket, Instant now);
  void Vanish(Socket socket);

  // Stall keeps all that is sent on a connection from now on, both ways, until then: its end, too.
  void Stall(Socket socket, Instant until);

  // Kill is the end of a process: kernel (kCrash) or nobody (kPowerLoss) tells its peers. Its
  // sockets stay until they are closed, but whatever is asked of them fails. On its own machine
  // they are reset, so that an end in order always means what it says.
  enum class Death : uint8_t { kCrash, kPowerLoss };
  void Kill(Process process, Death death, Instant now);

  // Cut keeps all that is sent between two machines on its way until then, as TCP does that sends
  // it again and again; connections wait to be made.
  void Cut(size_t machine, size_t other, Instant until);

  // SetDry takes all free descriptors of a process away, or gives them back: what would need one
  // fails.
  void SetDry(Process process, bool is_dry) { processes_[process].is_dry = is_dry; }
  bool IsDry(Process process) const { return processes_[process].is_dry; }

  // FarConnections returns one end of every connection between two machines.
  std::vector<Socket> FarConnections() const;
  // NewestConnection returns one end of the youngest one between these two; invalid: there is none.
  Socket NewestConnection(size_t machine, size_t other) const;

  // What one step of an op did. `done` false: nothing yet.
  struct Step {
    bool done = false;
    IoError error = IoError::kNone;
    size_t size = 0;
  };
  Step StepConnect(Socket socket, const Address& peer, Instant now);
  // StepReceive copies at most `block` bytes that have arrived. An empty block only asks: then
  // `done` without an error says that bytes are there.
  Step StepReceive(Socket socket, std::span<std::byte> block, Instant now);
  // StepSend copies what fits; `size` may be less than the slice, and zero.
  Step StepSend(Socket socket, ByteView slice, Instant now);
  // PipeOf is where a forward keeps what it took from the socket.
  std::span<std::byte> PipeOf(Socket socket) const;
  // TakeAccepted returns a connection that waits at a listener, or an invalid socket.
  Socket TakeAccepted(Socket listener);

  // The earliest time at which a step of that kind would do something; Instant::max() if only
  // another op can change that.
  Instant ReceiveReadyAt(Socket socket) const;
  Instant SendReadyAt(Socket socket) const;
  Instant AcceptReadyAt(Socket listener) const;
  Instant ConnectReadyAt(Socket socket, const Address& peer) const;

 private:
  enum class State : uint8_t { kFree, kOpen, kListening, kConnected };
  struct Segment {
    Instant arrives;
    size_t size;
  };
  static constexpr size_t kSegmentsMax = 32;  // On their way; more are joined to the last one.
  struct ProcessState {
    size_t machine = 0;
    bool is_dead = false;
    bool is_dry = false;
  };

  struct Endpoint {
    State state = State::kFree;
    uint32_t generation = 0;
    Address local;
    Address remote;
    size_t peer = 0;
    bool peer_open = false;
    bool send_ended = false;
    bool receive_ended = false;
    bool vanished = false;
    bool is_far = false;
    Process process = kNobody;
    size_t peer_machine = 0;
    uint64_t serial = 0;      // Of the connection; later ones have greater ones.
    Instant stalled_until{};  // What is sent to here arrives after that.
    size_t swallowed = 0;     // Bytes that were sent and went nowhere: the kernel keeps them.
    size_t head = 0;
    size_t size = 0;
    size_t arrived = 0;
    std::array<Segment, kSegmentsMax> segments{};
    size_t segment_first = 0;
    size_t segment_count = 0;
    Instant end_at = Instant::max();    // When the peer's end arrives.
    Instant reset_at = Instant::max();  // When a reset arrives.
    Instant link_free{};                // When the link to here has sent all that it was given.
    Duration latency{};
    std::array<uint32_t, kBacklogMax> waiting{};  // Of a listener: endpoints not accepted yet.
    size_t waiting_first = 0;
    size_t waiting_count = 0;
    size_t waiting_max = 0;
  };

  const Endpoint& At(Socket socket) const;
  Endpoint& At(Socket socket);
  Socket SocketOf(size_t index) const;
  size_t IndexOf(const Endpoint& endpoint) const;
  Endpoint* Allocate();
  void Free(Endpoint& endpoint);
  const Endpoint* FindListener(const Address& address) const;
  size_t MachineOf(const Endpoint& endpoint) const { return processes_[endpoint.process].machine; }
  // PassesAt is when something that is sent to `there` now is on its way.
  Instant PassesAt(const Endpoint& there, Instant now) const;
  // CutUntil is when bytes pass again between two machines.
  Instant CutUntil(size_t machine, size_t other) const;
  void CloseWaiting(Socket listener, Instant now);
  // EndPeer tells the peer that this end is gone, as a kernel does.
  void EndPeer(Endpoint& endpoint, bool reset, Instant now);
  Address WithPort(const Address& address, uint16_t port) const;
  // Arrival returns when what is sent to `there` now arrives, and books the link for it.
  Instant Arrival(Endpoint& there, size_t size, Instant now);
  void Receive(Endpoint& endpoint, Instant now);  // Lets segments arrive.
  void ResetPeer(Endpoint& endpoint, Instant now);
  std::byte* InboxOf(const Endpoint& endpoint) const {
    return inboxes_ + IndexOf(endpoint) * kInboxSize;
  }

  Random& random_;
  const Faults faults_;
  std::vector<Endpoint> endpoints_;
  std::vector<uint32_t> free_;
  std::byte* inboxes_ = nullptr;  // Of all sockets, and then their pipes.
  std::vector<ProcessState> processes_{1};
  std::array<std::array<Instant, kMachinesMax>, kMachinesMax> cut_until_{};
  size_t open_count_ = 0;
  uint16_t next_port_ = 49152;
  uint64_t next_serial_ = 1;
};

}  // namespace engine::sim
