// One line of an audit file: a record in the hash chain, or a signed digest.
//
//   {"sequence":7,"previous":"<hash of record 6>","hash":"<64 hex>","record":{...}}
//   {"digest":{"version":1,"first":1,"last":7,"hash":"<hash of record 7>",
//              "previous":"<SHA-256 of the digest before>","time":"2026-11-27T10:00:00Z",
//              "key":"<64 hex>"},"signature":"<128 hex>"}
//
// A line has exactly this form: no blank, no other order, lower-case hexadecimal, no leading zero.
// So what the hash is over is the line's own bytes, and nobody has to agree about JSON.

#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "engine/crypto/digest.h"
#include "engine/crypto/identity_key.h"

namespace engine::audit {

using ChainHash = crypto::Sha256Digest;  // All zero: there is nothing before.

// What one record may take, and one line with what stands around it. A reader of files need not
// hold more.
inline constexpr size_t kRecordSizeMax = 120 * 1024;
inline constexpr size_t kLineSizeMax = 128 * 1024;

// ChainRecord is a line that holds a record. `record` is the JSON object's own text.
struct ChainRecord {
  uint64_t sequence = 0;  // From 1, without a gap.
  ChainHash previous{};
  ChainHash hash{};
  std::string_view record;
};

// HashOf is SHA-256 over "adit-audit-record-1\n", the sequence in decimal, "\n", `previous` in
// hexadecimal, "\n", and the record's text.
ChainHash HashOf(uint64_t sequence, const ChainHash& previous, std::string_view record);

// FormatRecordLine returns the line, without its end. Requires: the record has no line end and is
// at most kRecordSizeMax.
std::string FormatRecordLine(const ChainRecord& record);

// ChainDigest says how far the chain has come, signed by the relay's audit key.
struct ChainDigest {
  uint64_t first = 0;  // The first record that no digest before has covered.
  uint64_t last = 0;
  ChainHash hash{};      // Of the last record, and so of all before it.
  ChainHash previous{};  // DigestHash of the digest before.
  std::string time;      // When it was made; 20 characters, ISO 8601.
  crypto::IdentityPublicKey key{};
};

// DigestText is the object that is signed, after "adit-audit-digest-1\n"; DigestHash its SHA-256.
std::string DigestText(const ChainDigest& digest);
ChainHash DigestHash(const ChainDigest& digest);

// SignedDigest is a line that holds a digest.
struct SignedDigest {
  ChainDigest digest;
  crypto::IdentitySignature signature{};
};
SignedDigest SignDigest(const ChainDigest& digest, const crypto::IdentityKey& key);
// IsSignedBy says whether the digest names `key`, and whether its signature is that key's.
bool IsSignedBy(const SignedDigest& digest, const crypto::IdentityPublicKey& key);
std::string FormatDigestLine(const SignedDigest& digest);

// ParseRecordLine and ParseDigestLine read one line without its end. Nothing: it is not exactly of
// that form. Neither looks whether hash or signature are right. The record is a view into `line`.
std::optional<ChainRecord> ParseRecordLine(std::string_view line);
std::optional<SignedDigest> ParseDigestLine(std::string_view line);

}  // namespace engine::audit
