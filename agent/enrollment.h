// Enrolment: from the pasted line to a node's state.
//
//     key and identity, made here --> TLS; the relay's chain must end in the certificate that the
//     line names
//                         --> only then: POST Adit.EnrollNode {activation, request}
//                         <-- certificate, node id --> NodeState

#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "agent/node_state.h"
#include "engine/wire/invitation.h"

namespace engine {
class LoopDriver;
struct HttpResponse;
}  // namespace engine

namespace agent {

struct EnrollmentFacts {
  std::string name;       // What the node is to be called, if whoever enrols it has said so.
  std::string host_name;  // Its name if neither he nor the activation has one.
  std::string platform;   // For people, see host_facts.h.
  std::string version;    // Of the agent.
};

// Enroll runs the driver until the relay has answered, a deadline has passed or `stops` has become
// true. Nothing is written. An error's text is for the person who pasted the line: what happened,
// why, what to do.
absl::StatusOr<NodeState> Enroll(engine::LoopDriver& driver,
                                 const engine::EnrollInvitation& invitation,
                                 const EnrollmentFacts& facts, const bool& stops);

// EnrollmentAnswer is what the relay returns.
struct EnrollmentAnswer {
  std::string node_id;
  std::string name;
  std::string certificate_pem;
  std::string authority_pem;
};

// ReadEnrollmentAnswer reads the relay's answer, foreign text. PermissionDenied: the relay refused;
// the text has its reason and what to do next.
absl::StatusOr<EnrollmentAnswer> ReadEnrollmentAnswer(int http_status, std::string_view body);

}  // namespace agent
