// A node with an original agent between a relay's end of its link and an agent by hand.

#pragma once

#include <algorithm>
#include <cstring>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "engine/datachannel/control_payloads.h"
#include "engine/wire/control.h"
#include "relay/gateway/local_link.h"
#include "relay/originals/original_node.h"
#include "relay/originals/original_session.h"
#include "tests/unit/originals/spoken_channel.h"

namespace relay {

// RelayEnd opens streams and keeps what comes of them.
class RelayEnd final : public engine::LinkEvents {
 public:
  struct Stream final : engine::StreamEvents {
    void OnAccepted() override { is_accepted = true; }
    void OnRejected(engine::CloseCode why, std::string_view said) override { Close(why, said); }
    void OnData(engine::Channel channel, engine::BufferRef payload) override {
      (channel == engine::Channel::kMain ? output : errors) += engine::AsText(payload.bytes());
      if (reads) {
        end->mux.Consume(id, payload.size());
      } else {
        unread += payload.size();
      }
    }
    void OnControl(engine::ByteView message) override {
      engine::ControlMessage control;
      if (!engine::Decode(engine::AsText(message), control)) return;
      if (const auto* said = std::get_if<engine::Exit>(&control)) exit = said->status;
    }
    void OnFinished() override { is_finished = true; }
    void OnClosed(engine::CloseCode why, std::string_view said) override { Close(why, said); }
    void Close(engine::CloseCode why, std::string_view said) {
      code = why;
      text = said;
    }
    void Read() {
      reads = true;
      end->mux.Consume(id, std::exchange(unread, 0));
    }

    RelayEnd* end = nullptr;
    engine::StreamId id{};
    bool is_accepted = false;
    bool is_finished = false;
    bool reads = true;
    size_t unread = 0;
    std::string output, errors, text;
    std::optional<int> exit;
    std::optional<engine::CloseCode> code;
  };

  RelayEnd(engine::BufferPool& pool_in, engine::Instant now)
      : pool(pool_in), mux(engine::Side::kAccepted, {}, *this, pool_in, now) {
    CHECK(mux.SendControl(engine::kLinkStream, engine::Encode(engine::Hello{.role = "relay"})));
  }

  void OnOpen(engine::StreamId, engine::Priority, engine::ByteView) override { CHECK(false); }
  void OnControl(engine::ByteView) override {}
  void OnGoaway(engine::CloseCode, std::string_view) override {}
  void OnFailed(engine::CloseCode, std::string_view) override { CHECK(false); }

  Stream& Open(const engine::OpenRequest& request) {
    auto& stream = streams.emplace_back(std::make_unique<Stream>());
    stream->end = this;
    stream->id =
        mux.Open(engine::Priority::kBulk, engine::AsBytes(engine::EncodeOpen(request)), *stream);
    return *stream;
  }
  void Write(const Stream& stream, std::string_view text) {
    engine::BufferRef block = pool.Take();
    std::memcpy(block.bytes().data(), text.data(), text.size());
    block.KeepFirst(text.size());
    CHECK(mux.Write(stream.id, engine::Channel::kMain, std::move(block)) == text.size());
  }

  engine::BufferPool& pool;
  std::vector<std::unique_ptr<Stream>> streams;
  engine::Multiplexer mux;  // Last: what it closes hears of it.
};

// OriginalWorld is both ends, and the agent's two channels as what was said on them.
class OriginalWorld final : public SpokenChannel, private OriginalNode::Runner {
 public:
  struct Said {
    Type type{};
    Payload payload_type{};
    int64_t sequence = 0;
    std::string payload;
  };

  OriginalWorld() : link(pool, [] {}), relay_end(pool, now), node(MakeNode()) {
    link.Join(node->link(), relay_end.mux);
    node->link().Attach(link.near_carrier());
    relay_end.mux.Attach(link.far_carrier());
    Run();
  }

