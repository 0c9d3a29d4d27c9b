#include "agent/session/relay_outbox.h"

#include <utility>
#include <variant>

#include "engine/base/log.h"

namespace agent {

using engine::log::Level;

void RelayOutbox::Push(const engine::ControlMessage& message) {
  Message encoded{engine::Encode(message), std::holds_alternative<engine::SessionAnswer>(message)};
  if (messages_.size() < kMessagesMax && encoded.json.size() <= engine::kControlSizeMax) {
    messages_.push_back(std::move(encoded));
    return;
  }
  if (dropped_count_++ == 0) {
    engine::log::Write(Level::kError, "session_news_dropped",
                       {{"reason", "too much waits for the relay"}, {"waiting", messages_.size()}});
  }
}

void RelayOutbox::Flush(absl::FunctionRef<bool(std::string_view json)> send) {
  while (!messages_.empty() && send(messages_.front().json)) messages_.pop_front();
  if (dropped_count_ == 0 || !messages_.empty()) return;
  engine::log::Write(Level::kWarning, "session_news_were_dropped",
                     {{"count", uint64_t{std::exchange(dropped_count_, 0)}}});
}

void RelayOutbox::LinkLost() {
  std::erase_if(messages_, [](const Message& message) { return message.is_answer; });
}

}  // namespace agent
