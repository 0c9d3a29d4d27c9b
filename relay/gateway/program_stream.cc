#include "relay/gateway/program_stream.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "engine/datachannel/agent_payloads.h"

namespace relay {

using engine::CloseCode;

ProgramStream::~ProgramStream() {
  if (is_open_) host_.multiplexer().Reset(id_, CloseCode::kSessionEnded);
}

void ProgramStream::Open(std::string_view request, engine::StreamEvents& events) {
  id_ = host_.multiplexer().Open(engine::Priority::kInteractive, engine::AsBytes(request), events);
  is_open_ = id_ != engine::kLinkStream;
  if (!is_open_) Rejected(CloseCode::kTooMany, "the relay has no room for it");
}

void ProgramStream::Finished() {
  host_.multiplexer().Finish(id_);
  is_over_ = true;
  end_reason_ = "The program ended.";
  host_.OutputWaits();
}

void ProgramStream::Rejected(CloseCode code, std::string_view text) {
  is_open_ = false;
  is_over_ = true;
  end_output_ = "Unable to start command: " + std::string(text);
  end_reason_ = "The node did not start it: " + std::string(engine::CloseCodeName(code));
  host_.OutputWaits();
}

void ProgramStream::Closed(CloseCode code, std::string_view text) {
  is_open_ = false;
  if (!std::exchange(is_over_, true)) {
    end_output_ = text.empty() ? "The program was lost." : std::string(text);
    end_reason_ = "The stream ended: " + std::string(engine::CloseCodeName(code));
  }
  host_.OutputWaits();
}

// A queue that is full of sizes loses one; the next change sends the newest.
void ProgramStream::SendSize(engine::TerminalSize size) {
  if (!takes_input()) return;
  std::ignore = host_.multiplexer().SendControl(id_, engine::Encode(engine::Resize{.size = size}));
}

bool ProgramStream::ReadSize(engine::ByteView payload, engine::TerminalSize& size) {
  engine::datachannel::WindowSize read;
  if (!engine::datachannel::Decode(payload, read)) return false;
  size.columns = std::min(read.columns, engine::kTerminalCellsMax);
  size.rows = std::min(read.rows, engine::kTerminalCellsMax);
  return true;
}

void ProgramStream::Consume(size_t size) {
  if (is_open_) host_.multiplexer().Consume(id_, size);
}

}  // namespace relay
