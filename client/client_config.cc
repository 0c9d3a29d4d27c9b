#include "client/client_config.h"

#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>

#include "client/config_file.h"

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
  absl::Status status = MakeConfigFolder(folder);
  if (!status.ok()) return status;
  nlohmann::ordered_json json;
  json["relay"] = config.relay;
  json["access_key_id"] = config.access_key_id;
  json["secret_access_key"] = config.secret_access_key;
  json["ca_pem"] = config.ca_pem;
  using Json = nlohmann::ordered_json;
  const std::string text = json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";

  const std::string path = FileOf(folder);
  status = ReplaceFile(path, text);
  if (!status.ok()) return status;
  return path;
}

}  // namespace client
