// The proofs by which a session's ends know one another again, and a client the relay lets it come
// again: PROTOCOL.md, section "Resuming".

#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "engine/base/bytes.h"
#include "engine/crypto/digest.h"

namespace engine {

class TlsChannel;

enum class ResumeSide : uint8_t { kClient, kNode };

// ResumeSecret is what both ends of a lane have from its first connection, and nobody else has.
using ResumeSecret = crypto::Sha256Digest;

// Requires: the handshake of the lane's first connection is done.
ResumeSecret ResumeSecretOf(const TlsChannel& first);

// ResumeClaim is what an end says when a lane goes on over another connection.
struct ResumeClaim {
  ResumeSide side = ResumeSide::kClient;
  uint32_t lane = 0;
  uint64_t epoch = 0;
  uint64_t position = 0;
};

// ResumeProof returns the proof of a claim on this very connection, 64 hex digits.
// Requires: its handshake is done.
std::string ResumeProof(const ResumeSecret& secret, const ResumeClaim& claim,
                        const TlsChannel& connection);

// ResumeProofThroughRelay is ResumeProof in an inspected session: both ends are in TLS with the
// relay, which vouches for the connection.
std::string ResumeProofThroughRelay(const ResumeSecret& secret, const ResumeClaim& claim);

// RejoinProof returns what lets a client come again at the relay, 64 hex digits.
std::string RejoinProof(ByteView rejoin_key, std::string_view session_id, uint32_t lane,
                        uint64_t epoch);

// IsProof compares a foreign proof with the right one, in constant time.
bool IsProof(std::string_view shown, std::string_view right);

}  // namespace engine
