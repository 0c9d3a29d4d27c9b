// Goal: no line of an audit file aborts the reader, and one that is read has one form only.
// Method: parse each line as both kinds and as a file name, write it back, compare; then all of
// them through the verifier.

#include "engine/audit/chain_file_name.h"
#include "engine/audit/chain_verifier.h"
#include "engine/base/check.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace engine::audit;
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  ChainVerifier verifier({.key = {}, .first = 1, .head = std::string(rest.substr(0, 500))});
  verifier.BeginFile("fuzz", 1);
  while (!rest.empty()) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(rest.size(), line.size() + 1));
    if (const auto record = ParseRecordLine(line)) CHECK(FormatRecordLine(*record) == line);
    if (const auto digest = ParseDigestLine(line)) CHECK(FormatDigestLine(*digest) == line);
    static_cast<void>(FirstOf(line));
    verifier.AddLine(line);
  }
  const ChainReport report = verifier.Finish();
  CHECK(report.findings.size() <= ChainVerifier::kFindingsMax);
  return 0;
}
