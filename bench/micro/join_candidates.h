// Ways to move bytes from one connection to another until the first one ends.

#pragma once

#include <cstddef>
#include <memory>
#include <string>

namespace bench {

// TcpPair is two connected blocking sockets on the loopback interface.
struct TcpPair {
  TcpPair();
  ~TcpPair();
  TcpPair(const TcpPair&) = delete;
  TcpPair& operator=(const TcpPair&) = delete;
  int near = -1;
  int far = -1;
};

// Both block, and return 0 at the end of the stream or an error.
size_t SendSome(int socket, const char* bytes, size_t size);
size_t ReceiveSome(int socket, char* bytes, size_t size);
// Finish ends the sending direction.
void Finish(int socket);

class JoinCandidate {
 public:
  virtual ~JoinCandidate() = default;
  // Run moves everything from one to the other, and returns at the end of `from`; false: an error.
  virtual bool Run(int from, int to) = 0;
  // Received is what the far end has got, for a candidate that sees no byte itself. From another
  // thread, once, at the end.
  virtual void Received(size_t) {}
};

// Each returns null, and says why, where this kernel or user cannot do it.
std::unique_ptr<JoinCandidate> MakeCopy(std::string& why);
std::unique_ptr<JoinCandidate> MakeUringSplice(std::string& why);
std::unique_ptr<JoinCandidate> MakeUringRing(std::string& why);
std::unique_ptr<JoinCandidate> MakeUringBundles(std::string& why);
std::unique_ptr<JoinCandidate> MakeSockmap(std::string& why);

}  // namespace bench
