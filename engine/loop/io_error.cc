#include "engine/loop/io_error.h"

#include <atomic>
#include <cerrno>
#include <cstdint>

#include "engine/base/log.h"

namespace engine {
namespace {

// One line for each value, so that a peer who provokes an error a thousand times a second fills no
// disk. Values beyond the table, which Linux does not have, share its last bit.
void LogOnce(int error_number) {
  constexpr unsigned kValuesMax = 192;
  static std::atomic<uint64_t> logged[kValuesMax / 64];
  unsigned index = error_number < 0 ? kValuesMax - 1 : static_cast<unsigned>(error_number);
  if (index >= kValuesMax) index = kValuesMax - 1;
  const uint64_t bit = uint64_t{1} << (index % 64);
  if ((logged[index / 64].fetch_or(bit, std::memory_order_relaxed) & bit) != 0) return;
  log::Write(log::Level::kWarning, "io-error-unknown", {{"errno", error_number}});
}

}  // namespace

IoError IoErrorOf(int error_number) {
  switch (error_number) {
    case 0:
      return IoError::kNone;
    case ECANCELED:
      return IoError::kCanceled;
    case ECONNRESET:
    case ECONNABORTED:
    case EPIPE:
    case ENOTCONN:
    case ESHUTDOWN:
      return IoError::kReset;
    case ECONNREFUSED:
    case ENOENT:  // A UNIX-domain socket that is not there.
      return IoError::kRefused;
    case ENETUNREACH:
    case EHOSTUNREACH:
    case ENETDOWN:
    case EHOSTDOWN:
    case EADDRNOTAVAIL:
      return IoError::kUnreachable;
    case ETIMEDOUT:
      return IoError::kTimedOut;
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
    case ENOMEM:
    case EAGAIN:  // A UNIX-domain listener whose backlog is full.
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
      return IoError::kExhausted;
    case EACCES:
    case EPERM:
    case EIO:  // A terminal whose other side is closed.
    case EROFS:
      return IoError::kDenied;
    case EADDRINUSE:
      return IoError::kInUse;
    default:
      LogOnce(error_number);
      return IoError::kUnexpected;
  }
}

bool WasGoneBeforeAccept(int error_number) {
  switch (error_number) {
    case ECONNABORTED:
    case EPROTO:
    case ENETDOWN:
    case ENETUNREACH:
    case EHOSTDOWN:
    case EHOSTUNREACH:
    case ENOPROTOOPT:
      return true;
    default:
      return false;
  }
}

std::string_view IoErrorText(IoError error) {
  switch (error) {
    case IoError::kNone:
      return "no error";
    case IoError::kCanceled:
      return "canceled";
    case IoError::kEndOfStream:
      return "end of stream";
    case IoError::kNoBuffers:
      return "no free buffers";
    case IoError::kReset:
      return "connection reset";
    case IoError::kRefused:
      return "connection refused";
    case IoError::kUnreachable:
      return "network unreachable";
    case IoError::kTimedOut:
      return "timed out";
    case IoError::kExhausted:
      return "out of descriptors or memory";
    case IoError::kDenied:
      return "permission denied";
    case IoError::kInUse:
      return "address already in use";
    case IoError::kUnexpected:
      return "unexpected error";
  }
  return "unknown error";
}

}  // namespace engine
