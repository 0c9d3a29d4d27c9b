// Sessions and presence: the one place that knows which sessions live.
//
//     StartSession --> connecting --SessionJoined--> connected --+
//                          | 60 s                        | 24 h   | SessionEnded, TerminateSession
//                          v                             v        v
//                        failed                        terminated
//
// Those are inspected sessions; sealed_state.h has the picture of the others. The data plane
// reports what happens on the links; every change is in the store, with its audit record, before
// the call returns. Streams' records alone wait a little: see SessionRecords.

#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engine/wire/control.h"
#include "relay/broker/data_plane.h"
#include "relay/broker/gateway_shares.h"
#include "relay/broker/promises.h"
#include "relay/broker/sealed_state.h"
#include "relay/broker/session_records.h"
#include "relay/broker/session_wish.h"
#include "relay/broker/unheard_stops.h"
#include "relay/documents/parsed_documents.h"
#include "relay/store/store.h"

namespace relay {

struct StartedSession {
  std::string session_id;
  std::string token;  // Secret; the store has its SHA-256 only.
  uint32_t loop = 0;
};

// ClockStep says by how much the wall clock was set, and what its begin is since then.
struct ClockStep {
  int64_t by_ms = 0;
  ClockBegin begin;
};

// NodeConnection is what is known of a node's link when it is up.
struct NodeConnection {
  std::string node_id;
  std::string name;  // Empty members leave what the store has.
  std::string platform;
  std::string agent_version;  // "adit-agent/1.2", of which "1.2" is kept.
  std::string source_ip;
};

class Broker {
 public:
  static constexpr std::chrono::seconds kJoinMax{60};
  static constexpr std::chrono::hours kSessionMax{24};
  static constexpr std::chrono::seconds kEndReportMax{30};
  static constexpr size_t kLiveSessionsMax = 10'000;

  // Requires: both outlive the broker.
  Broker(Store& store, DataPlane& data_plane);

  // TakeOver goes on with the sessions on lanes of the process before this one that may come again,
  // and marks all else that it left open as terminated. `goes_on` is told what such a session was
  // allowed by, and says whether it can be asked again. `step` is what the clock was set by while
  // no process ran. Call it once, first.
  using GoesOn = std::function<bool(const std::string& session_id, const std::string& access)>;
  absl::Status TakeOver(int64_t now_unix_ms, const GoesOn& goes_on, const ClockStep& step = {});

  // StartSession makes an inspected session. The caller may hold a transaction open; the data plane
  // hears of the session when that is committed.
  std::variant<StartedSession, StartFailure> StartSession(const StartRequest& request,
                                                          int64_t now_unix_ms);

  // RenewToken gives an inspected session that lives another token, by which an AWS client comes
  // back that lost its connection; the one before is worth nothing any more. Nothing: there is no
  // such session, or it is over. The data plane hears of it when the caller's transaction is
  // committed.
  std::optional<StartedSession> RenewToken(std::string_view session_id);

  // KeyOf returns the key, as its document names it, of an encrypted session that lives on the
  // node; nothing for any other.
  std::optional<std::string> KeyOf(std::string_view session_id, std::string_view node_id);

  // TerminateSession ends a session that lives; one that is over or unknown is left as it is.
  absl::Status TerminateSession(std::string_view session_id, std::string_view reason,
                                int64_t now_unix_ms);

  // Revoke ends a session whose permission has ended, whether or not the store works.
  void Revoke(std::string_view session_id, std::string_view reason, int64_t now_unix_ms);

  // Supersede ends a session that nobody has joined yet: its client asked again.
  absl::Status Supersede(std::string_view session_id, int64_t now_unix_ms);

  // IsLive is true from the commit of a session's start until its end begins.
  bool IsLive(std::string_view session_id);

  // IsAway is true of a session that lives and whose client is gone for now: it may come back.
  bool IsAway(std::string_view session_id);

  // The documents that sessions are started by, as they were read.
  ParsedDocuments& documents() { return documents_; }

  bool IsConnected(std::string_view node_id) { return data_plane_.FindNode(node_id).has_value(); }

