#include "bench/macro/fleet/fleet_roll.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

namespace fleet {
namespace {

constexpr std::string_view kMagic = "adit-fleet-roll 1\n";

// TakeText cuts the text before the next NUL off `rest`.
bool TakeText(std::string_view& rest, std::string_view& text) {
  const size_t end = rest.find('\0');
  if (end == std::string_view::npos) return false;
  text = rest.substr(0, end);
  rest.remove_prefix(end + 1);
  return true;
}

}  // namespace

void Die(const std::string& text) {
  std::fprintf(stderr, "fleet: %s\n", text.c_str());
  std::exit(1);
}

std::string Roll::Record(std::string_view certificate_pem, std::string_view key_pem) {
  std::string record(certificate_pem);
  record += '\0';
  record += key_pem;
  record += '\0';
  return record;
}

void Roll::Write(const std::string& path, std::string_view authority_pem,
                 const std::vector<std::string>& records) {
  const int descriptor = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  FILE* const file = descriptor < 0 ? nullptr : ::fdopen(descriptor, "wb");
  if (file == nullptr) Die("cannot write " + path);
  const auto put = [file](std::string_view text) {
    return std::fwrite(text.data(), 1, text.size(), file) == text.size();
  };
  bool good = put(kMagic) && put(authority_pem) && put(std::string_view("\0", 1));
  for (const std::string& record : records) good = good && put(record);
  if (std::fclose(file) != 0 || !good) Die("cannot write " + path);
}

Roll::Roll(const std::string& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  struct stat facts {};
  if (descriptor < 0 || ::fstat(descriptor, &facts) != 0 || facts.st_size == 0) {
    Die("cannot read " + path);
  }
  const auto size = static_cast<size_t>(facts.st_size);
  void* const memory = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, descriptor, 0);
  if (memory == MAP_FAILED) Die("cannot map " + path);
  ::close(descriptor);
  std::string_view rest(static_cast<const char*>(memory), size);
  bool good = rest.starts_with(kMagic);
  if (good) rest.remove_prefix(kMagic.size());
  good = good && TakeText(rest, authority_pem_);
  while (good && !rest.empty()) {
    Identity identity;
    good = TakeText(rest, identity.certificate_pem) && TakeText(rest, identity.key_pem);
    identities_.push_back(identity);
  }
  if (!good) Die(path + " is no roll of a fleet; make it with fleet enroll");
}

}  // namespace fleet
