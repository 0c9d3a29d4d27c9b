#include "bench/macro/path/tun_device.h"

#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace path {
namespace {

int Must(int result, const std::string& what) {
  if (result >= 0) return result;
  std::fprintf(stderr, "path_router: %s: %s\n", what.c_str(), strerror(errno));
  std::exit(1);
}

}  // namespace

int OpenTun(const std::string& namespace_path, const std::string& name) {
  const int own = Must(open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC), "own namespace");
  const int there = Must(open(namespace_path.c_str(), O_RDONLY | O_CLOEXEC), namespace_path);
  Must(setns(there, CLONE_NEWNET), "entering " + namespace_path);
  // A device belongs to the namespace in which its descriptor was opened.
  const int device = Must(open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC), "/dev/net/tun");
  ifreq request{};
  request.ifr_flags = IFF_TUN | IFF_NO_PI;
  name.copy(request.ifr_name, IFNAMSIZ - 1);
  Must(ioctl(device, TUNSETIFF, &request), "making the device " + name);
  Must(setns(own, CLONE_NEWNET), "going back");
  close(there);
  close(own);
  return device;
}

}  // namespace path
