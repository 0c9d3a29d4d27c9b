#include "agent/process/run_as_user.h"

#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <optional>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "agent/process/owned_descriptor.h"
#include "engine/base/log.h"

namespace agent {
namespace {

constexpr int kMakeUserMaxMilliseconds = 10'000;  // useradd waits for a lock, if at all.
constexpr size_t kUserNameSizeMax = 64;
constexpr size_t kEntrySizeMax = 64 * 1024;  // Of one entry of the user database.
constexpr int kGroupsMax = 1024;

absl::Status Refused(std::string_view text) {
  return absl::PermissionDeniedError(absl::string_view(text.data(), text.size()));
}

absl::StatusOr<std::optional<RunAsUser>> FromEntry(int error, const passwd* entry,
                                                   std::string_view what) {
  if (entry == nullptr && error != 0 && error != ENOENT && error != ESRCH) {
    return absl::UnavailableError(absl::StrCat("the node could not read its user database for ",
                                               absl::string_view(what.data(), what.size()), ": ",
                                               std::strerror(error)));
  }
  if (entry == nullptr) return std::optional<RunAsUser>();
  RunAsUser user;
  user.name = entry->pw_name;
  user.uid = entry->pw_uid;
  user.gid = entry->pw_gid;
  user.home = entry->pw_dir;
  user.shell = entry->pw_shell[0] == '\0' ? "/bin/sh" : entry->pw_shell;
  user.groups.resize(kGroupsMax);
  int count = kGroupsMax;
  if (::getgrouplist(entry->pw_name, entry->pw_gid, user.groups.data(), &count) < 0) {
    return absl::ResourceExhaustedError(
        absl::StrCat("the user ", user.name, " is in more than ", kGroupsMax, " groups"));
  }
  user.groups.resize(static_cast<size_t>(count));
  return std::optional<RunAsUser>(std::move(user));
}

absl::StatusOr<std::optional<RunAsUser>> FindByName(const std::string& name) {
  std::string memory(kEntrySizeMax, '\0');
  passwd entry{};
  passwd* found = nullptr;
  const int error = ::getpwnam_r(name.c_str(), &entry, memory.data(), memory.size(), &found);
  return FromEntry(error, found, name);
}

absl::StatusOr<std::optional<RunAsUser>> FindById(uid_t uid) {
  std::string memory(kEntrySizeMax, '\0');
  passwd entry{};
  passwd* found = nullptr;
  const int error = ::getpwuid_r(uid, &entry, memory.data(), memory.size(), &found);
  return FromEntry(error, found, "uid " + std::to_string(uid));
}

// RunUseradd makes kDefaultUser, and waits for useradd to end.
absl::Status RunUseradd() {
  const std::string name(kDefaultUser);
  const char* arguments[] = {"useradd",       "-m",         "-s",   "/bin/bash", "-c",
                             "Adit sessions", name.c_str(), nullptr};
  const char* environment[] = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin", nullptr};
  const pid_t pid = ::fork();
  if (pid < 0) return absl::InternalError(absl::StrCat("fork: ", std::strerror(errno)));
  if (pid == 0) {
    sigset_t none;
    ::sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    const int null = ::open("/dev/null", O_RDWR);
    if (null >= 0) {
      ::dup2(null, STDIN_FILENO);
      ::dup2(null, STDOUT_FILENO);
      ::dup2(null, STDERR_FILENO);
    }
    ::close_range(3, ~0U, 0);
    for (const char* path : {"/usr/sbin/useradd", "/sbin/useradd", "/usr/bin/useradd"}) {
      ::execve(path, const_cast<char**>(arguments), const_cast<char**>(environment));
    }
    ::_exit(127);
  }
  Descriptor process(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  pollfd ready{process.value(), POLLIN, 0};
  if (process.valid() && ::poll(&ready, 1, kMakeUserMaxMilliseconds) == 0) {
    ::kill(pid, SIGKILL);
  }
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return absl::OkStatus();
  if (WIFSIGNALED(status)) return absl::DeadlineExceededError("useradd did not end in 10 seconds");
  return absl::InternalError(absl::StrCat("useradd ended with status ", WEXITSTATUS(status)));
}

absl::StatusOr<RunAsUser> FindOrMakeDefaultUser() {
  const std::string name(kDefaultUser);
  absl::StatusOr<std::optional<RunAsUser>> found = FindByName(name);
  if (!found.ok()) return found.status();
  if (found->has_value()) return std::move(**found);
  const absl::Status made = RunUseradd();
  found = FindByName(name);
  if (!found.ok()) return found.status();
  if (found->has_value()) {
    // Without `made`, another agent of this node made it at the same time.
    if (made.ok()) engine::log::Write(engine::log::Level::kInfo, "user_made", {{"user", name}});
    return std::move(**found);
  }
  if (!made.ok()) {
    return absl::FailedPreconditionError(
        absl::StrCat("the node has no user ", name, " and could not make it: ", made.message(),
                     ". On the node, run: sudo useradd -m -s /bin/bash ", name));
  }
  return absl::InternalError(absl::StrCat("useradd made no user ", name));
}

}  // namespace

absl::StatusOr<RunAsUser> ChooseRunAsUser(std::string_view wanted, uid_t agent_uid) {
  if (wanted.size() > kUserNameSizeMax || wanted.find('\0') != std::string_view::npos) {
    return Refused("the session's user name is not one a node can have");
  }
  if (agent_uid != 0) {
    absl::StatusOr<std::optional<RunAsUser>> own = FindById(agent_uid);
    if (!own.ok()) return own.status();
    if (!own->has_value()) {
      return absl::FailedPreconditionError(absl::StrCat(
          "the agent runs as uid ", agent_uid, ", which the node's user database does not have"));
    }
    if (!wanted.empty() && wanted != (*own)->name) {
      return Refused("the agent on this node runs as user " + (*own)->name +
                     " and can start programs as that user only, not as " + std::string(wanted));
    }
    return std::move(**own);
  }

  absl::StatusOr<RunAsUser> user;
  if (wanted.empty() || wanted == kDefaultUser) {
    user = FindOrMakeDefaultUser();
  } else {
    absl::StatusOr<std::optional<RunAsUser>> found = FindByName(std::string(wanted));
    if (!found.ok()) return found.status();
    if (!found->has_value()) return Refused("the node has no user " + std::string(wanted));
    user = std::move(**found);
  }
  if (!user.ok()) return user.status();
  if (user->uid == 0) {
    return Refused("sessions never run as root; ask for another user, and use sudo there");
  }
  user->change_identity = true;
  return user;
}

}  // namespace agent
