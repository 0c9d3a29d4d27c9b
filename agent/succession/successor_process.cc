#include "agent/succession/successor_process.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "agent/process/spawn.h"

namespace agent {
namespace {

// Where the new program finds them: behind the standard ones. The variable is "SOCKET,LOCK".
constexpr int kSocket = STDERR_FILENO + 1;
constexpr int kLock = kSocket + 1;

absl::Status Failure(const char* what) {
  return absl::UnavailableError(absl::StrCat("could not ", what, ": ", std::strerror(errno)));
}

// OwnFile is where this process's program is, or was: a file that was replaced is "(deleted)", and
// the one in its place is what is to run.
absl::StatusOr<std::string> OwnFile() {
  constexpr std::string_view kDeleted = " (deleted)";
  std::array<char, PATH_MAX> path;
  const ssize_t size = ::readlink("/proc/self/exe", path.data(), path.size());
  if (size < 0) return Failure("find out which file is this program");
  std::string_view file(path.data(), static_cast<size_t>(size));
  if (file.ends_with(kDeleted)) file.remove_suffix(kDeleted.size());
  return std::string(file);
}

std::vector<std::string> OwnArguments() {
  std::ifstream file("/proc/self/cmdline", std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  std::vector<std::string> arguments = absl::StrSplit(text, '\0');
  if (!arguments.empty() && arguments.back().empty()) arguments.pop_back();
  return arguments;
}

std::vector<std::string> OwnEnvironment() {
  std::vector<std::string> variables;
  for (char** variable = environ; *variable != nullptr; ++variable) variables.push_back(*variable);
  variables.push_back(absl::StrCat(kPredecessorVariable, "=", kSocket, ",", kLock));
  return variables;
}

std::vector<char*> Pointers(std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  for (std::string& text : texts) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

// Give puts `from` where the new program looks for it; dup2 leaves it open over execve.
bool Give(int from, int to) { return ::dup2(from, to) == to; }

// RunSuccessor is all that happens after the forks: async-signal-safe calls only. Both descriptors
// are moved out of the way of both places first.
[[noreturn]] void RunSuccessor(const char* file, char* const* arguments, char* const* environment,
                               int socket, int lock) {
  const int socket_aside = ::fcntl(socket, F_DUPFD_CLOEXEC, kLock + 1);
  const int lock_aside = ::fcntl(lock, F_DUPFD_CLOEXEC, kLock + 1);
  if (!Give(socket_aside, kSocket) || !Give(lock_aside, kLock)) ::_exit(127);
  CloseOnExecFrom(kLock + 1);
  LowerDescriptorLimit();
  ::execve(file, arguments, environment);
  ::_exit(127);
}

}  // namespace

std::optional<Predecessor> TakePredecessor(std::optional<std::string> variable) {
  if (!variable.has_value()) return std::nullopt;
  const std::vector<std::string> numbers = absl::StrSplit(*variable, ',');
  int socket = -1;
  int lock = -1;
  if (numbers.size() != 2 || !absl::SimpleAtoi(numbers[0], &socket)) return std::nullopt;
  if (!absl::SimpleAtoi(numbers[1], &lock)) return std::nullopt;
  for (const int descriptor : {socket, lock}) {
    if (::fcntl(descriptor, F_SETFD, FD_CLOEXEC) != 0) return std::nullopt;
  }
  return Predecessor{Descriptor(socket), Descriptor(lock)};
}

absl::StatusOr<Descriptor> StartSuccessor(int lock) {
  const absl::StatusOr<std::string> file = OwnFile();
  if (!file.ok()) return file.status();
  std::vector<std::string> arguments = OwnArguments();
  std::vector<std::string> environment = OwnEnvironment();
  const std::vector<char*> argument_pointers = Pointers(arguments);
  const std::vector<char*> environment_pointers = Pointers(environment);
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
    return Failure("make a socket");
  }
  Descriptor ours(ends[0]);
  const Descriptor theirs(ends[1]);
  const pid_t middle = ::fork();
  if (middle < 0) return Failure("fork");
  if (middle == 0) {
    // A child of a child that has ended is nobody's to wait for.
    const pid_t successor = ::fork();
    if (successor == 0) {
      RunSuccessor(file->c_str(), argument_pointers.data(), environment_pointers.data(),
                   theirs.value(), lock);
    }
    ::_exit(successor < 0 ? 1 : 0);
  }
  int status = 0;
  while (::waitpid(middle, &status, 0) < 0 && errno == EINTR) {
  }
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
    return absl::ResourceExhaustedError("could not fork");
  }
  return ours;
}

}  // namespace agent
