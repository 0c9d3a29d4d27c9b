#include "engine/http/websocket_frames.h"

#include <wslay/wslay.h>

#include <algorithm>
#include <cstring>
#include <span>

#include "engine/base/check.h"
#include "engine/crypto/random_bytes.h"

namespace engine {

struct WebSocketFrames::Library {
  wslay_frame_context_ptr context = nullptr;
  ByteView input;
  std::string* output = nullptr;

  static Library& Of(void* user_data) { return *static_cast<Library*>(user_data); }

  static ssize_t OnRead(uint8_t* buffer, size_t size, int /*flags*/, void* user_data) {
    ByteView& input = Of(user_data).input;
    const size_t count = std::min(size, input.size());
    if (count > 0) std::memcpy(buffer, input.data(), count);
    input = input.subspan(count);
    return static_cast<ssize_t>(count);
  }

  static ssize_t OnWrite(const uint8_t* data, size_t size, int /*flags*/, void* user_data) {
    Of(user_data).output->append(reinterpret_cast<const char*>(data), size);
    return static_cast<ssize_t>(size);
  }

  // A mask that nobody can guess keeps a page from writing bytes of its choice onto the wire.
  static int OnMask(uint8_t* buffer, size_t size, void* /*user_data*/) {
    crypto::FillRandom(std::as_writable_bytes(std::span(buffer, size)));
    return 0;
  }
};

WebSocketFrames::WebSocketFrames(WebSocketSide side)
    : side_(side), library_(std::make_unique<Library>()) {
  const wslay_frame_callbacks callbacks = {Library::OnWrite, Library::OnRead, Library::OnMask};
  CHECK(wslay_frame_context_init(&library_->context, &callbacks, library_.get()) == 0);
}

WebSocketFrames::~WebSocketFrames() { wslay_frame_context_free(library_->context); }

void WebSocketFrames::Feed(ByteView bytes) {
  CHECK(library_->input.empty());
  library_->input = bytes;
}

WebSocketFrames::Result WebSocketFrames::Next(Piece& out) {
  wslay_frame_iocb frame{};
  const ssize_t result = wslay_frame_recv(library_->context, &frame);
  if (result == WSLAY_ERR_WANT_READ) {
    CHECK(library_->input.empty());
    return Result::kHungry;
  }
  if (result < 0) return Result::kBroken;
  out.opcode = frame.opcode;
  out.reserved = frame.rsv;
  out.is_masked = frame.mask != 0;
  out.is_final = frame.fin != 0;
  out.frame_size = frame.payload_length;
  out.data = std::as_bytes(std::span(frame.data, frame.data_length));
  out.is_first = !in_frame_;
  if (out.is_first) taken_ = 0;
  taken_ += frame.data_length;
  out.is_last = taken_ == frame.payload_length;
  in_frame_ = !out.is_last;
  return Result::kPiece;
}

void WebSocketFrames::Append(std::string& out, WebSocketOpcode opcode, ByteView payload) {
  wslay_frame_iocb frame{};
  frame.fin = 1;
  frame.opcode = static_cast<uint8_t>(opcode);
  frame.mask = side_ == WebSocketSide::kClient ? 1 : 0;
  frame.payload_length = payload.size();
  frame.data = reinterpret_cast<const uint8_t*>(payload.data());
  frame.data_length = payload.size();
  library_->output = &out;
  CHECK(wslay_frame_send(library_->context, &frame) == static_cast<ssize_t>(payload.size()));
  library_->output = nullptr;
}

}  // namespace engine
