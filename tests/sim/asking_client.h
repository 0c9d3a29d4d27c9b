#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "engine/base/random.h"
#include "tests/sim/link_party.h"

namespace sim {

class AskingClient;

// Question is one stream of the client: sends `size` bytes, half-closes, compares what comes back.
class Question final : public engine::StreamEvents {
 public:
  Question(AskingClient& client, uint64_t salt, uint64_t size)
      : client_(client), salt_(salt), size_(size) {}

  void Start();
  void Fill();
  void OnData(engine::Channel, engine::BufferRef payload) override;
  void OnWritable() override { Fill(); }
  void OnFinished() override { finished_ = true; }
  void OnRejected(engine::CloseCode, std::string_view text) override { End(text); }
  void OnClosed(engine::CloseCode code, std::string_view text) override {
    whole = code == engine::CloseCode::kNormal && finished_ && received_ == size_;
    End(text);
  }

  bool over = false;
  bool whole = false;
  std::string problem;
  std::string end_text;
  uint64_t received() const { return received_; }
  // Nobody tells when there are blocks again; of everything else a stream hears.
  bool is_dry() const { return !over && is_dry_; }

 private:
  void End(std::string_view text) {
    over = true;
    end_text = std::string(text);
    if (!whole && text.empty()) problem = "a stream ended early without a reason";
  }

  AskingClient& client_;
  const uint64_t salt_;
  const uint64_t size_;
  engine::StreamId id_{};
  uint64_t sent_ = 0;
  uint64_t received_ = 0;
  bool finished_ = false;
  bool is_dry_ = false;
};

// AskingClient opens some streams on its one link.
class AskingClient final : public LinkParty {
 public:
  AskingClient(engine::LoopDriver& driver, const engine::TlsContext& tls, engine::Random& random);

  engine::Multiplexer& mux() { return *mux_; }
  engine::Loop& loop() { return driver_.loop(); }
  bool connected() const { return mux_ != nullptr; }

  std::vector<std::unique_ptr<Question>> questions;
  bool is_over = false;

 private:
  engine::Hello MakeHello() override {
    engine::Hello hello;
    hello.role = "client";
    hello.session_id = "admin-1";
    hello.session_token = "token";
    return hello;
  }
  void OnControl(engine::ByteView) override;
  void OnOpen(engine::StreamId id, engine::Priority, engine::ByteView) override {
    mux_->Reject(id, engine::CloseCode::kUnsupported, "clients serve nothing");
  }
  void Lost() override { is_over = true; }

  bool started_ = false;
};

}  // namespace sim
