#include "engine/datachannel/message_sender.h"

#include <algorithm>

#include "engine/base/check.h"

namespace engine::datachannel {
MessageSender::MessageSender(MessageType type, const SenderOptions& options, uint64_t seed)
    : type_(type),
      options_(options),
      random_(seed),
      window_(options.span_max + options.probes_max * kUnheardMax),
      span_(static_cast<int64_t>(options.span_max)) {
  CHECK(options.in_flight_max <= options.span_max);
}

bool MessageSender::HasOrdinaryRoom() const {
  return window_.count() - suspect_count_ < options_.in_flight_max && !IsSpanUsedUp();
}

bool MessageSender::HasRoom() const {
  return HasOrdinaryRoom() || (probes_left_ > 0 && next_ < window_.end());
}

void MessageSender::Push(PayloadType type, ByteView payload) {
  CHECK(HasRoom());
  CHECK(!payload.empty());
  CHECK(payload.size() <= kStreamPayloadMax);
  if (!HasOrdinaryRoom()) --probes_left_;
  Kept& kept = window_.Insert(next_++);
  kept.id = NewMessageId(random_);
  kept.created_ms = 0;
  kept.type = type;
  kept.payload.reserve(kStreamPayloadMax);
  kept.payload = AsText(payload);
  kept.sends = 0;
  kept.all_sends = 0;
  kept.suspicions = 0;
  kept.is_pending = true;
}

void MessageSender::SkipToPending() {
  for (; pending_from_ < next_; ++pending_from_) {
    const Kept* kept = window_.Find(pending_from_);
    if (kept != nullptr && kept->is_pending) return;
  }
}

bool MessageSender::HasNext() {
  SkipToPending();
  return !is_stopped_ && pending_from_ < next_;
}

bool MessageSender::Next(Instant now, uint64_t created_ms, AgentMessage& out) {
  if (!HasNext()) return false;
  Kept& kept = *window_.Find(pending_from_);
  kept.is_pending = false;
  if (kept.created_ms == 0) kept.created_ms = created_ms;
  if (kept.sends == 0) kept.first_sent = now;
  kept.last_sent = now;
  ++kept.sends;
  ++kept.all_sends;
  ++(kept.all_sends == 1 ? sent_count_ : repeated_count_);
  if (next_scan_ == Instant::max()) next_scan_ = now + kScanPeriod;
  const bool is_first = pending_from_ == 0 && type_ == MessageType::kOutputStreamData;
  out = {.type = type_,
         .created_ms = kept.created_ms,
         .sequence = pending_from_,
         .flags = is_first ? kFlagSyn : 0,
         .id = kept.id,
         .payload_type = kept.type,
         .payload = AsBytes(kept.payload)};
  return true;
}

void MessageSender::Forget(int64_t sequence) {
  if (IsSuspect(sequence)) --suspect_count_;
  window_.Erase(sequence);
  int64_t base = window_.base();
  while (base < next_ && window_.Find(base) == nullptr) ++base;
  window_.MoveBase(base);
}

void MessageSender::Acknowledged(int64_t sequence, Instant now) {
  const Kept* kept = window_.Find(sequence);
  if (kept == nullptr || kept->all_sends == 0) return;
  if (kept->sends > 0) round_trip_.Measured(now - kept->first_sent);
  const bool says_of_others = kept->sends > 0 && sequence > highest_acknowledged_;
  if (says_of_others) {
    for (int64_t n = std::max(highest_acknowledged_, window_.base()); n < sequence; ++n) {
      if (!IsSuspect(n) && window_.Find(n) != nullptr) ++suspect_count_;
    }
    highest_acknowledged_ = sequence;
    probes_left_ = 0;
  }
  Forget(sequence);
}

void MessageSender::Restart() {
  pending_from_ = window_.base();
  suspect_count_ = 0;
  probes_left_ = empty() ? 0 : options_.probes_max;
  next_scan_ = Instant::max();
  for (int64_t n = window_.base(); n < next_; ++n) {
    Kept* kept = window_.Find(n);
    if (kept == nullptr) continue;
    // What was acknowledged behind it was sent behind it, and so this was read. Whether what was
    // repeated since then arrived nobody knows.
    if (IsSuspect(n) && kept->sends == 1) ++kept->suspicions;
    kept->sends = 0;
    kept->is_pending = true;
  }
  highest_acknowledged_ = -1;
}

Instant MessageSender::NextDeadline() const {
  return is_stopped_ || empty() ? Instant::max() : next_scan_;
}

Duration MessageSender::TimeoutOf(const Kept& kept, int64_t sequence) const {
  Duration timeout = std::max(round_trip_.timeout(), kTimeoutMin);
  if (IsSuspect(sequence)) return timeout;
  for (uint32_t sends = kEagerSendsMax; sends < kept.sends && timeout < kPatienceMax; ++sends) {
    timeout *= 2;
  }
  return std::min(timeout, kPatienceMax);
}

void MessageSender::HandleDeadline(Instant now) {
  if (now < NextDeadline()) return;
  next_scan_ = Instant::max();
  const size_t repeats_max = IsSpanUsedUp() ? kUrgentRepeatsMax : kScanRepeatsMax;
  size_t repeat_count = 0;
  for (int64_t n = window_.base(); n < next_ && repeat_count < repeats_max; ++n) {
    Kept* kept = window_.Find(n);
    if (kept == nullptr || kept->is_pending) continue;
    if (now - kept->last_sent < TimeoutOf(*kept, n)) continue;
    if (IsSuspect(n) && ++kept->suspicions >= kSuspicionsMax) {
      Forget(n);
      continue;
    }
    if (now - kept->first_sent >= options_.repeats_max) is_undeliverable_ = true;
    kept->is_pending = true;
    pending_from_ = std::min(pending_from_, n);
    ++repeat_count;
  }
  if (!empty()) next_scan_ = now + kScanPeriod;
}

}  // namespace engine::datachannel
