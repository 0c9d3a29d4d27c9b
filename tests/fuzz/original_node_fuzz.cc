// Goal: nothing that an original agent says on its channels, whatever clients do meanwhile, aborts
// the relay's end of it; and a session ends. Method: the first byte picks the kind of stream. Then
// come steps: a byte that says what to do, a size, and so many bytes: payloads of the session in
// messages, messages of the control channel, cuts, the client's doings, time.

#include <algorithm>
#include <cstdint>
#include <string>

#include "tests/unit/originals/original_world.h"

namespace {

using engine::datachannel::MessageType;
using engine::datachannel::PayloadType;
using relay::OriginalWorld;

engine::OpenRequest RequestOf(unsigned kind) {
  if (kind % 3 == 0) return engine::ShellRequest{.session_id = "s"};
  if (kind % 3 == 1) return engine::ExecRequest{.session_id = "s", .arguments = {"id"}};
  return engine::TcpRequest{.session_id = "s", .host = "h", .port = 1};
}

void DoClient(OriginalWorld& world, unsigned what, engine::ByteView bytes) {
  auto& streams = world.relay_end.streams;
  auto& stream = *streams[what % streams.size()];
  if (stream.code.has_value() || stream.id == engine::kLinkStream) return;
  engine::Multiplexer& mux = world.relay_end.mux;
  switch (what / 8 % 4) {
    case 0:
      return mux.Finish(stream.id);
    case 1:
      stream.code = engine::CloseCode::kNormal;
      return mux.Reset(stream.id, engine::CloseCode::kSessionEnded);
    case 2:
      (void)mux.SendControl(stream.id, R"({"type":"resize","columns":9,"rows":9})");
      return;
    default:
      stream.reads = !stream.reads;
      if (stream.reads) stream.Read();
      if (bytes.size() > 1) mux.Consume(stream.id, 0);
  }
}

void Step(OriginalWorld& world, unsigned kind, unsigned what, engine::ByteView bytes) {
  const std::string_view text = engine::AsText(bytes);
  switch (what % 16) {
    case 13:
      if (world.relay_end.streams.size() < 16) world.relay_end.Open(RequestOf(kind));
      return;
    case 14:
      if (what & 0x10) {
        if (world.Session() != nullptr) world.Disconnect();
      } else if (what & 0x20) {
        world.Complete("Failed", "x");
      } else if (world.Session() != nullptr) {
        world.Connect();
      }
      return;
    case 15:
      if (what & 0x20) return world.Pass(std::chrono::milliseconds(1 + bytes.size() * 300));
      return DoClient(world, what / 0x40 * 8 + static_cast<unsigned>(bytes.size()), bytes);
    case 0:
      if (!bytes.empty()) world.Say(MessageType::kAgentSessionState, text);
      return;
    default:
      if (bytes.empty()) return;
      if (what & 0x40) {
        return world.Say(MessageType::kOutputStreamData, text,
                         world.sequence + static_cast<int64_t>(bytes.size()) - 4,
                         static_cast<PayloadType>(what % 16));
      }
      world.Output(static_cast<PayloadType>(what % 16), text);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 1) return 0;
  OriginalWorld world;
  world.relay_end.Open(RequestOf(data[0]));
  world.Run();
  engine::ByteView input = std::as_bytes(std::span(data + 1, size - 1));
  while (input.size() >= 2) {
    const auto what = std::to_integer<unsigned>(input[0]);
    const size_t count = std::min(std::to_integer<size_t>(input[1]), input.size() - 2);
    Step(world, data[0], what, input.subspan(2, count));
    input = input.subspan(2 + count);
    world.Run();
  }
  for (auto& stream : world.relay_end.streams) {
    if (!stream->code.has_value() && stream->id != engine::kLinkStream) {
      world.relay_end.mux.Reset(stream->id, engine::CloseCode::kSessionEnded);
      stream->code = engine::CloseCode::kNormal;
    }
  }
  if (world.Session() != nullptr) world.Session()->End("over", world.now);
  for (int i = 0; i < 3; ++i) world.Pass(relay::OriginalSession::kLeaveMax);
  CHECK(world.Session() == nullptr);
  return 0;
}
