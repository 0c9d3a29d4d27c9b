#include "relay/control_desk.h"

#include <future>
#include <nlohmann/json.hpp>
#include <utility>

#include "engine/base/log.h"
#include "engine/platform/wall_clock.h"
#include "relay/switchboard/switchboard.h"

namespace relay {

using engine::UnixNowMs;

namespace {

constexpr const char* kStoreFailed = "the relay cannot write its store; see its log";

// Unavailable is the API's answer when the request was not carried out, and may be tried again.
engine::HttpResponse Unavailable(const std::string& type, const std::string& message) {
  engine::HttpResponse response;
  response.status = 503;
  response.headers.Set("Content-Type", "application/x-amz-json-1.1");
  response.body = nlohmann::json({{"__type", type}, {"message", message}}).dump();
  return response;
}

}  // namespace

ControlDesk::ControlDesk(std::unique_ptr<SqliteStore> store, std::unique_ptr<AuditOutbox> outbox,
                         engine::crypto::Issuer authority, std::string advertise,
                         std::function<void()> tick, const MakeLine& make_line)
    : store_(std::move(store)),
      outbox_(std::move(outbox)),
      certificates_(std::move(authority)),
      broker_(*store_, directory_),
      api_(*store_, broker_, certificates_, std::move(advertise)),
      line_(make_line(
          [this, tick = std::move(tick)] {
            Tick();
            tick();
          },
          TaskLine::Batch{[this] { BeginBatch(); }, [this] { EndBatch(); }})) {}

ControlDesk::~ControlDesk() {
  line_.reset();
  broker_.Flush(UnixNowMs());
  outbox_.reset();
}

// The thread has had its ticks since it was made: all that they see is set there.
absl::Status ControlDesk::Open(std::vector<LoopPort*> loops, const std::string& boot_id) {
  std::promise<absl::Status> opened;
  std::future<absl::Status> result = opened.get_future();
  line_->Tell([this, &opened, &boot_id, loops = std::move(loops)] {
    loops_ = loops;
    answers_.resize(loops.size());
    directory_.SetLoops(loops);
    const absl::Status status = TakeOver(boot_id);
    store_->AfterCommit([&opened, status] { opened.set_value(status); },
                        [&opened] { opened.set_value(absl::UnavailableError(kStoreFailed)); });
  });
  return result.get();
}

absl::Status ControlDesk::TakeOver(const std::string& boot_id) {
  // What the clock was set by since the process before this one looked.
  const absl::StatusOr<ClockBegin> begin = store_->FindClockBegin();
  if (!begin.ok()) return begin.status();
  const bool is_same_boot = !boot_id.empty() && begin->boot_id == boot_id;
  clock_watch_ = is_same_boot ? ClockWatch(begin->unix_ms) : ClockWatch();
  const int64_t passed = engine::PassedMs();
  const int64_t now = UnixNowMs();
  const int64_t by = clock_watch_->Look(passed, now);
  return broker_.TakeOver(
      now,
      [this](const std::string& id, const std::string& access) { return api_.GoOn(id, access); },
      {by, {boot_id, clock_watch_->begin_unix_ms()}});
}

void ControlDesk::LookAtClock() {
  if (!clock_watch_.has_value()) return;
  const int64_t passed = engine::PassedMs();
  if (const int64_t by = clock_watch_->Look(passed, UnixNowMs()); by != 0) broker_.ClockWasSet(by);
}

void ControlDesk::Tick() {
  LookAtClock();
  const int64_t now = UnixNowMs();
  broker_.Tick(now);
  api_.Tick(now);
  outbox_->Forget(now);
}

// ------------------------------------------------- what tasks have in common
//
// What the tasks of a batch change goes to the disk with one wait for all of them, and their
// answers leave after that, in one letter for each loop.

void ControlDesk::BeginBatch() {
  LookAtClock();                   // What begins in this batch does so by the clock as it is now.
  NoteStore(store_->OpenGroup());  // Without a group each change is tried by itself.
}

void ControlDesk::EndBatch() {
  // With what is written anyway; the files know it better.
  if (store_->in_group()) outbox_->Mark();
  NoteStore(store_->CloseGroup());
  outbox_->Pump();
  for (size_t i = 0; i < answers_.size(); ++i) {
    if (answers_[i].empty()) continue;
    static_cast<void>(loops_[i]->Tell([answers = std::exchange(answers_[i], {})](Switchboard&) {
      for (const auto& answer : answers) answer();
    }));
  }
}

void ControlDesk::NoteStore(const absl::Status& status) {
  using engine::log::Level;
  const bool is_down = store_->is_down();
  if (std::exchange(was_down_, is_down) == is_down) return;
  if (is_down) {
    engine::log::Write(Level::kError, "store_failed",
                       {{"at", "batch"}, {"why", status.ToString()}});
  } else {
    engine::log::Write(Level::kInfo, "store_works_again", {});
  }
}

void ControlDesk::Answer(uint32_t loop_index, std::function<void()> answer,
                         std::function<void()> lost) {
  const auto add = [this, loop_index](std::function<void()> task) {
    return [this, loop_index, task = std::move(task)] { answers_[loop_index].push_back(task); };
  };
  store_->AfterCommit(add(std::move(answer)), add(std::move(lost)));
}

// ------------------------------------------------------------------- tasks

void ControlDesk::HandleRequest(CallOrigin origin, engine::HttpRequest request,
                                std::function<void(engine::HttpResponse)> reply) {
  const uint32_t loop_index = origin.loop_index;
  const bool taken = line_->Ask([this, loop_index, origin = std::move(origin),
                                 request = std::move(request), reply] {
    if (outbox_->is_full()) {
      return Answer(loop_index,
                    [reply, response = Unavailable("ServiceUnavailable", outbox_->Why())] {
                      reply(response);
                    },
                    {});
    }
    const std::string& source = origin.source_address;
    if (auto response = api_.AnswerMeanwhile(request, source, UnixNowMs())) {
      answers_[loop_index].push_back([reply, response = *std::move(response)] { reply(response); });
      return;
    }
    const std::optional<uint32_t> joins_on =
        origin.can_join ? std::optional(loop_index) : std::nullopt;
    api_.Handle(
        request, source, UnixNowMs(),
        [this, loop_index, reply](engine::HttpResponse response) {
          Answer(
              loop_index, [reply, response = std::move(response)] { reply(response); },
              [reply] { reply(Unavailable("InternalServerError", kStoreFailed)); });
        },
        joins_on);
  });
  if (taken) return;
  static_cast<void>(loops_[loop_index]->Tell(
      [reply](Switchboard&) { reply(Unavailable("ThrottlingException", "Rate exceeded")); }));
}

void ControlDesk::NodeConnected(NodeArrival arrival, std::function<void(absl::Status)> admitted) {
  line_->Tell([this, arrival = std::move(arrival), admitted = std::move(admitted)] {
    if (outbox_->is_full()) {
      return Answer(
          arrival.loop_index,
          [admitted, status = absl::UnavailableError(outbox_->Why())] { admitted(status); }, {});
    }
    const bool replaces = directory_.NodeArrived(
        arrival.node_id, {arrival.loop_index, arrival.link_serial, arrival.is_sealing,
                          arrival.is_encrypting, arrival.is_laning});
    const NodeConnection connection = {.node_id = arrival.node_id,
                                       .name = arrival.name,
                                       .platform = arrival.platform,
                                       .agent_version = arrival.software,
                                       .source_ip = arrival.source_address};
    const bool is_down = store_->is_down();
    const absl::Status status = is_down ? broker_.NodeReturned(connection, UnixNowMs())
                                        : broker_.NodeConnected(connection, UnixNowMs());
    if (!status.ok()) directory_.NodeLeft(arrival.node_id, arrival.link_serial);
    engine::log::Write(engine::log::Level::kInfo, "node_connected",
                       {{"node", arrival.node_id},
                        {"name", arrival.name},
                        {"from", arrival.source_address},
                        {"replaces_a_link", replaces ? "yes" : "no"},
                        {"admitted", status.ok() ? "yes" : "no"}});
    const auto admit = [this, admitted, status, node = arrival.node_id,
                        serial = arrival.link_serial] {
      admitted(status);
      if (!status.ok()) return;
      // Behind the hello that admits it.
      line_->Tell([this, node, serial] {
        directory_.NodeAdmitted(node, serial);
        broker_.AskAbout(node);
      });
    };
    if (is_down) return answers_[arrival.loop_index].push_back(admit);
    Answer(arrival.loop_index, admit,
           [admitted] { admitted(absl::UnavailableError(kStoreFailed)); });
  });
}

void ControlDesk::NodeDisconnected(std::string node_id, uint64_t link_serial, std::string reason) {
  line_->Tell([this, node_id = std::move(node_id), link_serial, reason = std::move(reason)] {
    // One that was refused never was there: there is nothing to record.
    const bool was_there = directory_.NodeLeft(node_id, link_serial);
    if (!was_there && !directory_.FindNode(node_id).has_value()) return;
    broker_.NodeDisconnected(node_id, link_serial, reason, UnixNowMs());
    engine::log::Write(engine::log::Level::kInfo, "node_disconnected",
                       {{"node", node_id}, {"why", reason}});
  });
}

void ControlDesk::RenewCertificate(uint32_t loop_index, RenewalWish wish,
                                   std::function<void(absl::StatusOr<std::string>)> reply) {
  line_->Tell([this, loop_index, wish = std::move(wish), reply = std::move(reply)] {
    if (outbox_->is_full()) {
      return Answer(loop_index,
                    [reply, status = absl::UnavailableError(outbox_->Why())] { reply(status); },
                    {});
    }
    absl::StatusOr<std::string> certificate =
        api_.RenewCertificate(wish.node_id, wish.key_sha256, wish.request_pem, UnixNowMs());
    Answer(
        loop_index, [reply, certificate = std::move(certificate)] { reply(certificate); },
        [reply] { reply(absl::UnavailableError(kStoreFailed)); });
  });
}

void ControlDesk::NodeSaid(std::string node_id, engine::ControlMessage message) {
  const bool is_note = std::holds_alternative<engine::StreamNews>(message);
  // What is told is dated when it is told, however long it is left to gather.
  std::function<void()> task = [this, now = UnixNowMs(), node_id = std::move(node_id),
                                message = std::move(message)] {
    if (const auto* answer = std::get_if<engine::SessionAnswer>(&message)) {
      broker_.NodeAnswered(node_id, *answer, now);
    } else if (const auto* over = std::get_if<engine::SessionOver>(&message)) {
      broker_.NodeEndedSession(node_id, *over, now);
    } else if (const auto* lost = std::get_if<engine::LanesLost>(&message)) {
      broker_.NodeLostLanes(node_id, *lost);
    } else if (const auto* news = std::get_if<engine::StreamNews>(&message)) {
      broker_.NodeToldOfStream(node_id, *news, now);
    } else if (const auto* wish = std::get_if<engine::DataKeyRequest>(&message)) {
      // The record of it is on the disk before the node has the key.
      engine::DataKeyAnswer answer = api_.OpenDataKey(node_id, *wish, now);
      store_->AfterCommit(
          [this, node_id, answer = std::move(answer)] { directory_.TellNode(node_id, answer); });
    }
  };
  is_note ? line_->Note(std::move(task)) : line_->Tell(std::move(task));
}

void ControlDesk::NewsMissed(std::string node_id, uint64_t count) {
  line_->Tell([this, node_id = std::move(node_id), count] {
    broker_.NodeNewsMissed(node_id, count, UnixNowMs());
  });
}

void ControlDesk::LaneJoined(LaneId lane, std::string source_address) {
  line_->Tell([this, lane = std::move(lane), source = std::move(source_address)] {
    broker_.LaneJoined(lane, source, UnixNowMs());
  });
}

void ControlDesk::LaneEnded(LaneId lane, LaneEnd end) {
  line_->Tell([this, lane = std::move(lane), end = std::move(end)] {
    broker_.LaneEnded(lane, end, UnixNowMs());
  });
}

void ControlDesk::SessionJoined(std::string session_id, std::string source_address) {
  line_->Tell([this, id = std::move(session_id), source = std::move(source_address)] {
    broker_.SessionJoined(id, source, UnixNowMs());
  });
}

void ControlDesk::SessionLost(std::string session_id) {
  line_->Tell([this, id = std::move(session_id)] { broker_.SessionLost(id, UnixNowMs()); });
}

void ControlDesk::SessionResumed(std::string session_id, std::string source_address) {
  line_->Tell([this, id = std::move(session_id), source = std::move(source_address)] {
    broker_.SessionResumed(id, source, UnixNowMs());
  });
}

void ControlDesk::JoinRefused(RefusedJoin refused) {
  line_->Tell([this, refused = std::move(refused)] {
    if (outbox_->is_full()) return;  // Nobody is let in, and that is on record.
    api_.RecordRefusedJoin(refused.event, refused.session_id, refused.source_address, refused.text,
                           UnixNowMs());
  });
}

void ControlDesk::SessionEnded(std::string session_id, std::string reason, uint64_t to_node_bytes,
                               uint64_t to_client_bytes) {
  line_->Tell([this, id = std::move(session_id), reason = std::move(reason), to_node_bytes,
               to_client_bytes] {
    if (broker_.SessionEnded(id, reason, to_node_bytes, to_client_bytes, UnixNowMs())) {
      directory_.Forget(id);
    }
  });
}

void ControlDesk::StreamOpened(StreamReport report, std::string what) {
  line_->Note([this, now = UnixNowMs(), report = std::move(report), what = std::move(what)] {
    broker_.StreamOpened(report.session_id, report.stream_serial, what, now);
  });
}

void ControlDesk::StreamClosed(StreamReport report, StreamEnd end) {
  line_->Note([this, now = UnixNowMs(), report = std::move(report), end = std::move(end)] {
    broker_.StreamClosed(report.session_id, report.stream_serial, end, now);
  });
}

}  // namespace relay
