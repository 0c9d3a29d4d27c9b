// A node at the other end of a link, in this process: two multiplexers joined in memory.

#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "engine/buffer/buffer_pool.h"
#include "engine/loop/loop.h"
#include "engine/mux/multiplexer.h"
#include "engine/wire/control.h"

namespace client {

// FakeStream is the node's side of one stream. It remembers what came, and says what it is told to.
class FakeStream final : public engine::StreamEvents {
 public:
  FakeStream(engine::Multiplexer& multiplexer, engine::StreamId stream)
      : mux(multiplexer), id(stream) {}

  void OnData(engine::Channel, engine::BufferRef payload) override {
    received += engine::AsText(payload.bytes());
    unconsumed += payload.size();
    if (consumes) Consume();
    if (echoes) Say(engine::AsText(payload.bytes()));
  }
  void OnControl(engine::ByteView message) override {
    controls.emplace_back(engine::AsText(message));
  }
  void OnFinished() override {
    finished = true;
    if (echoes) mux.Finish(id);
  }
  void OnClosed(engine::CloseCode code, std::string_view) override {
    closed = true;
    close_code = code;
  }
  void OnWritable() override { Flush(); }

  void Consume() {
    mux.Consume(id, unconsumed);
    unconsumed = 0;
  }
  // Say queues text, all of it, however long it takes.
  void Say(std::string_view text, engine::Channel channel = engine::Channel::kMain);
  // Exit says that the program ended, and finishes.
  void Exit(const engine::Exit& exit);

  engine::Multiplexer& mux;
  const engine::StreamId id;
  engine::OpenRequest request;
  std::string received;
  std::vector<std::string> controls;
  size_t unconsumed = 0;
  bool consumes = true;
  bool echoes = false;
  bool finished = false;
  bool closed = false;
  engine::CloseCode close_code{};
  engine::BufferPool* pool = nullptr;

 private:
  void Flush();
  std::string unsaid_;
};

class FakeNode final : private engine::LinkEvents {
 public:
  // `loop` is the client's; the node has blocks of its own.
  explicit FakeNode(engine::Loop& loop, const engine::MultiplexerOptions& options = {});

  engine::Multiplexer& client() { return *client_; }
  FakeStream& stream(size_t index) { return *streams_.at(index); }
  size_t stream_count() const { return streams_.size(); }

  // Exchange carries everything that either side has to say; true if there was anything.
  bool Exchange();

  // TakeEarly lets data go with its open, and Resume lets the link outlive its connection, as where
  // both hellos say so. Requires: no stream yet.
  void TakeEarly();
  void Resume();

  // Answer accepts what is held, or rejects it as `reject` says; false: its opener has given it up.
  bool Answer(size_t index = 0);
  size_t held_count() const { return held_.size(); }

  // Cut loses the connection, and what is on its way; Return is another one. Requires: Resume.
  void Cut();
  void Return();

  // Disconnect is the link's end, as the client sees it.
  void Disconnect() { client_->Disconnected(engine::CloseCode::kSilent, "the link broke"); }

  bool echoes = false;  // What new streams do.
  bool consumes = true;
  bool holds = false;                                     // They wait for Answer.
  bool stalled = false;                                   // Nothing passes the link.
  engine::CloseCode reject = engine::CloseCode::kNormal;  // Otherwise the answer to every open.

 private:
  struct Quiet final : engine::LinkEvents {
    void OnOpen(engine::StreamId, engine::Priority, engine::ByteView) override {}
    void OnControl(engine::ByteView) override {}
    void OnGoaway(engine::CloseCode, std::string_view) override {}
    void OnFailed(engine::CloseCode, std::string_view text) override;
  };
  struct Carrier final : engine::RecordCarrier {
    void OutputReady() override {}
    void CloseAfterOutput() override {}
  };
  void OnOpen(engine::StreamId id, engine::Priority, engine::ByteView request) override;
  void OnControl(engine::ByteView) override {}
  void OnGoaway(engine::CloseCode, std::string_view) override {}
  void OnFailed(engine::CloseCode, std::string_view text) override;
  bool Accept(engine::StreamId id, std::string_view request);
  bool Carry(engine::Multiplexer& from, engine::Multiplexer& to, engine::BufferPool& pool);

  engine::Loop& loop_;
  engine::BufferPool pool_;
  Quiet client_events_;
  Carrier carrier_;
  std::unique_ptr<engine::Multiplexer> client_;
  std::unique_ptr<engine::Multiplexer> node_;
  struct Held {
    engine::StreamId id;
    std::string request;
  };

  std::vector<std::unique_ptr<FakeStream>> streams_;
  std::vector<Held> held_;
};

}  // namespace client
