// Sealed sessions as the broker sees them. It makes them, ends them, and counts their lanes; what
// goes on inside is between client and node.
//
//     OfferSession --> offered --session-answer, StartSealed--> connecting --LaneJoined-->
//     connected
//                         |  5 s, refused, link gone                | 60 s                    |
//                         v                                         v                         v
//                      withdrawn                            ending: lanes are cut, the node is told
//
// One that a process before this one left is open until its node says otherwise or its time is
// over, joined or not (MayComeAgain).
//
// An ending is written down when every lane has ended and the node has said `session-over`, behind
// its news of the last streams; if it does not, kOverMax later.

#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <variant>

#include "relay/broker/promises.h"
#include "relay/broker/session_wish.h"
#include "relay/store/store.h"

namespace relay {

// SealedOffer is a session that its node has consented to, and what its client needs to know.
struct SealedOffer {
  Session session;  // As it will be stored.
  std::chrono::seconds duration_max{};
  std::string join_token;  // The client's, for the first lane. Secret.
  uint32_t loop = 0;       // Where that is joined.
  // The node's words: 64 hexadecimal digits, and Base64 of the sizes that PROTOCOL.md names. The
  // client verifies them.
  std::string session_key;
  std::string node_key;
  std::string signature;
  // Of an inspected session, in the place of these: 64 hexadecimal digits. Secret.
  std::string resume_secret;
};

// OfferDone takes the outcome of an offer, at `now_unix_ms`.
using OfferDone = std::function<void(const std::variant<SealedOffer, StartFailure>& outcome,
                                     int64_t now_unix_ms)>;

// LaneTicket lets a client join one more lane.
struct LaneTicket {
  std::string join_token;  // Secret.
  uint32_t loop = 0;
  std::optional<Carriage> carriage;  // Of its session; nothing: it is not known.
};

struct LaneFailure {
  enum class Kind : uint8_t {
    kNoSession,     // None of this owner's that is sealed and open.
    kTooManyLanes,  // engine::kLanesMax of the session.
    kBusy,          // kLanesWaitingMax of the relay.
    kNotConnected,  // The node's link is gone.
    kStale,         // It came again with a later epoch.
    kStore,         // The store does not work.
  };
  Kind kind;
  std::string text;
};

// SealedState is what a live session has when it is sealed.
struct SealedState {
  // How long a node may take to answer an offer.
  static constexpr std::chrono::seconds kAnswerMax{5};
  // Offers that wait for an answer, at most, and of these those to one node.
  static constexpr size_t kOffersMax = 1024;
  static constexpr size_t kOffersOfNodeMax = 64;
  // How long the two tokens of a lane live.
  static constexpr std::chrono::seconds kLaneJoinMax{10};
  // Lanes whose tokens are out, at most, of all sessions.
  static constexpr size_t kLanesWaitingMax = 4096;
  // How long the end of a session waits for the node's last words, once its lanes are gone.
  static constexpr std::chrono::seconds kOverMax{2};
  // What a node says for people goes into records and answers only so far.
  static constexpr size_t kNodeTextSizeMax = 256;
  // What a lane must have brought from the node to count as a beginning: an inner handshake's first
  // flight is larger, an alert of a proxy that ends TLS is smaller. After that the client may open
  // another lane and try again inside TLS.
  static constexpr uint64_t kBeginningBytes = 256;

  // Offer is there until the node has answered.
  struct Offer {
    uint64_t link_serial = 0;  // The link on which it was made.
    int64_t answer_by_unix_ms = 0;
    SealedOffer outcome;  // But for the node's words.
    OfferDone done;
  };
  std::unique_ptr<Offer> offer;

  uint32_t first_loop = 0;          // Lane n is joined on the loop n after this one.
  uint32_t next_lane = 0;           // Its number; nobody has had it.
  uint64_t epoch = 0;               // The greatest under which a lane came again.
  uint32_t lanes_open = 0;          // Waiting or joined: their ends have yet to be reported.
  Promises lane_promises;           // Of lanes that will be open.
  bool has_begun = false;           // A lane carried kBeginningBytes.
  bool is_inspected = false;        // It has no keys of its own.
  bool may_rejoin = false;          // It outlives its lanes: the node says when it is over.
  bool node_is_done = false;        // It said session-over ...
  uint64_t told_to_node_bytes = 0;  // ... and what passed in the session's streams.
  uint64_t told_to_client_bytes = 0;
  bool is_taken_over = false;  // From the process before this one, whose counts are lost.
  uint64_t to_node_bytes = 0;  // Of lanes that ended.
  uint64_t to_client_bytes = 0;
};

}  // namespace relay
