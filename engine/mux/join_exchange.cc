#include "engine/mux/join_exchange.h"

#include <cstring>
#include <utility>

#include "engine/base/check.h"
#include "engine/base/utf8.h"

namespace engine {

std::string LinkFrame(FrameType type, ByteView payload) {
  std::string frame(kFrameHeaderSize, '\0');
  BuildFrameHeader({type, 0, static_cast<uint16_t>(payload.size()), kLinkStream},
                   reinterpret_cast<std::byte*>(frame.data()));
  frame += AsText(payload);
  return frame;
}

JoinExchange::JoinExchange(RecordCarrier& carrier, Events& events, Instant deadline)
    : carrier_(carrier), events_(events), deadline_(deadline) {}

void JoinExchange::Send(const ControlMessage& message, std::string_view head) {
  CHECK(!said_);
  output_ = head;
  Queue(FrameType::kControl, AsBytes(Encode(message)));
}

void JoinExchange::Goaway(CloseCode code, std::string_view text) {
  std::string payload(sizeof(uint16_t), '\0');
  StoreBig(reinterpret_cast<std::byte*>(payload.data()), static_cast<uint16_t>(code));
  payload += CutUtf8(text, kCloseTextMax);
  over_ = true;
  Queue(FrameType::kGoaway, AsBytes(payload));
  carrier_.CloseAfterOutput();
}

void JoinExchange::Queue(FrameType type, ByteView payload) {
  output_ += LinkFrame(type, payload);
  said_ = true;
  waiting_ = true;
  carrier_.OutputReady();
}

void JoinExchange::Receive(BufferRef plaintext, Instant) {
  if (over_) return;
  if (heard_) return Break("a message behind the one that this connection is for");
  parser_.Feed(std::move(plaintext));
  FrameParser::Frame frame;
  const FrameParser::Result result = parser_.Next(frame);
  if (result == FrameParser::Result::kHungry) return;
  if (result == FrameParser::Result::kBroken) return Break(FrameErrorText(parser_.error()));
  HandleFrame(frame);
}

void JoinExchange::HandleFrame(const FrameParser::Frame& frame) {
  heard_ = true;
  if (frame.header.type == FrameType::kGoaway) {
    over_ = true;
    const auto code = static_cast<CloseCode>(LoadBig<uint16_t>(frame.payload.data()));
    const std::string text(AsText(frame.payload.subspan(sizeof(uint16_t))));
    parser_.Drop();
    return events_.OnGoaway(code, text);
  }
  ControlMessage message;
  const bool is_message = frame.header.type == FrameType::kControl &&
                          frame.header.stream == kLinkStream &&
                          Decode(AsText(frame.payload), message);
  if (!is_message) return Break("neither a join message nor a goaway");
  // Before the message is acted on: nothing may stand behind it.
  FrameParser::Frame behind;
  if (parser_.Next(behind) != FrameParser::Result::kHungry || !parser_.is_between_frames()) {
    return Break("a message behind the one that this connection is for");
  }
  deadline_ = Instant::max();
  events_.OnMessage(message);
}

void JoinExchange::Break(std::string_view text) {
  End();
  events_.OnBroken(text);
}

void JoinExchange::End() {
  over_ = true;
  deadline_ = Instant::max();
  parser_.Drop();
}

size_t JoinExchange::GatherRecord(std::span<ByteView> slices, Instant) {
  if (!waiting_) return 0;
  slices[0] = AsBytes(output_);
  return 1;
}

void JoinExchange::RecordTaken() {
  waiting_ = false;
  output_.clear();
}

Instant JoinExchange::NextDeadline() const { return deadline_; }

void JoinExchange::HandleDeadline(Instant now) {
  if (now < deadline_ || over_) return;
  End();
  events_.OnSilent("no message came in time");
}

}  // namespace engine
