#include "agent/process/spawn.h"

#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "agent/process/pty.h"
#include "engine/base/check.h"
#include "engine/platform/descriptor_limit.h"

namespace agent {
namespace {

// The steps of the child, in order.
enum class Step : int32_t { kSession, kTerminal, kDescriptors, kUser, kExec };

constexpr int kFirstOther = STDERR_FILENO + 1;

std::optional<uint64_t>& LimitForChildren() {
  static std::optional<uint64_t> limit;
  return limit;
}

struct ChildPlan {
  const char* const* candidates;  // Paths to try, null at the end.
  char* const* arguments;
  char* const* environment;
  const char* home;
  const RunAsUser* user;
  int standard[3];
  int status;
  pid_t agent;
  bool terminal;
};

[[noreturn]] void Fail(int status, Step step, int error) {
  const int32_t words[2] = {static_cast<int32_t>(step), static_cast<int32_t>(error)};
  static_assert(sizeof words == kSpawnFailureSize);
  [[maybe_unused]] const ssize_t written = ::write(status, words, sizeof words);
  ::_exit(127);
}

// BecomeUser gives up every privilege for good, group rights first.
bool BecomeUser(const RunAsUser& user) {
  if (!user.change_identity) return true;
  return ::setgroups(user.groups.size(), user.groups.data()) == 0 &&
         ::setresgid(user.gid, user.gid, user.gid) == 0 &&
         ::setresuid(user.uid, user.uid, user.uid) == 0;
}

// RunChild is all that happens between fork and execve: async-signal-safe calls only.
[[noreturn]] void RunChild(const ChildPlan& plan) {
  if (::setsid() < 0) Fail(plan.status, Step::kSession, errno);
  if (plan.terminal && ::ioctl(plan.standard[0], TIOCSCTTY, 0) != 0) {
    Fail(plan.status, Step::kTerminal, errno);
  }
  for (int i = 0; i < 3; ++i) {
    if (::dup2(plan.standard[i], i) != i) Fail(plan.status, Step::kDescriptors, errno);
  }
  CloseOnExecFrom(kFirstOther);  // On exec: until then the status pipe stays open.
  LowerDescriptorLimit();
  if (!BecomeUser(*plan.user)) Fail(plan.status, Step::kUser, errno);
  // When the agent dies, however it does, nobody can reach the program any more: it hears of it as
  // of a terminal that hangs up. The kernel means the thread that forked, so the agent starts
  // programs on its main thread alone, and forgets this where the user changes, as by sudo
  // (PR_SET_PDEATHSIG). What the program has started itself does not hear it.
  ::prctl(PR_SET_PDEATHSIG, SIGHUP);
  if (::getppid() != plan.agent) Fail(plan.status, Step::kSession, ESRCH);  // It has died already.
  if (::chdir(plan.home) != 0) {  // A home that is missing is no reason to refuse a session.
    [[maybe_unused]] const int changed = ::chdir("/");
  }
  ::umask(022);
  for (int signal = 1; signal < NSIG; ++signal) ::signal(signal, SIG_DFL);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);

  // As execvp does: a candidate that may not be run is remembered, one that is missing is not.
  int error = ENOENT;
  for (const char* const* path = plan.candidates; *path != nullptr; ++path) {
    ::execve(*path, plan.arguments, plan.environment);
    if (errno == EACCES) {
      error = EACCES;
    } else if (errno != ENOENT && errno != ENOTDIR) {
      error = errno;
      break;
    }
  }
  Fail(plan.status, Step::kExec, error);
}

// Above moves a descriptor out of the way of 0, 1 and 2, which the child replaces.
bool Above(Descriptor& descriptor) {
  if (descriptor.value() >= kFirstOther) return true;
  const int moved = ::fcntl(descriptor.value(), F_DUPFD_CLOEXEC, kFirstOther);
  if (moved < 0) return false;
  descriptor = Descriptor(moved);
  return true;
}

struct PipeEnds {
  Descriptor read;
  Descriptor write;
};

absl::Status OutOf(const char* what) {
  return absl::ResourceExhaustedError(
      absl::StrCat("the node could not make ", what, ": ", std::strerror(errno)));
}

absl::StatusOr<PipeEnds> MakePipe() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return OutOf("a pipe");
  PipeEnds pipe{Descriptor(ends[0]), Descriptor(ends[1])};
  if (!Above(pipe.read) || !Above(pipe.write)) return OutOf("a pipe");
  return pipe;
}

// GiveTo makes the user own the child's end, so that a program may open /dev/stdout, /dev/stderr
// or its terminal by name once more. Not vital: a failure is ignored.
void GiveTo(const RunAsUser& user, const Descriptor& descriptor) {
  if (!user.change_identity) return;
  [[maybe_unused]] const int done = ::fchown(descriptor.value(), user.uid, static_cast<gid_t>(-1));
}

// NeverBlock is for ends that are ours alone; the child's end has its own setting.
void NeverBlock(const Descriptor& descriptor) {
  ::fcntl(descriptor.value(), F_SETFL, ::fcntl(descriptor.value(), F_GETFL) | O_NONBLOCK);
}

std::string_view PathOf(const std::vector<std::string>& environment) {
  constexpr std::string_view kName = "PATH=";
  for (const std::string& variable : environment) {
    if (variable.starts_with(kName)) return std::string_view(variable).substr(kName.size());
  }
  return "/usr/local/bin:/usr/bin:/bin";
}

