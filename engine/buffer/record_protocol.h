// The seam between a secured connection and what speaks over it: the frame multiplexer, the relay's
// switchboard, or HTTP. Neither side knows the other's class.
//
//     socket, TLS  -- Receive(plaintext) -->  RecordProtocol
//     (net layer)  <- GatherRecord() -------  (mux, switchboard, http)
//                  <- OutputReady() --------

#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "engine/base/bytes.h"
#include "engine/base/time.h"
#include "engine/buffer/buffer_pool.h"

namespace engine {

// The most plaintext one record holds (RFC 8446, section 5.1), and the most slices it is made of.
inline constexpr size_t kRecordSizeMax = 16 * 1024;
inline constexpr size_t kRecordSlicesMax = 16;

// RecordCarrier is the connection as its protocol sees it.
class RecordCarrier {
 public:
  // OutputReady says that GatherRecord has something. Calling it often costs nothing; the carrier
  // gathers later, never inside this call.
  virtual void OutputReady() = 0;

  // CloseAfterOutput ends the connection once all that GatherRecord has is sent (or a deadline of
  // the carrier has passed). Nothing is received any more.
  virtual void CloseAfterOutput() = 0;

  // GiveUpPeer says, before CloseAfterOutput, that nothing was heard for too long: the peer is told
  // the last words as far as that can be, and its own end is not waited for.
  virtual void GiveUpPeer() {}

 protected:
  ~RecordCarrier() = default;
};

class RecordProtocol {
 public:
  virtual ~RecordProtocol() = default;

  // Receive takes the next plaintext, in order; it may end anywhere inside a message. Foreign
  // bytes: whatever they are, the protocol answers within itself, or closes the carrier.
  virtual void Receive(BufferRef plaintext, Instant now) = 0;

  // GatherRecord fills `slices` with what the next record carries, at most kRecordSizeMax bytes in
  // all, and returns how many slices it filled; 0 means that there is nothing to say now. The
  // bytes stay where they are until RecordTaken, which the carrier calls before anything else.
  virtual size_t GatherRecord(std::span<ByteView> slices, Instant now) = 0;
  virtual void RecordTaken() = 0;

  // GatheredPayload returns, between GatherRecord and RecordTaken, the payload behind the first of
  // two slices when the protocol keeps nothing of it: the carrier may seal the record in that
  // payload's own block, and take the reference. Null: there is nothing but the slices.
  virtual BufferRef* GatheredPayload() { return nullptr; }

  // NextDeadline is when HandleDeadline must be called at the latest; Instant::max() for never.
  // The carrier asks after each of the calls above and below.
  virtual Instant NextDeadline() const = 0;
  virtual void HandleDeadline(Instant now) = 0;
};

}  // namespace engine
