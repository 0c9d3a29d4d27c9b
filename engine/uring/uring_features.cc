#include "engine/uring/uring_features.h"

#include <fcntl.h>
#include <liburing.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace engine {
namespace {

constexpr char kSwitchPath[] = "/proc/sys/kernel/io_uring_disabled";

// ReadSwitch returns the digit in kernel.io_uring_disabled (Linux 6.6), or '0' when there is none.
char ReadSwitch() {
  char digit = '0';
  const int descriptor = ::open(kSwitchPath, O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return digit;
  if (::read(descriptor, &digit, 1) != 1) digit = '0';
  ::close(descriptor);
  return digit;
}

std::string KernelRelease() {
  utsname names{};
  return ::uname(&names) == 0 ? names.release : "unknown";
}

std::string WhySetupFailed(int error_number) {
  switch (error_number) {
    case EPERM: {
      const char digit = ReadSwitch();
      if (digit != '0') {
        return std::string("io_uring is switched off (kernel.io_uring_disabled=") + digit +
               "); set it to 0 to allow it";
      }
      return "io_uring_setup is denied (EPERM), probably by the seccomp filter of a container; "
             "allow io_uring in its profile";
    }
    case ENOSYS:
      return "kernel " + KernelRelease() + " has no io_uring";
    case EINVAL:
      return "kernel " + KernelRelease() + " is older than 6.1, which io_uring is used from";
    case ENOMEM:
      return "io_uring_setup found no memory; raise RLIMIT_MEMLOCK (ulimit -l)";
    default:
      return std::string("io_uring_setup failed: ") + std::strerror(error_number);
  }
}

bool HasOps(io_uring& ring, std::initializer_list<int> ops) {
  io_uring_probe* probe = ::io_uring_get_probe_ring(&ring);
  if (probe == nullptr) return false;
  bool all = true;
  for (int op : ops) all = all && ::io_uring_opcode_supported(probe, op) != 0;
  ::io_uring_free_probe(probe);
  return all;
}

// RunAnOp checks that submitting and waiting with a timeout work: a filter may allow the set-up and
// deny io_uring_enter.
int RunAnOp(io_uring& ring) {
  const int enabled = ::io_uring_enable_rings(&ring);
  if (enabled < 0) return -enabled;
  io_uring_sqe* sqe = ::io_uring_get_sqe(&ring);
  if (sqe == nullptr) return EAGAIN;
  ::io_uring_prep_nop(sqe);
  io_uring_cqe* cqe = nullptr;
  __kernel_timespec second{.tv_sec = 1, .tv_nsec = 0};
  const int result = ::io_uring_submit_and_wait_timeout(&ring, &cqe, 1, &second, nullptr);
  if (result < 0) return -result;
  if (cqe == nullptr) return EIO;
  ::io_uring_cqe_seen(&ring, cqe);
  return 0;
}

UringFeatures Probe() {
  UringFeatures features;
  io_uring ring{};
  io_uring_params params{};
  params.flags = IORING_SETUP_R_DISABLED | IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN;
  const int result = ::io_uring_queue_init_params(8, &ring, &params);
  if (result < 0) {
    features.reason = WhySetupFailed(-result);
    return features;
  }
  const bool complete =
      HasOps(ring, {IORING_OP_ACCEPT, IORING_OP_CONNECT, IORING_OP_RECV, IORING_OP_SEND,
                    IORING_OP_SENDMSG, IORING_OP_POLL_ADD, IORING_OP_READ, IORING_OP_ASYNC_CANCEL});
  if (!complete) {
    features.reason = "kernel " + KernelRelease() + " lacks io_uring operations that are needed";
  } else if (const int error_number = RunAnOp(ring); error_number != 0) {
    features.reason = std::string("io_uring_enter failed: ") + std::strerror(error_number);
  } else {
    features.usable = true;
    features.send_zero_copy = HasOps(ring, {IORING_OP_SEND_ZC, IORING_OP_SENDMSG_ZC});
  }
  ::io_uring_queue_exit(&ring);
  return features;
}

}  // namespace

const UringFeatures& ProbedUringFeatures() {
  static const UringFeatures features = Probe();
  return features;
}

}  // namespace engine
