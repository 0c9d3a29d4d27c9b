// A circuit pairs a stream of a client's link with a stream of an agent's link.
//
//     client's port                                   agent's port
//     +---------------------+                         +--------------------+
//     | CircuitEnd          | <------- other -------> | CircuitEnd         |
//     |  output to client   |                         |  output to agent   |
//     |  flow from client   |                         |  flow from agent   |
//     +---------------------+                         +--------------------+

#pragma once

#include <cstdint>
#include <string>

#include "engine/mux/output_queue.h"
#include "relay/switchboard/flow.h"

namespace relay {

class SwitchPort;
struct Circuit;

// CircuitEnd is one of its two streams: what is queued for that link's peer, and the accounts of
// what comes from it.
struct CircuitEnd : engine::StreamOutput {
  CircuitEnd(SwitchPort& port_in, engine::StreamId id, engine::Priority priority,
             Circuit& circuit_in, uint64_t held_max)
      : StreamOutput(id, priority), port(port_in), circuit(circuit_in), flow(held_max) {}

  SwitchPort& port;
  Circuit& circuit;
  Flow flow;
  bool finish_taken = false;    // The other side's finish has left towards this link.
  uint32_t counted_pieces = 0;  // In the client link's budget.

  CircuitEnd& other() const;
};

struct Circuit {
  // `held_max` is what the relay may hold of each direction.
  Circuit(SwitchPort& client_port, engine::StreamId client_id, SwitchPort& node_port,
          engine::StreamId node_id, engine::Priority priority, uint64_t held_max_in)
      : client(client_port, client_id, priority, *this, held_max_in),
        node(node_port, node_id, priority, *this, held_max_in),
        held_max(held_max_in) {}

  CircuitEnd client;
  CircuitEnd node;
  const uint64_t held_max;  // Reserved in the client link's budget.
  bool accepted = false;
  uint32_t serial = 0;  // Names the stream in the audit trail.
};

inline CircuitEnd& CircuitEnd::other() const {
  return this == &circuit.client ? circuit.node : circuit.client;
}

}  // namespace relay
