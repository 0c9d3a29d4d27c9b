#include "engine/net/resume_proof.h"

#include <array>

#include "engine/base/check.h"
#include "engine/crypto/constant_time.h"
#include "engine/tls/tls_channel.h"

namespace engine {
namespace {

using std::string_view_literals::operator""sv;

constexpr size_t kExporterSize = 32;

template <class Integer>
void AddBig(std::string& out, Integer value) {
  std::array<std::byte, sizeof(Integer)> bytes;
  StoreBig(bytes.data(), value);
  out += AsText(bytes);
}

using Exporter = std::array<std::byte, kExporterSize>;

std::string HexMac(ByteView key, std::string_view message) {
  return ToHex(crypto::HmacSha256(key, AsBytes(message)));
}

std::string ProofWith(const ResumeSecret& secret, const ResumeClaim& claim,
                      const Exporter& exporter) {
  std::string message("adit resume v1\0"sv);
  message += claim.side == ResumeSide::kClient ? "client\0"sv : "node\0"sv;
  AddBig(message, claim.lane);
  AddBig(message, claim.epoch);
  AddBig(message, claim.position);
  message += AsText(exporter);
  return HexMac(secret, message);
}

}  // namespace

ResumeSecret ResumeSecretOf(const TlsChannel& first) {
  ResumeSecret secret;
  first.Export("EXPORTER-adit-resume-secret", {}, secret);
  return secret;
}

std::string ResumeProof(const ResumeSecret& secret, const ResumeClaim& claim,
                        const TlsChannel& connection) {
  Exporter exporter;
  connection.Export("EXPORTER-adit-resume", {}, exporter);
  return ProofWith(secret, claim, exporter);
}

std::string ResumeProofThroughRelay(const ResumeSecret& secret, const ResumeClaim& claim) {
  return ProofWith(secret, claim, Exporter{});
}

std::string RejoinProof(ByteView rejoin_key, std::string_view session_id, uint32_t lane,
                        uint64_t epoch) {
  CHECK(session_id.size() <= UINT16_MAX);
  std::string message("adit rejoin v1\0client\0"sv);
  AddBig(message, static_cast<uint16_t>(session_id.size()));
  message += session_id;
  AddBig(message, lane);
  AddBig(message, epoch);
  return HexMac(rejoin_key, message);
}

bool IsProof(std::string_view shown, std::string_view right) {
  return crypto::ConstantTimeEqual(AsBytes(shown), AsBytes(right));
}

}  // namespace engine
