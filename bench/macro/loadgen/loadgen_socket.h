// Blocking and non-blocking TCP on IPv4, clocks and limits: what every mode needs.

#pragma once

#include <netinet/in.h>
#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <string>

namespace loadgen {

// Set by SIGTERM and SIGINT; long-running modes look at it.
bool StopWanted();
void ListenForStop();

int64_t NowNs();
void SleepMicroseconds(double microseconds);
double OwnCpuSeconds();

// RaiseDescriptorLimit allows as many descriptors as the hard limit does.
void RaiseDescriptorLimit();

sockaddr_in AddressOf(const std::string& host, int port);
int ListenOn(const std::string& host, int port);

// TryConnect returns a socket with TCP_NODELAY, or -1 with errno set. A non-blocking one may still
// be connecting.
int TryConnect(const sockaddr_in& address, bool non_blocking = false);
void SetNoDelay(int fd);
void SetNonBlocking(int fd);
void SetTimeout(int fd, double seconds);

// SendAll and ReceiveAll return false when the connection ends or times out before all is moved.
bool SendAll(int fd, const void* data, size_t size);
bool ReceiveAll(int fd, void* data, size_t size);

}  // namespace loadgen
