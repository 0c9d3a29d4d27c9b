#include "client/client_config.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <system_error>

namespace client {
namespace {

constexpr mode_t kOthers = S_IRWXG | S_IRWXO;

absl::Status Failure(const std::string& text) { return absl::FailedPreconditionError(text); }

std::string ErrnoText(int number) { return std::strerror(number); }

std::string FileOf(const std::string& folder) { return folder + "/config.json"; }

std::string Member(const nlohmann::json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

absl::StatusOr<ClientConfig> ReadConfig(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) {
    if (errno == ENOENT || errno == ENOTDIR) return ClientConfig{};
    return Failure("cannot look at " + path + ": " + ErrnoText(errno));
  }
  absl::StatusOr<std::string> text = ReadSmallFile(path);
  if (!text.ok()) return text.status();
  const nlohmann::json json = nlohmann::json::parse(*text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) {
    return Failure(path + " is not JSON; remove it and run `adit login` again");
  }
  ClientConfig config{.relay = Member(json, "relay"),
                      .ca_pem = Member(json, "ca_pem"),
                      .access_key_id = Member(json, "access_key_id"),
                      .secret_access_key = Member(json, "secret_access_key")};
  if (!config.secret_access_key.empty() && (status.st_mode & kOthers) != 0) {
    return Failure(path + " holds a secret key and others may read it; run: chmod 600 " + path);
  }
  return config;
}

// WriteWhole returns 0 or the errno of what failed; the file is synced.
int WriteWhole(const std::string& path, std::string_view bytes) {
  const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (file < 0) return errno;
  int failure = 0;
  while (!bytes.empty() && failure == 0) {
    const ssize_t written = ::write(file, bytes.data(), bytes.size());
    if (written < 0) {
      if (errno != EINTR) failure = errno;
    } else {
      bytes.remove_prefix(static_cast<size_t>(written));
    }
  }
  if (failure == 0 && ::fsync(file) != 0) failure = errno;
  if (::close(file) != 0 && failure == 0) failure = errno;
  return failure;
}

}  // namespace

std::string ConfigFolder(const Environment& environment) {
  if (auto folder = environment("ADIT_CONFIG_DIR")) return *folder;
  // The XDG rule: a value that is not absolute is ignored.
  if (auto folder = environment("XDG_CONFIG_HOME"); folder && folder->starts_with('/')) {
    return *folder + "/adit";
  }
  const std::string home = HomeFolder(environment);
  return home.empty() ? "" : home + "/.config/adit";
}

absl::StatusOr<ClientConfig> LoadConfig(const Environment& environment, const ConfigFlags& flags) {
  ClientConfig config;
  if (const std::string folder = ConfigFolder(environment); !folder.empty()) {
    absl::StatusOr<ClientConfig> read = ReadConfig(FileOf(folder));
    if (!read.ok()) return read.status();
    config = *std::move(read);
  }
  const std::string relay =
      !flags.relay.empty() ? flags.relay : environment("ADIT_RELAY").value_or("");
  const std::string ca_file =
      !flags.ca_file.empty() ? flags.ca_file : environment("ADIT_CA").value_or("");
  if (!relay.empty()) config.relay = relay;
  if (!ca_file.empty()) {
    absl::StatusOr<std::string> pem = ReadSmallFile(ca_file);
    if (!pem.ok()) return pem.status();
    config.ca_pem = *std::move(pem);
  }
  return config;
}

absl::StatusOr<std::string> SaveConfig(const Environment& environment, const ClientConfig& config) {
  const std::string folder = ConfigFolder(environment);
  if (folder.empty()) {
    return Failure("no home folder to write the configuration to; set ADIT_CONFIG_DIR");
  }
  std::error_code error;
  const bool existed = std::filesystem::exists(folder, error);
  std::filesystem::create_directories(folder, error);
  if (error) return Failure("cannot create " + folder + ": " + error.message());
  if (!existed) {
    std::filesystem::permissions(folder, std::filesystem::perms::owner_all, error);
    if (error) return Failure("cannot protect " + folder + ": " + error.message());
  }
  nlohmann::ordered_json json;
  json["relay"] = config.relay;
  json["access_key_id"] = config.access_key_id;
  json["secret_access_key"] = config.secret_access_key;
  json["ca_pem"] = config.ca_pem;
  using Json = nlohmann::ordered_json;
  const std::string text = json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";

  const std::string path = FileOf(folder);
  const std::string fresh = path + "." + std::to_string(::getpid());
  ::unlink(fresh.c_str());  // Of a process that had our number and died while writing.
  int failure = WriteWhole(fresh, text);
  if (failure == 0 && ::rename(fresh.c_str(), path.c_str()) != 0) failure = errno;
  if (failure != 0) {
    ::unlink(fresh.c_str());
    return Failure("cannot write " + path + ": " + ErrnoText(failure));
  }
  return path;
}

absl::StatusOr<std::string> ReadSmallFile(const std::string& path) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY);
  if (file < 0) return Failure("cannot open " + path + ": " + ErrnoText(errno));
  std::string bytes(kConfigSizeMax + 1, '\0');
  size_t size = 0;
  int failure = 0;
  while (size < bytes.size()) {
    const ssize_t count = ::read(file, bytes.data() + size, bytes.size() - size);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) failure = errno;
    if (count <= 0) break;
    size += static_cast<size_t>(count);
  }
  ::close(file);
  if (failure != 0) return Failure("cannot read " + path + ": " + ErrnoText(failure));
  if (size > kConfigSizeMax) {
    return Failure(path + " is larger than " + std::to_string(kConfigSizeMax / 1024) + " KiB");
  }
  bytes.resize(size);
  return bytes;
}

}  // namespace client
