#include "client/audit_command.h"

#include <algorithm>
#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "client/command_output.h"
#include "client/event_follow.h"
#include "client/node_choice.h"
#include "client/relay_access.h"
#include "client/say.h"
#include "client/table.h"
#include "engine/base/utf8.h"
#include "engine/http/amz_date.h"

namespace client {
namespace {

constexpr engine::Duration kFollowPause = std::chrono::seconds(2);
// The longest pause between two attempts to reach a relay that is away.
constexpr engine::Duration kFollowPauseMax = std::chrono::seconds(30);

// A command may be long, and is in the record as a whole.
std::string Short(const std::string& what) {
  constexpr size_t kSizeMax = 60;
  if (what.size() <= kSizeMax) return what;
  return std::string(engine::CutUtf8(what, kSizeMax - 3)) + "...";
}

// EventText is what is printed of events; in a table the headings stand before the first alone.
class EventText {
 public:
  explicit EventText(OutputFormat format) : format_(format) {}

  std::string Of(const std::vector<EventInfo>& events) {
    std::string lines;
    for (const EventInfo& event : events) {
      if (format_ == OutputFormat::kJson) {
        lines += event.record + "\n";
      } else {
        table_.AddRow({engine::IsoDate(event.time), event.name, event.user, event.outcome,
                       Short(event.what), event.resources, event.id});
      }
    }
    return format_ == OutputFormat::kJson ? lines : table_.TakeText();
  }

 private:
  const OutputFormat format_;
  Table table_{{"TIME", "EVENT", "WHO", "OUTCOME", "WHAT", "RESOURCES", "ID"}};
};

// ReadAttribute reads KEY=VALUE. CloudTrail's words are compared as they are.
absl::Status ReadAttribute(const std::string& text, EventWish& wish) {
  constexpr std::string_view kKeys[] = {"EventId",     "EventName",    "ReadOnly",
                                        "Username",    "ResourceType", "ResourceName",
                                        "EventSource", "AccessKeyId"};
  const size_t equals = text.find('=');
  if (equals == std::string::npos) {
    return absl::InvalidArgumentError("--by wants KEY=VALUE, as in: --by EventName=StartSession");
  }
  wish.key = text.substr(0, equals);
  wish.value = text.substr(equals + 1);
  if (std::ranges::find(kKeys, wish.key) != std::end(kKeys)) return absl::OkStatus();
  std::string keys;
  std::string_view nearest = kKeys[0];
  for (const std::string_view key : kKeys) {
    keys += (keys.empty() ? "" : ", ") + std::string(key);
    if (EditDistance(key, wish.key) < EditDistance(nearest, wish.key)) nearest = key;
  }
  const bool is_near = EditDistance(nearest, wish.key) <= 3;
  return absl::InvalidArgumentError(
      "events cannot be looked up by '" + Printable(wish.key) + "'" +
      (is_near ? "; did you mean " + std::string(nearest) + "?" : "") + "\nthe keys are " + keys);
}

int SayNone() {
  Say("no such event is on record, or none that you may see");
  return 0;
}

// IsPassing is true of what is over when the relay is there again.
bool IsPassing(const absl::Status& status) {
  return absl::IsUnavailable(status) || ApiCodeOf(status) == "ThrottlingException";
}

// SayAway says once that the relay is not there; what follows goes on when it is again.
void SayAway(const absl::Status& status) {
  const std::string text = TextOf(status);
  Say(text.substr(0, text.find('\n')) + "; this goes on when it answers again");
}

absl::Status ReadTime(const std::string& text, const char* flag, int64_t& seconds) {
  if (text.empty()) return absl::OkStatus();
  const std::optional<int64_t> read = engine::ParseIsoDate(text);
  if (!read.has_value()) {
    return absl::InvalidArgumentError(std::string(flag) + " '" + Printable(text) +
                                      "' is no time; write it as 2026-11-27T10:00:00Z");
  }
  seconds = *read;
  return absl::OkStatus();
}

}  // namespace

int RunAuditLookup(const CommonFlags& flags, const Environment& environment,
                   const AuditLookupOptions& options) {
  EventWish wish{.count_max = options.count_max};
  absl::Status status;
  if (!options.by.empty()) status = ReadAttribute(options.by, wish);
  if (status.ok()) status = ReadTime(options.since, "--since", wish.since);
  if (status.ok()) status = ReadTime(options.until, "--until", wish.until);
  if (!status.ok()) return Fail(status);
  const auto relay = RelayAccess::Open(flags, environment);
  if (!relay.ok()) return Fail(relay.status());
  const auto events = (*relay)->api().LookupEvents(wish);
  if (!events.ok()) return Fail(events.status());
  if (events->empty() && options.format == OutputFormat::kTable) return SayNone();
  return Print(EventText(options.format).Of(*events));
}

int RunAuditTail(const CommonFlags& flags, const Environment& environment,
                 const AuditTailOptions& options) {
  const auto relay = RelayAccess::Open(flags, environment);
  if (!relay.ok()) return Fail(relay.status());
  ApiClient& api = (*relay)->api();
  EventText text(options.format);
  EventFollow follow(api.credentials().access_key_id);
  engine::Duration pause = kFollowPause;
  for (bool is_first = true;; is_first = false) {
    const size_t count_max = is_first ? options.count : kEventCountMax;
    auto answer = api.LookupEvents({.since = follow.since(), .count_max = count_max});
    if (answer.ok()) {
      const std::vector<EventInfo> events = follow.Take(*std::move(answer));
      if (!events.empty()) {
        if (const int code = Print(text.Of(events)); code != 0) return code;
      }
      if (!options.follow) {
        return events.empty() && options.format == OutputFormat::kTable ? SayNone() : 0;
      }
      pause = kFollowPause;
    } else {
      if (is_first || !IsPassing(answer.status())) return Fail(answer.status());
      if (pause == kFollowPause) SayAway(answer.status());
      pause = std::min(2 * pause, kFollowPauseMax);
    }
    (*relay)->RunFor(pause, [] { return false; });
  }
}

}  // namespace client
