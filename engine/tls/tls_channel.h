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
// What is copied: a received byte twice (into BoringSSL's record, and out of it into a pool block),
// a sent byte twice (sealing out of place, and into a pool block), and once more when a record
// has more than one piece. This interface is the seam where a record layer that opens and seals in
// place replaces that.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "engine/base/bytes.h"
#include "engine/buffer/buffer_pool.h"
#include "engine/crypto/certificate.h"
#include "engine/tls/tls_error.h"

struct ssl_st;
struct bio_st;

namespace engine {

class TlsContext;
class TlsSettings;
struct TlsVerdict;

// The most plaintext in one record (RFC 8446, 5.1), and what a record adds: header 5, inner content
// type 1, tag 16.
inline constexpr size_t kTlsRecordPlaintextMax = 16384;
inline constexpr size_t kTlsRecordOverhead = 22;

// The most ciphertext slices that wait to be read, and blocks that wait to be sent.
inline constexpr size_t kTlsInputSlicesMax = 32;
inline constexpr size_t kTlsOutputBlocksMax = 16;

class TlsChannel {
 public:
  enum class Outcome : uint8_t {
    kOk,
    kNeedMore,     // Give more ciphertext first.
    kEndOfStream,  // The peer sent close_notify: no plaintext will follow. Read only.
    kNoBuffers,    // The pool has run dry; nothing is lost; call again when blocks are free.
    kOutputFull,   // kTlsOutputBlocksMax blocks wait; call again after OutputSent().
    kError,        // Over: see error(). An alert may be left in Output(); send it, then close.
  };

  // A channel is a server's or a client's as its context is. `host` is the name or address that a
  // client dialled: it is sent as SNI if it is a name, and the server's certificate must be valid
  // for it. `pool` must outlive the channel; `context` need not.
  TlsChannel(const TlsContext& context, BufferPool& pool, std::string_view host = {});
  ~TlsChannel();
  TlsChannel(const TlsChannel&) = delete;
  TlsChannel& operator=(const TlsChannel&) = delete;

  // Receive queues ciphertext as it came from the socket. It returns false, and leaves `ciphertext`
  // with the caller, while kTlsInputSlicesMax slices wait: Read() first, or stop receiving. After
  // kError or kEndOfStream the bytes are dropped.
  [[nodiscard]] bool Receive(BufferRef&& ciphertext);

  // Read goes on with the handshake and then returns the next plaintext, 1 to 16,384 bytes of at
  // most one record: a whole record, unless the pool's blocks are smaller than that. Small records
  // are packed one after another into the same block. Every outcome but kOutputFull is possible
  // (kNoBuffers also when the handshake's own output finds no block). `plaintext` changes with kOk
  // only.
  [[nodiscard]] Outcome Read(BufferRef& plaintext);

  // Write seals the pieces, in order, as exactly one record, which is added to the output. kOk: all
  // of it. kNeedMore: the handshake is not done. kNoBuffers, kOutputFull: nothing was taken.
  // kError: the connection is over. Requires: 1 to 16,384 bytes in all; Close() was not called.
  [[nodiscard]] Outcome Write(std::span<const ByteView> pieces);
  [[nodiscard]] Outcome Write(ByteView bytes) { return Write({&bytes, 1}); }

  // Close queues close_notify: the end of what we send. What the peer still sends can be read. It
  // returns kOk (also the second time), kNeedMore before the end of the handshake (then just close
  // the socket), kNoBuffers, kOutputFull or kError.
  Outcome Close();

  // Output fills `slices` with the ciphertext that waits, oldest first, and returns their count.
  // The bytes stay where they are until OutputSent() gives them back, while more is written.
  size_t Output(std::span<ByteView> slices) const;
  // OutputSent forgets the first `size` bytes of the output. Requires: size <= output_size().
  void OutputSent(size_t size);
  size_t output_size() const { return output_size_; }

  // True once plaintext can flow. A client may write before it knows whether the server accepts its
  // certificate: a refusal comes as kError from a later Read().
  bool handshake_done() const { return handshake_done_; }
  // The protocol that ALPN picked, or empty. Valid for the life of the channel.
  std::string_view protocol() const;

  TlsError error() const { return error_; }
  // What went wrong and what to look at, for people; empty without an error.
  const std::string& error_text() const { return error_text_; }

  // PeerCertificate returns the peer's own certificate, verified. NotFound: the peer has shown
  // none. Requires: handshake_done().
  absl::StatusOr<crypto::Certificate> PeerCertificate() const;
  // The certificate (PEM) that the peer's chain was verified up to, to be kept for the next
  // contact; empty unless this is a client with TlsTrust::Kind::kFingerprint whose handshake is
  // done.
  const std::string& anchor_pem() const;

  // Export derives bytes from the connection's secrets (RFC 8446, 7.5), the same on both sides and
  // on no other connection. Requires: handshake_done().
  void Export(std::string_view label, ByteView context, std::span<std::byte> out) const;

 private:
  struct Bio;  // BoringSSL's view of the two queues below.

  Outcome Handshake();
  Outcome Explain(int result);
  Outcome Fail(TlsError error, std::string text);
  Outcome Room(size_t size) const;
  size_t TakeInput(std::span<std::byte> out);
  size_t AddOutput(ByteView bytes);
  void DropInput();
  void Verify() const;

  std::shared_ptr<const TlsSettings> settings_;
  BufferPool& pool_;
  std::unique_ptr<TlsVerdict> verdict_;
  ssl_st* ssl_ = nullptr;

  // Ciphertext that waits to be read: a ring of slices, the first of them used up to input_offset_.
  std::array<BufferRef, kTlsInputSlicesMax> input_;
  size_t input_first_ = 0;
  size_t input_count_ = 0;
  size_t input_offset_ = 0;

  // Ciphertext that waits to be sent: a ring of whole blocks, filled one after another. All but the
  // last are full; the first is sent up to output_offset_, the last filled up to output_fill_.
  std::array<BufferRef, kTlsOutputBlocksMax> output_;
  size_t output_first_ = 0;
  size_t output_count_ = 0;
  size_t output_offset_ = 0;
  size_t output_fill_ = 0;
  size_t output_size_ = 0;

  // The block that plaintext is being packed into, while a burst lasts.
  BufferRef plaintext_;
  size_t plaintext_fill_ = 0;

  // Why AddOutput() took less than all.
  Outcome blocked_ = Outcome::kOk;
  // The type of the first record that came, if any did: what does not begin like TLS is something
  // else.
  std::optional<std::byte> first_byte_;

  TlsError error_ = TlsError::kNone;
  std::string error_text_;
  bool handshake_done_ = false;
  bool end_received_ = false;
  bool close_sent_ = false;
};

}  // namespace engine
