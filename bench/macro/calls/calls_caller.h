// One caller of the relay's API: a connection that is kept, over which signed calls follow one
// another. It starts sessions on a node, and ends each again if so wished.

#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "engine/http/http_message.h"
#include "engine/http/message_parser.h"
#include "engine/http/sigv4.h"
#include "engine/net/loop_driver.h"
#include "engine/net/secure_connection.h"
#include "engine/tls/tls_context.h"

namespace calls {

// Tally is what all callers have seen.
struct Tally {
  uint64_t started = 0;
  uint64_t ended = 0;
  uint64_t refused = 0;  // Answers other than 200.
  std::string first_refusal;
  std::vector<int64_t> start_durations_ns;
};

// Wish is what a caller asks for.
struct Wish {
  std::string host;  // The relay's, as it is dialled and signed.
  uint16_t port = 0;
  std::string node_id;
  std::string document;    // Empty: a shell.
  std::string parameters;  // JSON, or empty.
  bool ends_sessions = true;
};

class Caller final : private engine::SecureConnection::Events, private engine::RecordProtocol {
 public:
  // The references outlive the caller. `left` is how many sessions all of them may start yet.
  Caller(engine::LoopDriver& driver, const engine::TlsContext& context, const Wish& wish,
         engine::AwsCredentials credentials, uint64_t& left, Tally& tally);

  void Dial();
  // Stop lets it answer what is under way, and nothing more.
  void Stop() { stopping_ = true; }
  bool is_idle() const { return is_idle_; }

 private:
  enum class Step : uint8_t { kStart, kEnd };

  void OnSecured(engine::SecureConnection& connection) override;
  void OnClosed(engine::SecureConnection& connection, const engine::ConnectionEnd& end) override;
  void Receive(engine::BufferRef plaintext, engine::Instant now) override;
  size_t GatherRecord(std::span<engine::ByteView> slices, engine::Instant now) override;
  void RecordTaken() override;
  engine::Instant NextDeadline() const override { return engine::Instant::max(); }
  void HandleDeadline(engine::Instant) override {}

  void AskNext();
  void Ask(Step step, std::string body);
  void Answered(const engine::HttpResponse& response, engine::Instant now);

  engine::LoopDriver& driver_;
  const Wish& wish_;
  const engine::AwsCredentials credentials_;
  uint64_t& left_;
  Tally& tally_;
  const engine::TlsContext& context_;
  uint64_t serial_ = 0;
  bool stopping_ = false;
  bool is_idle_ = true;
  Step step_ = Step::kStart;
  std::string session_id_;  // To be ended.
  engine::Instant asked_{};
  std::string output_;
  size_t sent_ = 0;
  size_t gathered_ = 0;
  engine::HttpMessageParser parser_;
  engine::SecureConnection connection_;
};

}  // namespace calls
