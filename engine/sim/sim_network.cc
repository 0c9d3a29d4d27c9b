#include "engine/sim/sim_network.h"

#include <netinet/in.h>
#include <sys/mman.h>

#include <algorithm>
#include <cstring>

namespace engine::sim {
namespace {

constexpr Instant kNever = Instant::max();

constexpr size_t kMemorySize =
    SimNetwork::kSocketsMax * (SimNetwork::kInboxSize + SimNetwork::kPipeSize);

bool IsAnyHost(const Address& address) {
  const std::string host = address.HostText();
  return host == "0.0.0.0" || host == "::";
}

}  // namespace

SimNetwork::SimNetwork(Random& random, const Faults& faults)
    : random_(random), faults_(faults), endpoints_(kSocketsMax) {
  for (auto& row : cut_until_) row.fill(Instant::min());
  free_.reserve(kSocketsMax);
  for (size_t i = kSocketsMax; i > 0; --i) free_.push_back(static_cast<uint32_t>(i - 1));
  void* memory = ::mmap(nullptr, kMemorySize, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  CHECK(memory != MAP_FAILED);
  inboxes_ = static_cast<std::byte*>(memory);
}

SimNetwork::~SimNetwork() { ::munmap(inboxes_, kMemorySize); }

// A handle has the generation in its upper half, so that using a closed socket is found at once.
Socket SimNetwork::SocketOf(size_t index) const {
  const uint64_t handle = uint64_t{endpoints_[index].generation} << 16 | index;
  return {static_cast<intptr_t>(handle), SocketKind::kSocket};
}

bool SimNetwork::IsOpen(Socket socket) const {
  const auto handle = static_cast<uint64_t>(socket.handle);
  const size_t index = handle & 0xFFFF;
  return socket.valid() && index < kSocketsMax && endpoints_[index].state != State::kFree &&
         endpoints_[index].generation == handle >> 16;
}

const SimNetwork::Endpoint& SimNetwork::At(Socket socket) const {
  CHECK(IsOpen(socket));
  return endpoints_[static_cast<uint64_t>(socket.handle) & 0xFFFF];
}

SimNetwork::Endpoint& SimNetwork::At(Socket socket) {
  CHECK(IsOpen(socket));
  return endpoints_[static_cast<uint64_t>(socket.handle) & 0xFFFF];
}

size_t SimNetwork::IndexOf(const Endpoint& endpoint) const {
  return static_cast<size_t>(&endpoint - endpoints_.data());
}

SimNetwork::Endpoint* SimNetwork::Allocate() {
  if (free_.empty()) return nullptr;
  Endpoint& endpoint = endpoints_[free_.back()];
  free_.pop_back();
  const uint32_t generation = endpoint.generation + 1;
  endpoint = Endpoint{};
  endpoint.generation = generation;
  endpoint.state = State::kOpen;
  ++open_count_;
  return &endpoint;
}

void SimNetwork::Free(Endpoint& endpoint) {
  endpoint.state = State::kFree;
  free_.push_back(static_cast<uint32_t>(IndexOf(endpoint)));
  --open_count_;
}

SimNetwork::Process SimNetwork::NewProcess(size_t machine) {
  CHECK(machine >= 1);
  CHECK(machine < kMachinesMax);
  processes_.push_back({.machine = machine});
  return static_cast<Process>(processes_.size() - 1);
}

size_t SimNetwork::open_count(Process owner) const {
  return static_cast<size_t>(std::ranges::count_if(endpoints_, [owner](const Endpoint& endpoint) {
    return endpoint.state != State::kFree && endpoint.process == owner;
  }));
}

Opened SimNetwork::Open(Process owner) {
  if (processes_[owner].is_dry) return {IoError::kExhausted, {}};
  Endpoint* endpoint = Allocate();
  if (endpoint == nullptr) return {IoError::kExhausted, {}};
  endpoint->process = owner;
  return {IoError::kNone, SocketOf(IndexOf(*endpoint))};
}

std::array<Socket, 2> SimNetwork::Pair(Process one, Process other) {
  CHECK(processes_[one].machine == processes_[other].machine);
  const std::array<Endpoint*, 2> ends = {Allocate(), Allocate()};
  const std::array<Process, 2> owners = {one, other};
  for (size_t i = 0; i < 2; ++i) {
    CHECK(ends[i] != nullptr);
    ends[i]->state = State::kConnected;
    ends[i]->process = owners[i];
    ends[i]->peer = IndexOf(*ends[1 - i]);
    ends[i]->peer_open = true;
    ends[i]->peer_machine = processes_[one].machine;
    ends[i]->serial = next_serial_;
  }
  ++next_serial_;
  return {SocketOf(IndexOf(*ends[0])), SocketOf(IndexOf(*ends[1]))};
}

Address SimNetwork::WithPort(const Address& address, uint16_t port) const {
  Address result;
  if (address.family() == AF_UNIX) return address;
  CHECK(Address::Parse(address.HostText(), port, result));
  return result;
}

Opened SimNetwork::Listen(const Address& local, int backlog, Process owner) {
  const bool any_port = local.family() != AF_UNIX && local.port() == 0;
  const Address address = any_port ? WithPort(local, next_port_++) : local;
  for (const Endpoint& other : endpoints_) {
    if (other.state == State::kListening && other.local == address) return {IoError::kInUse, {}};
  }
  Endpoint* endpoint = Allocate();
  if (endpoint == nullptr) return {IoError::kExhausted, {}};
  endpoint->state = State::kListening;
  endpoint->process = owner;
  endpoint->local = address;
  endpoint->waiting_max = std::clamp<size_t>(static_cast<size_t>(backlog) + 1, 1, kBacklogMax);
  return {IoError::kNone, SocketOf(IndexOf(*endpoint))};
}

const SimNetwork::Endpoint* SimNetwork::FindListener(const Address& address) const {
  const Endpoint* wildcard = nullptr;
  for (const Endpoint& endpoint : endpoints_) {
    if (endpoint.state != State::kListening) continue;
    if (endpoint.local == address) return &endpoint;
    const bool same_port =
        endpoint.local.family() != AF_UNIX && endpoint.local.port() == address.port();
    if (same_port && IsAnyHost(endpoint.local)) wildcard = &endpoint;
  }
  return wildcard;
}

Instant SimNetwork::CutUntil(size_t machine, size_t other) const {
  return cut_until_[machine][other];
}

void SimNetwork::Cut(size_t machine, size_t other, Instant until) {
  cut_until_[machine][other] = cut_until_[other][machine] = until;
}

Instant SimNetwork::ConnectReadyAt(Socket socket, const Address& peer) const {
  const Endpoint* listener = FindListener(peer);
  if (listener == nullptr) return Instant::min();
  if (listener->waiting_count == listener->waiting_max) return kNever;
  return CutUntil(MachineOf(At(socket)), MachineOf(*listener));
}

SimNetwork::Step SimNetwork::StepConnect(Socket socket, const Address& peer, Instant now) {
  Endpoint& client = At(socket);
  CHECK(client.state == State::kOpen);
  auto* listener = const_cast<Endpoint*>(FindListener(peer));
  if (listener == nullptr || processes_[client.process].is_dead) return {true, IoError::kRefused};
  const size_t here = MachineOf(client);
  const size_t there = MachineOf(*listener);
  const bool is_far = here != there || here == 0;
  if (is_far && random_.Chance(faults_.refuse)) return {true, IoError::kRefused};
  const bool is_cut = now < CutUntil(here, there);
  if (is_cut || listener->waiting_count == listener->waiting_max) return {};
  Endpoint* server = Allocate();
  if (server == nullptr) return {true, IoError::kExhausted};
  server->process = listener->process;
  client.is_far = server->is_far = is_far;
  client.serial = server->serial = next_serial_++;
  client.peer_machine = there;
  server->peer_machine = here;
  client.state = server->state = State::kConnected;
  client.remote = server->local = peer;
  client.local = server->remote = WithPort(peer, next_port_++);
  client.peer = IndexOf(*server);
  server->peer = IndexOf(client);
  client.peer_open = server->peer_open = true;
  client.link_free = server->link_free = now;
  if (is_far) {
    client.latency = server->latency = Duration(
        static_cast<int64_t>(random_.Range(static_cast<uint64_t>(faults_.latency_min.count()),
                                           static_cast<uint64_t>(faults_.latency_max.count()))));
  }
  const size_t last = (listener->waiting_first + listener->waiting_count++) % kBacklogMax;
  listener->waiting[last] = static_cast<uint32_t>(client.peer);
  return {true, IoError::kNone};
}

Instant SimNetwork::AcceptReadyAt(Socket listener) const {
  return At(listener).waiting_count > 0 ? Instant::min() : kNever;
}

Socket SimNetwork::TakeAccepted(Socket listener) {
  Endpoint& endpoint = At(listener);
  CHECK(endpoint.state == State::kListening);
  if (endpoint.waiting_count == 0) return {};
  const size_t index = endpoint.waiting[endpoint.waiting_first];
  endpoint.waiting_first = (endpoint.waiting_first + 1) % kBacklogMax;
  --endpoint.waiting_count;
  return SocketOf(index);
}

void SimNetwork::ResetPeer(Endpoint& endpoint, Instant now) {
  if (!endpoint.peer_open || endpoint.vanished) return;
  Endpoint& peer = endpoints_[endpoint.peer];
  peer.reset_at = std::min(peer.reset_at, PassesAt(peer, now) + peer.latency);
}

void SimNetwork::CloseWaiting(Socket listener, Instant now) {
  while (At(listener).waiting_count > 0) Close(TakeAccepted(listener), CloseMode::kReset, now);
}

void SimNetwork::EndPeer(Endpoint& endpoint, bool reset, Instant now) {
  if (endpoint.state != State::kConnected || !endpoint.peer_open) return;
  // As TCP does: closing with unread bytes is a reset, too.
  if (reset || endpoint.size > 0) {
    ResetPeer(endpoint, now);
  } else {
    Shutdown(SocketOf(IndexOf(endpoint)), ShutdownSide::kSend, now);
  }
  endpoints_[endpoint.peer].peer_open = false;
}

void SimNetwork::Close(Socket socket, CloseMode mode, Instant now) {
  Endpoint& endpoint = At(socket);
  if (endpoint.state == State::kListening) CloseWaiting(socket, now);
  EndPeer(endpoint, mode == CloseMode::kReset, now);
  Free(endpoint);
}

void SimNetwork::Kill(Process process, Death death, Instant now) {
  const bool is_told = death == Death::kCrash;
  processes_[process].is_dead = true;
  for (Endpoint& endpoint : endpoints_) {
    if (endpoint.state != State::kListening || endpoint.process != process) continue;
    CloseWaiting(SocketOf(IndexOf(endpoint)), now);
    endpoint.state = State::kOpen;
  }
  for (Endpoint& endpoint : endpoints_) {
    if (endpoint.state != State::kConnected || endpoint.process != process) continue;
    if (!is_told && endpoint.is_far) Vanish(SocketOf(IndexOf(endpoint)));
    EndPeer(endpoint, !endpoint.is_far, now);
    endpoint.peer_open = false;
    endpoint.send_ended = true;
    endpoint.reset_at = now;
    endpoint.size = endpoint.arrived = endpoint.segment_count = 0;
  }
}

std::vector<Socket> SimNetwork::FarConnections() const {
  std::vector<Socket> found;
  for (const Endpoint& endpoint : endpoints_) {
    const bool is_one = endpoint.state == State::kConnected && endpoint.is_far &&
                        endpoint.peer_open && IndexOf(endpoint) < endpoint.peer;
    if (is_one) found.push_back(SocketOf(IndexOf(endpoint)));
  }
  return found;
}

Socket SimNetwork::NewestConnection(size_t machine, size_t other) const {
  const Endpoint* newest = nullptr;
  for (const Endpoint& endpoint : endpoints_) {
    const bool is_one = endpoint.state == State::kConnected && endpoint.peer_open &&
                        MachineOf(endpoint) == machine && endpoint.peer_machine == other;
    if (is_one && (newest == nullptr || newest->serial < endpoint.serial)) newest = &endpoint;
  }
  return newest == nullptr ? Socket{} : SocketOf(IndexOf(*newest));
}

void SimNetwork::Shutdown(Socket socket, ShutdownSide side, Instant now) {
  Endpoint& endpoint = At(socket);
  if (side != ShutdownSide::kSend) endpoint.receive_ended = true;
  if (side == ShutdownSide::kReceive || endpoint.send_ended) return;
  endpoint.send_ended = true;
  if (!endpoint.peer_open || endpoint.vanished) return;
  Endpoint& peer = endpoints_[endpoint.peer];
  peer.end_at = std::min(peer.end_at, Arrival(peer, 0, now));
}

void SimNetwork::Break(Socket socket, Instant now) {
  Endpoint& endpoint = At(socket);
  ResetPeer(endpoint, now);
  endpoint.reset_at = now;
}

void SimNetwork::Vanish(Socket socket) {
  Endpoint& endpoint = At(socket);
  endpoint.vanished = true;
  if (endpoint.peer_open) endpoints_[endpoint.peer].vanished = true;
}

void SimNetwork::Stall(Socket socket, Instant until) {
  Endpoint& endpoint = At(socket);
  endpoint.stalled_until = until;
  if (endpoint.peer_open) endpoints_[endpoint.peer].stalled_until = until;
}

Instant SimNetwork::PassesAt(const Endpoint& there, Instant now) const {
  return std::max({now, CutUntil(MachineOf(there), there.peer_machine), there.stalled_until});
}

Instant SimNetwork::Arrival(Endpoint& there, size_t size, Instant now) {
  if (there.vanished) return kNever;
  there.link_free = std::max(there.link_free, PassesAt(there, now));
  if (there.is_far && faults_.bytes_per_second > 0) {
    const double seconds =
        static_cast<double>(size) / static_cast<double>(faults_.bytes_per_second);
    there.link_free += std::chrono::duration_cast<Duration>(std::chrono::duration<double>(seconds));
  }
  return there.link_free + there.latency;
}

void SimNetwork::Receive(Endpoint& endpoint, Instant now) {
  while (endpoint.segment_count > 0 && endpoint.segments[endpoint.segment_first].arrives <= now) {
    endpoint.arrived += endpoint.segments[endpoint.segment_first].size;
    endpoint.segment_first = (endpoint.segment_first + 1) % kSegmentsMax;
    --endpoint.segment_count;
  }
}

Instant SimNetwork::ReceiveReadyAt(Socket socket) const {
  const Endpoint& endpoint = At(socket);
  if (endpoint.arrived > 0 || endpoint.receive_ended) return Instant::min();
  Instant first = endpoint.reset_at;
  if (endpoint.segment_count > 0) {
    first = std::min(first, endpoint.segments[endpoint.segment_first].arrives);
  }
  return std::min(first, endpoint.end_at);
}

SimNetwork::Step SimNetwork::StepReceive(Socket socket, std::span<std::byte> block, Instant now) {
  Endpoint& endpoint = At(socket);
  if (endpoint.state != State::kConnected) return {true, IoError::kReset};
  if (endpoint.is_far && random_.Chance(faults_.reset)) Break(socket, now);
  Receive(endpoint, now);
  const bool reset = endpoint.reset_at <= now;
  if (reset && (endpoint.arrived == 0 || random_.Chance(faults_.reset_loses_bytes))) {
    endpoint.arrived = 0;
    return {true, IoError::kReset};
  }
  if (endpoint.arrived == 0) {
    const bool ended = endpoint.receive_ended || (endpoint.size == 0 && endpoint.end_at <= now);
    if (ended) return {true, IoError::kEndOfStream};
    return {};
  }
  if (block.empty()) return {true, IoError::kNone};
  size_t size = std::min(endpoint.arrived, block.size());
  if (random_.Chance(faults_.short_receive)) size = random_.Range(1, size);
  const size_t straight = std::min(size, kInboxSize - endpoint.head);
  const std::byte* inbox = InboxOf(endpoint);
  std::memcpy(block.data(), inbox + endpoint.head, straight);
  std::memcpy(block.data() + straight, inbox, size - straight);
  endpoint.head = (endpoint.head + size) % kInboxSize;
  endpoint.size -= size;
  endpoint.arrived -= size;
  return {true, IoError::kNone, size};
}

std::span<std::byte> SimNetwork::PipeOf(Socket socket) const {
  const size_t index = IndexOf(At(socket));
  return {inboxes_ + kSocketsMax * kInboxSize + index * kPipeSize, kPipeSize};
}

Instant SimNetwork::SendReadyAt(Socket socket) const {
  const Endpoint& endpoint = At(socket);
  if (endpoint.state != State::kConnected || endpoint.send_ended) return Instant::min();
  if (endpoint.vanished) {
    return endpoint.swallowed < kInboxSize ? Instant::min() : endpoint.reset_at;
  }
  if (!endpoint.peer_open) return Instant::min();
  const bool room = endpoints_[endpoint.peer].size < kInboxSize;
  return room ? Instant::min() : endpoint.reset_at;
}

SimNetwork::Step SimNetwork::StepSend(Socket socket, ByteView slice, Instant now) {
  Endpoint& endpoint = At(socket);
  if (endpoint.state != State::kConnected) return {true, IoError::kReset};
  if (endpoint.is_far && random_.Chance(faults_.reset)) Break(socket, now);
  if (endpoint.send_ended || endpoint.reset_at <= now) return {true, IoError::kReset};
  if (endpoint.vanished) {  // Nobody tells the sender.
    const size_t taken = std::min(slice.size(), kInboxSize - endpoint.swallowed);
    endpoint.swallowed += taken;
    return taken == 0 ? Step{} : Step{true, IoError::kNone, taken};
  }
  if (!endpoint.peer_open) {  // The answer to it is a reset, which comes behind all that was sent.
    endpoint.reset_at = std::min(endpoint.reset_at, now + 2 * endpoint.latency);
    if (endpoint.reset_at <= now) return {true, IoError::kReset};
    return {true, IoError::kNone, slice.size()};
  }
  Endpoint& peer = endpoints_[endpoint.peer];
  size_t size = std::min(slice.size(), kInboxSize - peer.size);
  if (size > 0 && random_.Chance(faults_.short_send)) size = random_.Range(1, size);
  if (size == 0) return {};
  const size_t tail = (peer.head + peer.size) % kInboxSize;
  const size_t straight = std::min(size, kInboxSize - tail);
  std::byte* inbox = InboxOf(peer);
  std::memcpy(inbox + tail, slice.data(), straight);
  std::memcpy(inbox, slice.data() + straight, size - straight);
  peer.size += size;
  const Instant arrives = Arrival(peer, size, now);
  if (peer.segment_count == kSegmentsMax) {
    Segment& last = peer.segments[(peer.segment_first + kSegmentsMax - 1) % kSegmentsMax];
    last.size += size;
    last.arrives = arrives;
  } else {
    const size_t next = (peer.segment_first + peer.segment_count++) % kSegmentsMax;
    peer.segments[next] = {arrives, size};
  }
  return {true, IoError::kNone, size};
}

}  // namespace engine::sim
