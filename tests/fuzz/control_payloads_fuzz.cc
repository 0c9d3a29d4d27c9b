// Goal: no text that an agent says on its control channel makes its reader crash.
// Method: each text is read as each message, and what was read is answered.

#include <cstddef>
#include <cstdint>
#include <span>

#include "engine/base/check.h"
#include "engine/datachannel/control_payloads.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const engine::ByteView payload = std::as_bytes(std::span(data, size));
  engine::datachannel::OpenControlChannel open;
  (void)Decode(engine::AsText(payload), open);
  engine::datachannel::TaskComplete task;
  if (!Decode(payload, task)) return 0;
  CHECK(task.output.size() <= engine::datachannel::kTaskOutputMax);
  CHECK(!EncodeTaskAcknowledge(task, "id").empty());
  return 0;
}
