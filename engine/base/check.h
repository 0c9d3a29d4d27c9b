// Three kinds of wrong, three words:
//   CHECK       our own mistake. Stops the process, in release builds too.
//   error value the world's doing: a kernel, a disk, an operator. Returned and handled.
//   PeerError   the other side's doing: foreign bytes that break PROTOCOL.md. Ends that connection
//               with its code, is counted, and never aborts.

#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>

// CHECK stops the process when our own code is wrong. Never use it on anything that a peer, the
// kernel, or an operator can cause.
#define CHECK(condition)                                                                 \
  do {                                                                                   \
    if (!(condition)) [[unlikely]] {                                                     \
      std::fprintf(stderr, "%s:%d: CHECK failed: %s\n", __FILE__, __LINE__, #condition); \
      std::abort();                                                                      \
    }                                                                                    \
  } while (false)
