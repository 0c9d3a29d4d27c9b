// One TLS connection without I/O: blocks of ciphertext in, slices of plaintext out, and back.
//
//              Receive(block)  +------------+  Read(slice)
//   socket  -----------------> |            | -------------> multiplexer, HTTP
//              Output()        | TlsChannel |  Write(pieces)
//           <----------------- |            | <-------------
//              OutputSent(n)   +------------+
//
// After every Receive(): Read() until it returns something else than kOk, then send Output(). The
// handshake runs inside Read(); a client calls it once after construction, for the first flight.
//
// BoringSSL shakes hands. Then our own record layer goes on with the traffic secrets, and
// BoringSSL's part is freed. A record that lies whole in one received block is opened there, and
// Read() returns a slice of that block, with the room in which WriteInPlace() of another channel
// seals it again. What is copied is counted: see counts().

#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "engine/base/bytes.h"
#include "engine/buffer/buffer_pool.h"
#include "engine/crypto/certificate.h"
#include "engine/tls/record_format.h"
#include "engine/tls/tls_error.h"
#include "engine/tls/tls_input.h"
#include "engine/tls/tls_output.h"

namespace engine {

class BoringTls;
class EstablishedTls;
class TlsContext;

// TlsCounts says what became of a connection's plaintext since its handshake, in bytes. Records
// that BoringSSL carries are not counted.
struct TlsCounts {
  uint64_t opened_bytes = 0;
  uint64_t opened_apart_bytes = 0;   // Out of two blocks straight into a third.
  uint64_t opened_copied_bytes = 0;  // Records that were put together before they were opened.
  uint64_t sealed_bytes = 0;
  uint64_t sealed_in_place_bytes = 0;
  uint64_t sealed_copied_bytes = 0;  // Put together before they were sealed.
};

class TlsChannel {
 public:
  enum class Outcome : uint8_t {
    kOk,
    kNeedMore,     // Give more ciphertext first.
    kEndOfStream,  // The peer sent close_notify: no plaintext will follow. Read only.
    kNoBuffers,    // The pool has run dry; nothing is lost; call again when blocks are free.
    kOutputFull,   // kTlsOutputSlicesMax slices wait; call again after OutputSent().
    kError,        // Over: see error(). An alert may be left in Output(); send it, then close.
  };

  // A channel is a server's or a client's as its context is. `host` is the name or address that a
  // client dialled: it is sent as SNI if it is a name, and the server's certificate must be valid
  // for it. `pool` must outlive the channel; `context` need not.
  TlsChannel(const TlsContext& context, BufferPool& pool, std::string_view host = {});
  ~TlsChannel();

  // Offer names one more protocol (ALPN), behind those of the context: a hint for the server, which
  // is not expected to pick it. A context that offers none, since whoever answers need not know
  // ALPN, offers no hint either. Requires: a client's channel that was not read yet.
  void Offer(std::string_view protocol);

  TlsChannel(const TlsChannel&) = delete;
  TlsChannel& operator=(const TlsChannel&) = delete;

  // Receive queues ciphertext as it came from the socket. The bytes are the channel's from now on,
  // which opens them where they lie: nobody else may look at them. It returns false, and leaves
  // `ciphertext` with the caller, while kTlsInputSlicesMax slices wait: Read() first, or stop
  // receiving. After kError or kEndOfStream the bytes are dropped.
  [[nodiscard]] bool Receive(BufferRef&& ciphertext);

  // Read goes on with the handshake and then returns the next plaintext, 1 to 16,384 bytes: one
  // record, whole. Where the record lay, the slice has room for WriteInPlace(). Every outcome but
  // kOutputFull is possible (kNoBuffers also when the handshake's own output finds no block).
  // `plaintext` changes with kOk only. (BoringSSL's records come without room, packed one after
  // another into a block, and in parts where the pool's blocks are smaller than a record.)
  [[nodiscard]] Outcome Read(BufferRef& plaintext);

  // TakeUnread takes the ciphertext that was received and not read, in order: the peer has changed
  // over to something else than TLS. Read() must not be called any more.
  std::vector<BufferRef> TakeUnread() { return input_.TakeAll(); }
  bool has_unread() const { return !input_.empty(); }

