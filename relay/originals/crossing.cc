#include "relay/originals/crossing.h"

#include <algorithm>

#include "engine/base/check.h"

namespace relay {

using engine::ByteView;
using engine::Instant;
using engine::datachannel::AgentMessage;
using engine::datachannel::kAgentPayloadOffset;

namespace {

constexpr size_t kUsualSize = 2048;

}  // namespace

Crossing::Verdict Crossing::Take(const AgentMessage& message, ByteView bytes) {
  const int64_t sequence = message.sequence;
  if (sequence >= 0 && sequence < window_.base()) return Verdict::kAcknowledged;
  if (!window_.InRange(sequence)) return Verdict::kNoRoom;
  if (Kept* kept = window_.Find(sequence)) {
    if (kept->is_acknowledged) return Verdict::kAcknowledged;
    kept->is_pending = true;
    pending_from_ = std::min(pending_from_, sequence);
    return Verdict::kTaken;
  }
  if (!HasRoom(sequence, bytes.size())) return Verdict::kNoRoom;
  Kept& kept = window_.Insert(sequence);
  kept.type = message.payload_type;
  kept.bytes = engine::AsText(bytes);
  kept.sends = 0;
  kept.suspicions = 0;
  kept.last_sent = {};
  kept.was_sent = false;
  kept.is_pending = true;
  kept.is_acknowledged = false;
  bytes_ += bytes.size();
  if (sequence < highest_acknowledged_) suspect_bytes_ += bytes.size();
  ++unacknowledged_;
  end_ = std::max(end_, sequence + 1);
  pending_from_ = std::min(pending_from_, sequence);
  ShowNew();
  return Verdict::kTaken;
}

bool Crossing::HasRoom(int64_t sequence, size_t size) {
  const bool is_near = sequence - window_.base() < static_cast<int64_t>(kSpanMax);
  const bool has_room =
      bytes_ - suspect_bytes_ + size <= kBytesReadMax && bytes_ + size <= kBytesLimit;
  if (is_near && has_room) return true;
  // What is far ahead would not be told from what the receiver is missing.
  if (probes_left_ == 0 || size > kUsualSize || sequence != end_) return false;
  --probes_left_;
  return true;
}

void Crossing::ShowNew() {
  for (Kept* kept = window_.Find(shown_); kept != nullptr; kept = window_.Find(++shown_)) {
    const ByteView payload = engine::AsBytes(kept->bytes).subspan(kAgentPayloadOffset);
    watch_.OnPassing(*this, kept->type, payload);
    if (kept->is_acknowledged) Forget(shown_, *kept);
  }
  MoveBase();
}

bool Crossing::Acknowledge(int64_t sequence, Instant now) {
  if (sequence >= 0 && sequence < window_.base()) return true;
  Kept* kept = window_.Find(sequence);
  if (kept == nullptr || !kept->was_sent) return false;
  if (kept->is_acknowledged) return true;
  // What was said on an earlier connection says nothing of this one.
  if (kept->sends > 0) Suspect(sequence, *kept);
  Settle(sequence, *kept);
  if (HasSuspects() && scan_at_ == Instant::max()) scan_at_ = now + kSuspectPeriod;
  return true;
}

// Suspect: what was sent before that number and is not acknowledged has been read.
void Crossing::Suspect(int64_t before, const Kept& read) {
  probes_left_ = 0;
  read_send_ = std::max(read_send_, read.first_send);
  for (int64_t n = std::max(highest_acknowledged_, window_.base()); n < before; ++n) {
    const Kept* kept = window_.Find(n);
    if (kept != nullptr) suspect_bytes_ += kept->bytes.size();
  }
  highest_acknowledged_ = std::max(highest_acknowledged_, before);
}

void Crossing::Settle(int64_t sequence, Kept& kept) {
  kept.is_acknowledged = true;
  kept.is_pending = false;
  --unacknowledged_;
  if (sequence < shown_) Forget(sequence, kept);
  MoveBase();
}

// Memory that a large message took is not kept for the small ones that follow.
void Crossing::Forget(int64_t sequence, Kept& kept) {
  bytes_ -= kept.bytes.size();
  if (sequence < highest_acknowledged_) suspect_bytes_ -= kept.bytes.size();
  if (kept.bytes.capacity() > kUsualSize) std::string().swap(kept.bytes);
  kept.bytes.clear();
}

void Crossing::MoveBase() {
  int64_t base = window_.base();
  for (; base < shown_; ++base) {
    const Kept* kept = window_.Find(base);
    if (!kept->is_acknowledged) break;
    window_.Erase(base);
  }
  window_.MoveBase(base);
  pending_from_ = std::max(pending_from_, base);
}

void Crossing::Restart() {
  pending_from_ = window_.base();
  suspect_bytes_ = 0;
  probes_left_ = unacknowledged_ > 0 ? kProbesMax : 0;
  scan_at_ = Instant::max();
  for (int64_t n = window_.base(); n < end_; ++n) {
    Kept* kept = window_.Find(n);
    if (kept == nullptr || kept->is_acknowledged) continue;
    const bool was_read = kept->sends > 0 && kept->last_send < read_send_;
    if (was_read && n < highest_acknowledged_) ++kept->suspicions;
    kept->sends = 0;
    kept->is_pending = true;
  }
  highest_acknowledged_ = -1;
  read_send_ = 0;
}

bool Crossing::HasNext() {
  for (; pending_from_ < end_; ++pending_from_) {
    const Kept* kept = window_.Find(pending_from_);
    if (kept != nullptr && kept->is_pending) return true;
  }
  return false;
}

Crossing::Passing Crossing::Next(Instant now) {
  CHECK(HasNext());
  Kept& kept = *window_.Find(pending_from_);
  kept.is_pending = false;
  kept.was_sent = true;
  kept.last_sent = now;
  kept.last_send = ++send_count_;
  if (kept.sends++ == 0) {
    kept.first_send = kept.last_send;
    kept.waits_since = now;
  }
  return {kept.type, engine::AsBytes(kept.bytes)};
}

void Crossing::HandleDeadline(Instant now) {
  if (now < scan_at_) return;
  scan_at_ = Instant::max();
  size_t repeat_count = 0;
  for (int64_t n = window_.base(); n < highest_acknowledged_ && repeat_count < kRepeatsMax; ++n) {
    Kept* kept = window_.Find(n);
    const bool is_waiting = kept != nullptr && !kept->is_acknowledged && !kept->is_pending;
    if (!is_waiting || now - kept->last_sent < kSuspectPeriod) continue;
    if (!WasInVain(*kept, now)) continue;
    if (++kept->suspicions >= kSuspicionsMax) {
      Settle(n, *kept);
      continue;
    }
    kept->waits_since = now;
    kept->is_pending = true;
    pending_from_ = std::min(pending_from_, n);
    ++repeat_count;
  }
  if (HasSuspects()) scan_at_ = now + kSuspectPeriod;
}

}  // namespace relay
