#pragma once

#include <cstdint>
#include <string>

namespace relay {

// Joint moves the bytes of a lane between its two connections, as they are and both ways, and
// passes on the end of each direction. It owns both until it is over.
class Joint {
 public:
  class Events {
   public:
    // One side has ended, or is gone. What it sent is still passed on; the other side should end,
    // too, and is cut if it does not.
    virtual void OnJointHalfOver() = 0;
    // The last call, from the loop, when both connections are closed; `why` is for people. The
    // joint may be destroyed in it, and at no time before.
    virtual void OnJointOver(std::string why) = 0;

   protected:
    ~Events() = default;
  };

  virtual ~Joint() = default;

  // Cut ends it now: both connections are reset. OnJointOver follows in a later iteration.
  virtual void Cut() = 0;

  // So far.
  virtual uint64_t to_node_bytes() const = 0;
  virtual uint64_t to_client_bytes() const = 0;
};

}  // namespace relay