  // NodeConnected is for a link whose certificate was proven. NotFound: the node is not registered
  // (any more); the link must be closed. Any other error: the store does not work; as well.
  absl::Status NodeConnected(const NodeConnection& connection, int64_t now_unix_ms);
  // NodeReturned is NodeConnected while the store is down: for a node with sessions here, which
  // cannot go on without its link. Unavailable: it has none, and comes when the store is back.
  absl::Status NodeReturned(const NodeConnection& connection, int64_t now_unix_ms);
  // NodeDisconnected says that a link of the node is gone, and no offer on it will be answered.
  // When the node has another, newer one, it stays connected.
  void NodeDisconnected(std::string_view node_id, uint64_t link_serial, std::string_view reason,
                        int64_t now_unix_ms);

  // DeregisterNode deletes the node. When that is committed its sessions end, offers to it fail,
  // and its link is cut; it is not let in again. NotFound.
  absl::Status DeregisterNode(std::string_view node_id, int64_t now_unix_ms);

  void SessionJoined(std::string_view session_id, std::string_view source_ip, int64_t now_unix_ms);
  // SessionLost: an inspected session's client lost its connection; SessionResumed: from where it
  // came back. Both are for the audit and for IsAway.
  void SessionLost(std::string_view session_id, int64_t now_unix_ms);
  void SessionResumed(std::string_view session_id, std::string_view source_ip, int64_t now_unix_ms);
  // SessionEnded: bytes_in went to the node, bytes_out came from it. False: that was not the end of
  // a session that we have.
  bool SessionEnded(std::string_view session_id, std::string_view reason, uint64_t bytes_in,
                    uint64_t bytes_out, int64_t now_unix_ms);

  // StreamOpened and StreamClosed are for the audit: `what` as Describe(SessionPlan) says it.
  void StreamOpened(std::string_view session_id, uint32_t stream_id, std::string_view what,
                    int64_t now_unix_ms);
  void StreamClosed(std::string_view session_id, uint32_t stream_id, const StreamEnd& end,
                    int64_t now_unix_ms);

  // Sealed sessions.

  // OfferSession asks the node for its consent to a sealed session. `done` is called once: before
  // this returns, if there is nobody to ask, or later, and with no transaction open. An offer that
  // the callee has not started when it returns is withdrawn.
  void OfferSession(const StartRequest& request, int64_t now_unix_ms, OfferDone done);

  // SealSession asks the node for its consent to go on sealed with a session that was started for
  // an AWS client and that nobody has joined yet, under the same id; `token_sha256` is of its
  // token, and `done` as of OfferSession. While the node is asked nobody can join it; if it does
  // not consent, or the callee does not start it, it is inspected again.
  void SealSession(std::string_view session_id, const engine::crypto::Sha256Digest& token_sha256,
                   const std::string& client_key, int64_t now_unix_ms, OfferDone done);

  // StartSealed makes an offer a session. The caller may hold a transaction open. An error: the
  // store does not work.
  absl::Status StartSealed(const SealedOffer& offer, int64_t now_unix_ms);

  // OpenLane adds a lane to a sealed session of `principal`. Node and data plane hear of it when
  // the caller's transaction is committed.
  std::variant<LaneTicket, LaneFailure> OpenLane(std::string_view session_id,
                                                 std::string_view principal);

  // RejoinLane is OpenLane for another connection of a lane that a client has lost, each with a
  // greater epoch than the one before; the caller has checked who asks. While the store is down it
  // does without: node and data plane hear of the lane at once, and the epoch is kept later.
  std::variant<LaneTicket, LaneFailure> RejoinLane(std::string_view session_id, uint32_t lane,
                                                   uint64_t epoch);

  // RecordLater writes a record of what happened while the store was down, when it is back. Ask
  // HasRoomForRecords first, if what happened may be refused.
  void RecordLater(AuditRecord record);
  // RecordRefusalLater is that for what anybody can cause as often as they like: it takes half of
  // the room at most.
  void RecordRefusalLater(AuditRecord record);
  bool HasRoomForRecords() const { return records_.has_room(); }

