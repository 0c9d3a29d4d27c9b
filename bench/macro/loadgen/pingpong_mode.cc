// Round trips of --size bytes on one established connection, one at a time, for --secs seconds.

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

#include "bench/macro/loadgen/loadgen_modes.h"
#include "bench/macro/loadgen/loadgen_socket.h"
#include "bench/macro/loadgen/percentiles.h"

namespace loadgen {

int PingPong(const Arguments& arguments) {
  constexpr int kWarmUpCount = 20;
  const auto size = static_cast<size_t>(arguments.Integer("size", 1));
  const double pause_us = arguments.Number("pause-us", 0);
  const int fd =
      TryConnect(AddressOf(arguments.Text("host", "127.0.0.1"), arguments.Integer("port", 0)));
  if (fd < 0) Die(std::string("connect: ") + strerror(errno));
  SetTimeout(fd, 20);
  if (!SendAll(fd, "E", 1)) Die(std::string("send: ") + strerror(errno));
  std::vector<char> buffer(size, 'x');
  const auto round_trip = [&] {
    return SendAll(fd, buffer.data(), size) && ReceiveAll(fd, buffer.data(), size);
  };
  bool ok = true;
  for (int i = 0; i < kWarmUpCount && ok; ++i) ok = round_trip();
  std::vector<int64_t> durations;
  durations.reserve(1 << 20);
  const double cpu = OwnCpuSeconds();
  const int64_t end = NowNs() + static_cast<int64_t>(arguments.Number("secs", 2) * 1e9);
  while (ok && NowNs() < end) {
    const int64_t start = NowNs();
    ok = round_trip();
    if (ok) durations.push_back(NowNs() - start);
    if (pause_us > 0) SleepMicroseconds(pause_us);
  }
  std::printf("{\"mode\":\"pingpong\",\"size\":%zu,\"ok\":%s,%s,\"loadgen_cpu_s\":%.3f}\n", size,
              ok ? "true" : "false", PercentilesJson(durations).c_str(), OwnCpuSeconds() - cpu);
  return ok ? 0 : 1;
}

}  // namespace loadgen
