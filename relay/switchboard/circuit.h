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
             Circuit& circuit_in)
      : StreamOutput(id, priority), port(port_in), circuit(circuit_in) {}

  SwitchPort& port;
  Circuit& circuit;
  Flow flow;
  bool finish_taken = false;  // The other side's finish has left towards this link.

  CircuitEnd& other() const;
};

struct Circuit {
  Circuit(SwitchPort& client_port, engine::StreamId client_id, SwitchPort& node_port,
          engine::StreamId node_id, engine::Priority priority)
      : client(client_port, client_id, priority, *this),
        node(node_port, node_id, priority, *this) {}

  CircuitEnd client;
  CircuitEnd node;
  bool accepted = false;
  uint32_t serial = 0;  // Names the stream in the audit trail.
};

inline CircuitEnd& CircuitEnd::other() const {
  return this == &circuit.client ? circuit.node : circuit.client;
}

}  // namespace relay