  // What nodes say on their links. A node is believed about its own sessions only, and what it says
  // is recorded as its word.
  void NodeAnswered(std::string_view node_id, const engine::SessionAnswer& answer,
                    int64_t now_unix_ms);
  void NodeEndedSession(std::string_view node_id, const engine::SessionOver& over,
                        int64_t now_unix_ms);
  void NodeToldOfStream(std::string_view node_id, const engine::StreamNews& news,
                        int64_t now_unix_ms);
  // NodeLostLanes cuts what the node has lost of a session of its, so that the client comes again
  // at once.
  void NodeLostLanes(std::string_view node_id, const engine::LanesLost& lost);
  // AskAbout asks a node that was admitted for its sessions which outlive their connections: it may
  // be another process than the one that had them. It is told again of those that have ended
  // without its word.
  void AskAbout(std::string_view node_id);
  // NodeNewsMissed: so many StreamNews of a node came too fast to be recorded.
  void NodeNewsMissed(std::string_view node_id, uint64_t count, int64_t now_unix_ms);

  void LaneJoined(const LaneId& lane, std::string_view source_ip, int64_t now_unix_ms);
  void LaneEnded(const LaneId& lane, const LaneEnd& end, int64_t now_unix_ms);

  // Tick does what is due: offers that nobody answered, sessions that nobody joined or that lasted
  // too long, and records that wait. Call it a few times a second.
  void Tick(int64_t now_unix_ms);
  // Flush writes all that waits, and the ends of sessions with what is known of them. Call it
  // before the process ends, last.
  void Flush(int64_t now_unix_ms);

  // ClockWasSet says that the clock stands by so much elsewhere than the time that has passed: what
  // waits has as long as before, also after a restart.
  void ClockWasSet(int64_t by_ms);

  size_t live_count() const { return live_.size(); }
  size_t offer_count() const { return offer_count_; }
  size_t waiting_lane_count() const { return waiting_lane_count_; }

 private:
  struct Live {
    // kStarting: the node has consented, and the disk has yet to take the session.
    enum class State : uint8_t { kOffered, kStarting, kConnecting, kConnected, kEnding };

    SessionSubject subject;
    State state = State::kConnecting;
    int64_t join_by_unix_ms = 0;
    int64_t end_by_unix_ms = 0;
    int64_t report_by_unix_ms = 0;  // kEnding: when the end is written with what is known by then.
    std::string end_reason;
    std::string key_id;  // Of an encrypted one.
    // With which it was started, while it may still be sealed. Null: it may not.
    std::unique_ptr<SessionGrant> unsealed;
    GatewayShares::Share gateway_share;   // Of an AWS client's.
    bool is_lost = false;                 // Of an AWS client's: it has no connection.
    std::string_view reported_by;         // Static.
    std::unique_ptr<SealedState> sealed;  // Null: no lanes, but a client's link or channel.
  };
  struct NewLane {
    LaneGrant grant;
    uint32_t loop = 0;
    std::string client_token;
    std::string node_token;
  };

  Live* Find(std::string_view session_id);
  // FindSealed returns the session if it is sealed and this node's.
  Live* FindSealed(std::string_view session_id, std::string_view node_id);

  WishOutcome Resolve(const StartRequest& request, Carriage carriage);
  // An original agent is named as such to people, since no update helps there.
  bool IsOriginal(std::string_view node_id) const;
  std::string AgentText(const std::string& node_id) const;
  std::string UpdateText(const std::string& node_id) const;
  static std::chrono::seconds DurationOf(const ResolvedSession& session);
  static Session ToSession(const StartRequest& request, const ResolvedSession& resolved,
                           std::string_view session_id, Carriage carriage);
  SessionSubject SubjectOf(std::string_view session_id);
  static int64_t DueAt(const Live& live);
  // False of one that is offered to its node, and in no table but ours.
  static bool HasStarted(const Live& live);
  // MayComeAgain is true of a session that outlives its lanes, from its first join on; of one that
  // was taken over before that, too, since its join may not have been kept.
  static bool MayComeAgain(const Live& live);
  void DoWhatIsDue(Live& live, int64_t now_unix_ms);
  void EndNode(const std::string& node_id, int64_t now_unix_ms);
  // End begins a session's end: `live` may be gone.
  void End(Live& live, SessionStatus status, std::string_view reason, int64_t now_unix_ms);
  // Finish writes the end of a session, with what `ending` knows better than the session, and
  // forgets it: `live` is gone.
  void Finish(const Live& live, const SessionRecords::Ending& ending, int64_t now_unix_ms);
  void RecordEnd(const Live& live, SessionRecords::Ending ending, int64_t now_unix_ms);
  // RecordEnds writes the records that the process before this one had no time for.
  absl::Status RecordEnds();