  // RoomForRecord says whether Write() or WriteInPlace() of any record would be taken now: kOk,
  // kNoBuffers or kOutputFull. Who cannot take back what it has gathered asks first.
  Outcome RoomForRecord() const;

  // Write seals the pieces, in order, as exactly one record, which is added to the output. kOk: all
  // of it. kNeedMore: the handshake is not done. kNoBuffers, kOutputFull: nothing was taken.
  // kError: the connection is over. Requires: 1 to 16,384 bytes in all; Close() was not called.
  [[nodiscard]] Outcome Write(std::span<const ByteView> pieces);
  [[nodiscard]] Outcome Write(ByteView bytes) { return Write({&bytes, 1}); }

  // WriteInPlace seals `head` and `payload` as exactly one record, in the payload's own block if
  // the payload has room for it: kTlsRecordHeader bytes and `head` before it, kTlsRecordTrailer
  // bytes after it. The block is then itself the output. Without that room it does what Write()
  // does. Outcomes and requirements are those of Write(); with kOk the payload is taken, otherwise
  // it is left with the caller.
  [[nodiscard]] Outcome WriteInPlace(ByteView head, BufferRef& payload);

  // Close queues close_notify: the end of what we send. What the peer still sends can be read. It
  // returns kOk (also the second time), kNeedMore before the end of the handshake (then just close
  // the socket), kNoBuffers, kOutputFull or kError.
  Outcome Close();

  // Output fills `slices` with the ciphertext that waits, oldest first, and returns their count.
  // The bytes stay where they are until OutputSent() gives them back, while more is written.
  size_t Output(std::span<ByteView> slices) const;
  // OutputSent forgets the first `size` bytes of the output. Requires: size <= output_size().
  void OutputSent(size_t size);
  size_t output_size() const { return output_.size(); }

  // True once plaintext can flow. A client may write before it knows whether the server accepts its
  // certificate: a refusal comes as kError from a later Read().
  bool handshake_done() const { return handshake_done_; }
  // The protocol that ALPN picked, or empty. Valid for the life of the channel.
  std::string_view protocol() const { return protocol_; }

  TlsError error() const { return error_; }
  // What went wrong and what to look at, for people; empty without an error.
  const std::string& error_text() const { return error_text_; }

  // PeerCertificate returns the peer's own certificate, verified. NotFound: the peer has shown
  // none, or ForgetPeer() was called. Requires: handshake_done().
  absl::StatusOr<crypto::Certificate> PeerCertificate() const;
  // The certificate (PEM) that the peer's chain was verified up to, to be kept for the next
  // contact; empty unless this is a client with TlsTrust::Kind::kFingerprint whose handshake is
  // done.
  const std::string& anchor_pem() const;
  // ForgetPeer frees both, once their owner has looked: a certificate is as large as all the rest
  // of an idle connection.
  void ForgetPeer() { peer_.reset(); }

  // Export derives bytes from the connection's secrets (RFC 8446, 7.5), the same on both sides and
  // on no other connection. Requires: handshake_done().
  void Export(std::string_view label, ByteView context, std::span<std::byte> out) const;

  TlsCounts counts() const;

 private:
  // Peer is what the handshake found out about who is there.
  struct Peer {
    std::string der;
    std::string anchor_pem;
  };

  Outcome Handshake();
  Outcome Finish(Outcome outcome);
  Outcome Fail(TlsError error, std::string text);
  void Verify() const;

  TlsInput input_;
  TlsOutput output_;
  // One of the two: BoringSSL until the end of the handshake, or for good if it must be.
  std::unique_ptr<BoringTls> boring_;
  std::unique_ptr<EstablishedTls> established_;
  std::unique_ptr<Peer> peer_;
  std::string protocol_;
  std::string error_text_;
  TlsError error_ = TlsError::kNone;
  bool handshake_done_ = false;
  bool end_received_ = false;
  bool close_sent_ = false;
};

// OutcomeOf is what a write returns for what the output has room for.
TlsChannel::Outcome OutcomeOf(TlsOutput::Room room);

}  // namespace engine