  void Run() {
    for (int i = 0; i < 8; ++i) {
      CHECK(link.Run(now));
      node->Run(now);
      if (AgentSession* session = Session()) session->Sent(std::exchange(unsent, 0));
    }
  }
  void Pass(engine::Duration time) {
    now += time;
    Run();
  }

  // The agent's doings, on the session that began last.
  AgentSession* Session() { return node->Find(session_id); }
  void Connect() {
    Session()->Connect(NewConnection(), now);
    Run();
  }
  void Disconnect() {
    Session()->Disconnect(now);
    Run();
  }
  void Say(Type type, std::string_view payload, int64_t sequence = 0, Payload payload_type = {}) {
    const MessageBatch batch = Batch(type, payload, sequence, payload_type);
    brought += batch.weight();
    if (Session() != nullptr) Session()->Receive(batch, now);
    Run();
  }
  void SayState(const char* state) {
    Say(Type::kAgentSessionState,
        std::string(R"({"SchemaVersion":1,"SessionState":")") + state + "\"}");
  }
  void Output(Payload type, std::string_view payload) {
    Say(Type::kOutputStreamData, payload, sequence++, type);
  }
  void ShakeHands(const char* kind, const char* version = "3.3.987.0") {
    Output(Payload::kHandshakeRequest,
           std::string(R"({"AgentVersion":")") + version +
               R"(","RequestedClientActions":[{"ActionType":"SessionType","ActionParameters":)" +
               R"({"SessionType":")" + kind + R"(","Properties":null}}]})");
    Output(Payload::kHandshakeComplete, R"({"HandshakeTimeToComplete":1,"CustomerMessage":""})");
  }
  void Complete(const char* status, const char* output = "") {
    const nlohmann::json task = {{"TaskId", session_id},
                                 {"Topic", "agent_task_complete"},
                                 {"FinalTaskStatus", status},
                                 {"Output", output}};
    node->ReceiveControl(Batch(Type::kTaskComplete, task.dump(), 0, {}), now);
    Run();
  }

  // TakeInput returns the payloads of this type that the agent was sent since the last call.
  std::string TakeInput(Payload type) {
    std::string all;
    for (const Said& one : std::exchange(said, {})) {
      if (one.type == Type::kInputStreamData && one.payload_type == type) {
        all += one.payload;
      }
    }
    return all;
  }
  size_t CountTold(Type type) const {
    return static_cast<size_t>(std::count_if(told.begin(), told.end(),
                                             [type](const Said& one) { return one.type == type; }));
  }

  engine::Instant now{std::chrono::hours(1)};
  engine::BufferPool pool{512, 32 * 1024};
  LocalLink link;
  RelayEnd relay_end;
  std::string session_id;
  std::vector<Said> told;  // On the control channel.
  bool takes_new = true;
  std::vector<Said> said;  // On the data channel.
  int64_t sequence = 0;
  std::unique_ptr<OriginalNode> node;

 private:
  static Said Read(engine::ByteView bytes) {
    const engine::datachannel::AgentMessage message = Decoded(bytes);
    return {message.type, message.payload_type, message.sequence,
            std::string(engine::AsText(message.payload))};
  }
  static MessageBatch Batch(Type type, std::string_view payload, int64_t sequence,
                            Payload payload_type) {
    MessageBatch batch;
    batch.Add(engine::AsBytes(Encoded(type, payload, sequence, payload_type)));
    return batch;
  }
  std::unique_ptr<OriginalNode> MakeNode() {
    OriginalNode::Runner& runner = *this;
    return std::make_unique<OriginalNode>("mi-0123456789abcdef0", "3.3.987.0", runner, pool, now,
                                          1);
  }

  void Hear(engine::ByteView bytes) override { said.push_back(Read(bytes)); }
  void Wake() override {}
  void SendControl(std::string message) override { told.push_back(Read(engine::AsBytes(message))); }
  bool TakesNew() const override { return takes_new; }
  void OnSessionBegan(const std::string& id) override {
    session_id = id;
    sequence = 0;
  }
  void OnSessionOver(const std::string&) override {}
};

}  // namespace relay
