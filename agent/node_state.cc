#include "agent/node_state.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "agent/file_error.h"
#include "agent/session/node_clock.h"
#include "engine/crypto/identity_key.h"
#include "engine/platform/wall_clock.h"

namespace agent {
namespace {

using Json = nlohmann::json;

constexpr char kFileName[] = "/node.json";
constexpr char kNewFileName[] = "/node.json.new";
constexpr size_t kFileSizeMax = 256 * 1024;

absl::Status MakeParents(const std::string& folder, MadeFolders& made) {
  for (size_t i = 1; i < folder.size(); ++i) {
    if (folder[i] != '/') continue;
    const absl::Status status = made.Make(folder.substr(0, i), 0755);
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

std::optional<std::string> Text(const Json& object, const char* name) {
  const auto member = object.find(name);
  if (member == object.end() || !member->is_string()) return std::nullopt;
  return member->get<std::string>();
}

// KnownIn is the state's known time; of an older version's state, what its certificate tells.
std::optional<int64_t> KnownIn(const Json& object, const std::string& certificate_pem) {
  const auto member = object.find("known_time");
  if (member == object.end()) return KnownTime(0, certificate_pem, engine::UnixNow());
  if (!member->is_number_integer()) return std::nullopt;
  return member->get<int64_t>();
}

absl::StatusOr<std::string> ReadWhole(const std::string& path) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!file.valid()) return FileError("could not read", path, errno);
  struct stat status {};
  if (::fstat(file.value(), &status) != 0) return FileError("could not read", path, errno);
  if ((status.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
    return absl::PermissionDeniedError(absl::StrCat(
        path,
        " holds the node's private key and other users may read it. If nobody has, run: "
        "chmod 600 ",
        path, "; otherwise enrol the node anew"));
  }
  std::string text;
  char block[8192];
  while (text.size() <= kFileSizeMax) {
    const ssize_t size = ::read(file.value(), block, sizeof block);
    if (size == 0) return text;
    if (size > 0) {
      text.append(block, static_cast<size_t>(size));
    } else if (errno != EINTR) {
      return FileError("could not read", path, errno);
    }
  }
  return absl::InvalidArgumentError(absl::StrCat(path, " is too large to be a node's state"));
}

absl::Status WriteWhole(const std::string& path, const std::string& text) {
  ::unlink(path.c_str());  // What a crash left behind.
  const Descriptor file(
      ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!file.valid()) return FileError("could not write", path, errno);
  size_t written = 0;
  while (written < text.size()) {
    const ssize_t size = ::write(file.value(), text.data() + written, text.size() - written);
    if (size > 0) {
      written += static_cast<size_t>(size);
    } else if (errno != EINTR) {
      return FileError("could not write", path, errno);
    }
  }
  if (::fsync(file.value()) != 0) return FileError("could not write", path, errno);
  return absl::OkStatus();
}

// BelongsToState says whether an existing folder holds nothing, or a node's state: only then may
// others be locked out of it. As root, `--state /tmp` would otherwise take /tmp from everybody.
bool BelongsToState(const std::string& folder) {
  std::error_code error;
  return std::filesystem::exists(folder + kFileName, error) ||
         std::filesystem::is_empty(folder, error);
}

}  // namespace

absl::Status PrepareStateFolder(const std::string& folder, MadeFolders& made) {
  if (absl::Status status = MakeParents(folder, made); !status.ok()) return status;
  if (absl::Status status = made.Make(folder, 0700); !status.ok()) return status;
  struct stat status {};
  if (::stat(folder.c_str(), &status) != 0) {
    return FileError("could not look at the folder", folder, errno);
  }
  if (!S_ISDIR(status.st_mode)) return FileError("could not use", folder, ENOTDIR);
  if ((status.st_mode & 07777) != 0700 && !BelongsToState(folder)) {
    return absl::FailedPreconditionError(absl::StrCat(
        folder, " has files of others in it, and the state needs a folder that is closed to other ",
        "users. Name one of its own with --state, such as ", folder,
        folder.ends_with('/') ? "" : "/", "adit-agent"));
  }
  if ((status.st_mode & 07777) != 0700 && ::chmod(folder.c_str(), 0700) != 0) {
    return FileError("could not take others' rights away from", folder, errno);
  }
  if (::access(folder.c_str(), W_OK | X_OK) != 0) {
    return FileError("could not write to the folder", folder, errno);
  }
  return absl::OkStatus();
}

absl::Status PrepareStateFolder(const std::string& folder) {
  MadeFolders made;
  absl::Status status = PrepareStateFolder(folder, made);
  if (status.ok()) made.Keep();
  return status;
}

absl::StatusOr<NodeState> LoadNodeState(const std::string& folder) {
  const std::string path = folder + kFileName;
  const absl::StatusOr<std::string> text = ReadWhole(path);
  if (!text.ok()) return text.status();
  const Json json = Json::parse(*text, nullptr, /*allow_exceptions=*/false);
  const absl::Status damaged = absl::InvalidArgumentError(
      absl::StrCat(path,
                   " was damaged. Enrol the node anew, with a new activation: adit-agent "
                   "enroll --replace --state ",
                   folder));
  if (!json.is_object()) return damaged;
  const std::optional<std::string> relay = Text(json, "relay");
  const std::optional<std::string> node_id = Text(json, "node_id");
  const std::optional<std::string> name = Text(json, "name");
  const std::optional<std::string> key = Text(json, "private_key");
  const std::optional<std::string> certificate = Text(json, "certificate");
  const std::optional<std::string> authority = Text(json, "authority");
  if (!relay || !node_id || !name || !key || !certificate || !authority) return damaged;
  const absl::StatusOr<engine::HostPort> address = engine::ParseHostPort(*relay);
  if (!address.ok()) return damaged;
  std::string identity;
  if (json.contains("identity")) {
    identity = Text(json, "identity").value_or("");
    if (!engine::crypto::IdentityKey::FromSeed(identity).ok()) return damaged;
  }
  const std::optional<int64_t> known = KnownIn(json, *certificate);
  if (!known) return damaged;
  return NodeState{*address, *node_id, *name, *key, *certificate, *authority, identity, *known};
}

absl::Status SaveNodeState(const std::string& folder, const NodeState& state) {
  Json json = {
      {"relay", engine::FormatHostPort(state.relay)},
      {"node_id", state.node_id},
      {"name", state.name},
      {"private_key", state.private_key_pem},
      {"certificate", state.certificate_pem},
      {"authority", state.authority_pem},
      {"known_time", state.known_unix},
  };
  if (!state.identity_seed.empty()) json["identity"] = state.identity_seed;
  const std::string text = json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
  const std::string path = folder + kFileName;
  const std::string new_path = folder + kNewFileName;
  const absl::Status written = WriteWhole(new_path, text);
  if (!written.ok()) return written;
  if (std::rename(new_path.c_str(), path.c_str()) != 0) {
    return FileError("could not replace", path, errno);
  }
  const Descriptor directory(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory.valid() || ::fsync(directory.value()) != 0) {
    return FileError("could not make the change lasting in", folder, errno);
  }
  return absl::OkStatus();
}

absl::StatusOr<Descriptor> LockStateFolder(const std::string& folder) {
  Descriptor directory(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory.valid()) return FileError("could not open the folder", folder, errno);
  if (::flock(directory.value(), LOCK_EX | LOCK_NB) != 0) {
    return absl::AlreadyExistsError(
        absl::StrCat("another adit-agent already runs with the state in ", folder,
                     ". Stop it first, or give this one a folder of its own with --state"));
  }
  return directory;
}

}  // namespace agent
