// What is said on another connection before a lane goes on there: `resume`, and the node's
// `resumed`, each with its proof.

#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "engine/buffer/record_protocol.h"
#include "engine/mux/join_exchange.h"
#include "engine/net/resume_proof.h"

namespace engine {
class TlsChannel;
}  // namespace engine

namespace client {

class ResumeTalk final : private engine::JoinExchange::Events {
 public:
  // How long the node may take to answer.
  static constexpr engine::Duration kAnswerMax = std::chrono::seconds(10);

  class Events {
   public:
    // The node has proved that it is the lane's other end, and has our bytes before `position`.
    virtual void OnLaneResumed(uint64_t position) = 0;
    // It said nothing in time: this connection is of no use, another one may be.
    virtual void OnResumeSilent() = 0;
    // It says no; or what came is none of the protocol's (kProtocolError).
    virtual void OnResumeRefused(engine::CloseCode code, std::string_view text) = 0;

   protected:
    ~Events() = default;
  };

  struct Lane {
    std::string session_id;
    engine::ResumeSecret secret{};
    uint32_t number = 0;
    uint64_t epoch = 0;
    uint64_t position = 0;  // Of the node's bytes that we have.
  };

  // `carrier` is the connection that `channel` secures, TLS with the node; null: the session is
  // inspected. All outlive it.
  ResumeTalk(engine::RecordCarrier& carrier, const engine::TlsChannel* channel, Lane lane,
             engine::Instant now, Events& events);

  engine::RecordProtocol& protocol() { return exchange_; }

 private:
  void OnMessage(const engine::ControlMessage& message) override;
  void OnGoaway(engine::CloseCode code, std::string_view text) override;
  void OnBroken(std::string_view text) override;
  void OnSilent(std::string_view) override { events_.OnResumeSilent(); }
  std::string ProofOf(engine::ResumeSide side, uint64_t position) const;

  const engine::TlsChannel* const channel_;
  const Lane lane_;
  Events& events_;
  engine::JoinExchange exchange_;
};

}  // namespace client
