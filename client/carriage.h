// What carries the frames of one link. Its far end is the node, over a lane that the relay joins,
// or the relay; the link above sees no difference.
//
//     sealed      TLS to the relay, join, then TLS to the node   LaneCarriage
//     inspected   TLS to the relay, join                         LaneCarriage
//                 TLS to the relay                               LinkCarriage

#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "client/patience.h"
#include "client/started_session.h"
#include "engine/buffer/record_protocol.h"
#include "engine/mux/multiplexer.h"
#include "engine/net/loop_driver.h"
#include "engine/net/resume_proof.h"
#include "engine/net/secure_connection.h"
#include "engine/tls/tls_context.h"
#include "engine/wire/frame.h"
#include "engine/wire/host_port.h"

namespace engine {
class HttpsClient;
class TlsChannel;
}  // namespace engine

namespace client {

// LinkTarget is all that it takes to dial one link of a session.
struct LinkTarget {
  engine::HostPort relay;
  std::string ca_pem;  // Of the relay; empty: the authorities that this machine trusts.
  std::vector<std::string> ca_files = {};  // Where ca_pem is empty: the lists to trust instead.
  std::string node_label;                  // For messages.
  std::string session_id;
  LaneTicket ticket;
  // Sealed: for TLS with the node, whose session key it accepts and nothing else. Null: inspected.
  std::shared_ptr<engine::TlsContext> node_context;
  // Inspected, over a lane that the relay joins: by what its ends know one another again. Nothing,
  // and no context: over a link with the relay, which ends with its connection.
  std::optional<engine::ResumeSecret> lane_secret = {};
  bool wrapped = false;  // Sealed: stay inside the relay's TLS.
  // Over a lane: by whom the session was started, on the loop that dials; its connection with the
  // relay becomes the lane, if it can. Null: one is dialled.
  engine::HttpsClient* calls = nullptr;
  Patience patience = {};  // Over a lane, and if the node does its part.
  engine::Duration connect_max = engine::SecureConnection::kConnectMax;
  engine::UnixClock clock;  // By which the relay's certificate is judged; empty: the system's.
  engine::MultiplexerOptions options;

  bool is_sealed() const { return node_context != nullptr; }
  // Its far end is the node; otherwise it is the relay.
  bool is_lane() const { return is_sealed() || lane_secret.has_value(); }
};

// CarriageEnd says how far a carriage had come and why it is over.
struct CarriageEnd {
  enum class Kind : uint8_t {
    kStale,        // The connection for calls that was to be the lane was closed before: dial.
    kUnreachable,  // No TCP connection with the relay.
    kRelayTls,     // No TLS with the relay.
    kEndedEarly,   // TLS with the relay, and then an end without a reason, before frames flowed.
    kNotJoined,    // A lane: the relay said why it does not join; `code`, `text`.
    kNotStarted,   // Sealed: joined, but not a byte of the node's came; something between here and
                   // the relay may end TLS.
    kNodeTls,      // Sealed: no TLS with the node, such as for another key than the promised one.
    kClosed,       // Frames flowed; an orderly end.
    kBroken,       // Frames flowed; then bytes that are none of the other end's, or its alert about
                   // ours. Whoever is in between has no say in why.
    kCut,          // Frames flowed; any other end.
  };
  Kind kind = Kind::kCut;
  engine::CloseCode code = engine::CloseCode::kNormal;
  std::string text;  // The cause, for people; foreign.
};

class Carriage {
 public:
  class Events {
   public:
    // The far end is who it should be: call SetProtocol, or Close.
    virtual void OnCarried() = 0;
    // The last call, from the loop. The owner may destroy the carriage in it, and at no time
    // before.
    virtual void OnCarriageOver(const CarriageEnd& end) = 0;

   protected:
    ~Events() = default;
  };

  // Dial makes one and dials at once. An error, for people: the relay's CA cannot be read.
  static absl::StatusOr<std::unique_ptr<Carriage>> Dial(engine::LoopDriver& driver,
                                                        const LinkTarget& target, Events& events);

  virtual ~Carriage() = default;

  // As of SecureConnection.
  virtual void SetProtocol(engine::RecordProtocol& protocol) = 0;
  virtual void ReplaceProtocol(engine::RecordProtocol& protocol) = 0;
  // Of TLS with the far end. Requires: between OnCarried and OnCarriageOver, and a sealed session.
  virtual const engine::TlsChannel& channel() = 0;
  virtual engine::RecordCarrier& carrier() = 0;
  // Not valid until it is connected.
  virtual engine::Socket socket() const = 0;
  // Close drops what is not sent. OnCarriageOver follows.
  virtual void Close() = 0;
};

}  // namespace client