  // In broker_offers.cc:
  std::optional<StartFailure> TryOffer(const StartRequest& request, int64_t now_unix_ms,
                                       OfferDone& done);
  std::optional<StartFailure> TrySeal(std::string_view session_id,
                                      const engine::crypto::Sha256Digest& token_sha256,
                                      const std::string& client_key, int64_t now_unix_ms,
                                      OfferDone& done);
  // CheckOffer returns why nothing can be offered to a node that is connected.
  std::optional<StartFailure> CheckOffer(const std::string& node_id, CarriageRule rule);
  // What is offered of a session, beside its subject.
  struct OfferTerms {
    const SessionPlan& plan;
    const std::string& run_as;
    const std::string& client_key;  // Empty: the session is inspected.
    bool comes_again = false;
    std::optional<uint32_t> joins_on;
    std::chrono::seconds idle_max{};
    std::chrono::seconds duration_max{};
  };
  // MakeOffer offers `live`, which is in the table, and takes `done`. A failure leaves both.
  std::optional<StartFailure> MakeOffer(Live& live, const OfferTerms& terms, Session session,
                                        int64_t now_unix_ms, OfferDone& done);
  // Settle tells the outcome of an offer, and withdraws it unless it was started: `live` may be
  // gone.
  void Settle(Live& live, const std::variant<SealedOffer, StartFailure>& outcome,
              int64_t now_unix_ms);
  // Withdraw forgets a session that did not start, or that it should be sealed, and tells its node
  // so.
  static constexpr std::string_view kNotStarted = "The relay could not start it.";
  void Withdraw(std::string id, std::string_view reason);
  void FailOffersOf(uint64_t link_serial, int64_t now_unix_ms);
  // In broker_lanes.cc:
  NewLane MakeLane(Live& live) const;
  std::string ResumeSecretOf(std::string_view session_id) const;
  // What is offered of a lane that comes again; nothing: it is a new one.
  struct Return {
    uint32_t lane = 0;
    uint64_t epoch = 0;
  };
  std::variant<LaneTicket, LaneFailure> OfferLane(Live& live, std::optional<Return> again);
  // CheckEpoch returns why a lane cannot come again under that epoch, and keeps it in the store.
  std::optional<LaneFailure> CheckEpoch(const Live& live, uint64_t epoch);
  void SaveEpochs();
  // GoOn makes a session of the process before this one live. False: it is over. An error: the
  // store does not work.
  absl::StatusOr<bool> GoOn(const Session& session, uint64_t epoch, int64_t now_unix_ms,
                            int64_t clock_step_ms);
  void AddLane(Live& live, const NewLane& lane);
  // In broker_sealed.cc:
  void AskAbout(const Live& live);
  void CutSealed(Live& live, int64_t now_unix_ms);
  // StopAgain tells a node to end a session, and to say so if it has no such session.
  void StopAgain(std::string_view node_id, const engine::SessionStop& stop);
  // FinishIfDone finishes an ending of which nothing more will be heard: `live` may be gone.
  void FinishIfDone(Live& live, int64_t now_unix_ms);
  static SessionRecords::Ending EndingOf(const SealedState& sealed);
  // EndingSoFar is what is known of an ending before all is heard.
  static SessionRecords::Ending EndingSoFar(const Live& live) {
    return live.sealed == nullptr ? SessionRecords::Ending{} : EndingOf(*live.sealed);
  }

  Store& store_;
  DataPlane& data_plane_;
  ParsedDocuments documents_;
  SessionRecords records_;
  std::unordered_map<std::string, Live> live_;
  GatewayShares gateway_shares_;
  UnheardStops unheard_stops_;
  std::unordered_map<std::string, size_t> offers_of_node_;  // Where there are any.
  size_t offer_count_ = 0;
  size_t waiting_lane_count_ = 0;
  Promises session_promises_;       // Of inspected sessions ...
  Promises waiting_lane_promises_;  // ... and lanes.
  uint32_t next_first_loop_ = 0;
  // While the store is down:
  std::unordered_set<std::string> unsaved_epochs_;       // Sessions that came again.
  std::unordered_set<std::string> nodes_with_sessions_;  // Since the last Tick; empty: not known.
};

}  // namespace relay
