// A stream joined to a TCP connection that this machine makes, to itself or to a host behind it.
//
//     resolving --> connecting, one address after the other --(accept)--> open --> closed
//          \____________________|__ (reject: name, refused, no route, time)
//
// A half-close goes through in both directions, and so does a reset.

#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "agent/target/descriptor_pump.h"
#include "agent/target/stream_handle.h"
#include "agent/target/target.h"
#include "engine/base/time.h"
#include "engine/loop/address.h"
#include "engine/loop/op.h"
#include "engine/net/resolver.h"
#include "engine/wire/control.h"

namespace agent {

class TcpTarget final : public Target, private DescriptorPump::Events {
 public:
  // All addresses of a name together may take this long to answer.
  static constexpr engine::Duration kConnectMax = std::chrono::seconds(10);

  TcpTarget(const TargetContext& context, Owner& owner, StreamHandle stream,
            engine::TcpRequest request);
  ~TcpTarget() override;

  void Start() override;
  void End(engine::CloseCode code, std::string_view text) override;
  bool over() const override { return over_; }
  bool IsOn(const engine::Multiplexer& link) const override { return stream_.IsOn(link); }

  void OnData(engine::Channel channel, engine::BufferRef payload) override;
  void OnWritable() override;
  void OnFinished() override;
  void OnClosed(engine::CloseCode code, std::string_view text) override;

 private:
  std::string Where() const;
  void OnResolved(engine::Resolved result);
  void ConnectNext();
  void OnConnected(engine::Connected outcome);
  void SetDeadline(engine::Instant deadline);
  void OnTimer(engine::Fired outcome);
  void Run();
  void Note(engine::IoError error);
  void Refuse();
  void OnReadEnd(DescriptorPump& pump, engine::IoError error) override;
  void OnWriteEnd(DescriptorPump& pump, engine::IoError error) override;
  void OnPumpClosed(DescriptorPump& pump) override;
  void Fail(engine::IoError error);
  void TearDown(engine::CloseMode mode);
  void CheckOver();

  engine::Loop& loop_;
  engine::Resolver& resolver_;
  Owner& owner_;
  StreamHandle stream_;
  const engine::TcpRequest request_;
  DescriptorPump pump_;
  engine::ResolveOp resolve_op_;
  engine::ConnectOp connect_op_;
  engine::TimerOp timer_op_;

  std::vector<engine::Address> addresses_;
  size_t next_address_ = 0;
  engine::Instant connect_deadline_{};                 // For all addresses.
  engine::Instant deadline_ = engine::Instant::max();  // Of what is going on now.
  engine::IoError last_error_ = engine::IoError::kTimedOut;
  bool running_ = false;
  bool peer_finished_ = false;    // The stream's peer sends no more ...
  bool write_ended_ = false;      // ... and all of it was written.
  uint64_t lingering_bytes_ = 0;  // Written as of the last look.
  bool lingering_ = false;        // The stream is over; what is queued is still written.
  bool tearing_down_ = false;
  bool over_ = false;
};

}  // namespace agent
