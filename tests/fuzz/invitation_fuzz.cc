// Goal: pasted lines and addresses never abort, and what is understood is written back the same.
// Method: parse, format, and parse again; errors are short.

#include "engine/base/check.h"
#include "engine/wire/invitation.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto enroll = engine::ParseEnrollInvitation(text);
  if (enroll.ok()) {
    const std::string line = engine::FormatInvitation(*enroll);
    CHECK(engine::FormatInvitation(*engine::ParseEnrollInvitation(line)) == line);
  } else {
    CHECK(enroll.status().message().size() < 1'024);
  }
  const auto login = engine::ParseLoginInvitation(text);
  if (login.ok()) {
    const std::string line = engine::FormatInvitation(*login);
    CHECK(engine::FormatInvitation(*engine::ParseLoginInvitation(line)) == line);
  }
  const auto address = engine::ParseHostPort(text, 443);
  if (address.ok()) {
    CHECK(*engine::ParseHostPort(engine::FormatHostPort(*address)) == *address);
  } else {
    CHECK(address.status().message().size() < 1'024);
  }
  return 0;
}
