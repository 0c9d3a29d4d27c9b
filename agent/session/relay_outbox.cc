#include "agent/session/relay_outbox.h"

#include <utility>
#include <variant>

#include "engine/base/log.h"
#include "engine/loop/loop.h"

namespace agent {

using engine::log::Level;

RelayOutbox::Kind RelayOutbox::KindOf(const engine::ControlMessage& message) {
  if (std::holds_alternative<engine::StreamNews>(message)) return Kind::kStreamNews;
  if (std::holds_alternative<engine::SessionAnswer>(message)) return Kind::kAnswer;
  const bool is_said_again = std::holds_alternative<engine::LanesLost>(message) ||
                             std::holds_alternative<engine::SessionOver>(message);
  return is_said_again ? Kind::kSaidAgain : Kind::kNews;
}

void RelayOutbox::Push(const engine::ControlMessage& message) {
  Message encoded{engine::Encode(message), KindOf(message)};
  bool is_waited_for = encoded.kind != Kind::kStreamNews;
  {
    const std::lock_guard lock(mutex_);
    is_waited_for |= messages_.empty();
    if (messages_.size() < kMessagesMax && encoded.json.size() <= engine::kControlSizeMax) {
      if (encoded.kind == Kind::kStreamNews) ++stream_news_count_;
      messages_.push_back(std::move(encoded));
      is_waited_for |= messages_.size() == kGatherMax;
    } else if (dropped_count_++ == 0) {
      engine::log::Write(
          Level::kError, "session_news_dropped",
          {{"reason", "too much waits for the relay"}, {"waiting", messages_.size()}});
    }
  }
  if (is_waited_for) home_.Wake();
}

void RelayOutbox::Flush(absl::FunctionRef<bool(std::string_view json)> send) {
  const std::lock_guard lock(mutex_);
  while (!messages_.empty() && send(messages_.front().json)) {
    Message& said = messages_.front();
    if (said.kind == Kind::kStreamNews) --stream_news_count_;
    if (said.kind == Kind::kSaidAgain) {
      said.said_at = home_.Now();
      unheard_.push_back(std::move(said));
      if (unheard_.size() > kUnheardCountMax) unheard_.pop_front();
    }
    messages_.pop_front();
  }
  if (dropped_count_ == 0 || !messages_.empty()) return;
  engine::log::Write(Level::kWarning, "session_news_were_dropped",
                     {{"count", uint64_t{std::exchange(dropped_count_, 0)}}});
}

size_t RelayOutbox::size() const {
  const std::lock_guard lock(mutex_);
  return messages_.size();
}

bool RelayOutbox::IsPatient() const {
  const std::lock_guard lock(mutex_);
  return messages_.size() == stream_news_count_ && messages_.size() < kGatherMax;
}

void RelayOutbox::LinkLost() {
  const std::lock_guard lock(mutex_);
  std::erase_if(messages_, [](const Message& message) { return message.kind == Kind::kAnswer; });
  const engine::Instant since = home_.Now() - kUnheardMax;
  while (!unheard_.empty()) {
    if (unheard_.back().said_at >= since) messages_.push_front(std::move(unheard_.back()));
    unheard_.pop_back();
  }
}

}  // namespace agent
