#pragma once

#include <array>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "engine/loop/op.h"
#include "tests/sim/byte_flow.h"
#include "tests/sim/played_program.h"
#include "tests/sim/process.h"
#include "tests/sim/world_plan.h"

namespace sim {

// Programs are those of the user, which connect to the forward.
class Programs final : public Process {
 public:
  explicit Programs(engine::sim::SimWorld& world) : Process(world, kOperator, 512) {}
  ~Programs() override = default;

  ByteFlow& Connect(const FlowPlan& plan, const engine::Address& forward);
  // Type is a user at a terminal, which is a socket of this process.
  ByteFlow& Type(const FlowPlan& plan, engine::Socket terminal);
  std::vector<std::unique_ptr<ByteFlow>>& flows() { return flows_; }
  bool over() const override;

 private:
  void Stop() override;
  void LetGo() override { Stop(); }

  std::vector<std::unique_ptr<ByteFlow>> flows_;
};

// Server is what the forward leads to, on the node's machine, and all programs that run there.
class Server final : public Process {
 public:
  explicit Server(engine::sim::SimWorld& world);
  ~Server() override = default;

  const std::vector<std::unique_ptr<ByteFlow>>& flows() const { return flows_; }
  const std::vector<std::unique_ptr<ByteFlow>>& greedy_flows() const { return greedy_flows_; }
  // Find returns the other end of a program's flow; null: it has not come.
  const ByteFlow* Find(const FlowPlan& plan) const;
  engine::Instant NextAt() const override;
  bool over() const override;

  // Run plays a program that was started on this machine. Its sockets are this process's.
  std::shared_ptr<PlayedProgram> Run(FlowEnds ends, uint16_t columns, std::string session_id);

 private:
  void AfterIteration() override;
  // Door is where connections of one seat's sessions come out.
  struct Door {
    explicit Door(Server& server);
    engine::Socket listener;
    engine::AcceptOp accept_op;
    engine::CloseOp close_op;
  };
  void OnAccepted(engine::Accepted outcome);
  void OnClosed(engine::Closed) {}
  void Stop() override;
  void LetGo() override { Stop(); }

  std::array<Door, kSeatsMax + 1> doors_;  // The last one is for the greedy.
  std::vector<std::unique_ptr<ByteFlow>> flows_;
  std::vector<std::unique_ptr<ByteFlow>> greedy_flows_;   // Until they are gone, but for a problem.
  std::vector<std::shared_ptr<PlayedProgram>> programs_;  // That run.
};

}  // namespace sim