std::vector<std::string> Candidates(const SpawnRequest& request) {
  if (request.program.find('/') != std::string::npos) return {request.program};
  std::vector<std::string> paths;
  if (request.program.empty()) return paths;
  const std::string_view path = PathOf(request.environment);
  for (absl::string_view folder :
       absl::StrSplit(absl::string_view(path.data(), path.size()), ':')) {
    if (!folder.empty()) paths.push_back(absl::StrCat(folder, "/", request.program));
  }
  return paths;
}

std::vector<char*> Pointers(const std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  pointers.reserve(texts.size() + 1);
  for (const std::string& text : texts) pointers.push_back(const_cast<char*>(text.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

// Ends are the descriptors of both sides, before the fork.
struct Ends {
  Spawned ours;
  Descriptor standard[3];  // The child's; with a terminal, only the first is valid.
};

absl::Status OpenTerminal(const SpawnRequest& request, Ends& out) {
  absl::StatusOr<Pty> pty = OpenPty(*request.terminal);
  if (!pty.ok()) return pty.status();
  if (!Above(pty->master) || !Above(pty->slave)) return OutOf("a terminal");
  GiveTo(request.user, pty->slave);
  NeverBlock(pty->master);
  out.ours.input = std::move(pty->master);
  out.standard[0] = std::move(pty->slave);
  return absl::OkStatus();
}

absl::Status OpenPipes(const SpawnRequest& request, Ends& out) {
  absl::StatusOr<PipeEnds> input = MakePipe();
  if (!input.ok()) return input.status();
  absl::StatusOr<PipeEnds> output = MakePipe();
  if (!output.ok()) return output.status();
  absl::StatusOr<PipeEnds> error = MakePipe();
  if (!error.ok()) return error.status();
  out.ours.input = std::move(input->write);
  out.ours.output = std::move(output->read);
  out.ours.error = std::move(error->read);
  out.standard[0] = std::move(input->read);
  out.standard[1] = std::move(output->write);
  out.standard[2] = std::move(error->write);
  for (const Descriptor& end : out.standard) GiveTo(request.user, end);
  for (const Descriptor* end : {&out.ours.input, &out.ours.output, &out.ours.error}) {
    NeverBlock(*end);
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Spawned> Spawn(const SpawnRequest& request) {
  CHECK(!request.arguments.empty());
  Ends ends;
  const absl::Status opened =
      request.terminal.has_value() ? OpenTerminal(request, ends) : OpenPipes(request, ends);
  if (!opened.ok()) return opened;
  absl::StatusOr<PipeEnds> status = MakePipe();
  if (!status.ok()) return status.status();

  const std::vector<std::string> candidates = Candidates(request);
  const std::vector<char*> candidate_pointers = Pointers(candidates);
  const std::vector<char*> arguments = Pointers(request.arguments);
  const std::vector<char*> environment = Pointers(request.environment);
  ChildPlan plan{};
  plan.candidates = candidate_pointers.data();
  plan.arguments = arguments.data();
  plan.environment = environment.data();
  plan.home = request.user.home.c_str();
  plan.user = &request.user;
  plan.terminal = request.terminal.has_value();
  plan.status = status->write.value();
  plan.agent = ::getpid();
  for (int i = 0; i < 3; ++i) plan.standard[i] = ends.standard[plan.terminal ? 0 : i].value();

  // Signals stay blocked until the child has set every one to its default: a handler of ours must
  // not run there.
  sigset_t all;
  sigset_t before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  const pid_t pid = ::fork();
  if (pid == 0) RunChild(plan);
  const int error = errno;
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (pid < 0) {
    errno = error;
    return OutOf("a process");
  }
  ends.ours.pid = pid;
  ends.ours.status = std::move(status->read);
  return std::move(ends.ours);
}

std::string SpawnFailureText(engine::ByteView status, const SpawnRequest& request) {
  int32_t words[2] = {0, 0};
  if (status.size() < sizeof words) return "the program could not be started";
  std::memcpy(words, status.data(), sizeof words);
  const char* reason = std::strerror(words[1]);
  switch (static_cast<Step>(words[0])) {
    case Step::kSession:
      return absl::StrCat("the node could not start a session of processes: ", reason);
    case Step::kTerminal:
      return absl::StrCat("the node could not give the program a terminal: ", reason);
    case Step::kDescriptors:
      return absl::StrCat("the node could not connect the program's input and output: ", reason);
    case Step::kUser:
      return absl::StrCat("the node could not become user ", request.user.name, ": ", reason);
    case Step::kExec:
      break;
  }
  if (words[1] == ENOENT && request.program.find('/') == std::string::npos) {
    return absl::StrCat(
        request.program, ": command not found on the node (PATH is ",
        absl::string_view(PathOf(request.environment).data(), PathOf(request.environment).size()),
        ")");
  }
  if (words[1] == EACCES) {
    return absl::StrCat(request.program, ": user ", request.user.name,
                        " may not run it on the node (", reason, ")");
  }
  return absl::StrCat(request.program, ": could not be started on the node: ", reason);
}

void RaiseOwnDescriptorLimit() { LimitForChildren() = engine::RaiseDescriptorLimit(); }

void LowerDescriptorLimit() {
  const std::optional<uint64_t>& limit = LimitForChildren();
  if (limit.has_value()) engine::SetDescriptorLimit(*limit);
}

void CloseOnExecFrom(int first) {
  if (::close_range(static_cast<unsigned>(first), ~0U, CLOSE_RANGE_CLOEXEC) == 0) return;
  rlimit limit{};  // Before Linux 5.11.
  const int count = ::getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < 65'536
                        ? static_cast<int>(limit.rlim_cur)
                        : 65'536;
  for (int i = first; i < count; ++i) ::fcntl(i, F_SETFD, FD_CLOEXEC);
}

}  // namespace agent
