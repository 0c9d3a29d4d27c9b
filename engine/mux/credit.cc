#include "engine/mux/credit.h"

#include <algorithm>
#include <limits>

#include "engine/base/check.h"

namespace engine {

void SendWindow::Send(uint64_t size) {
  CHECK(size <= available());
  sent_ += size;
}

CreditError SendWindow::Update(Credit credit) {
  if (credit.received > sent_) return CreditError::kReceivedBeyondSent;
  if (credit.received < received_) return CreditError::kReceivedWentBack;
  if (credit.limit < limit_) return CreditError::kLimitWentBack;
  if (credit.limit < credit.received) return CreditError::kLimitBelowReceived;
  received_ = credit.received;
  limit_ = credit.limit;
  return CreditError::kNone;
}

std::string_view CreditErrorText(CreditError error) {
  switch (error) {
    case CreditError::kNone:
      return "no error";
    case CreditError::kReceivedBeyondSent:
      return "credit for bytes that were never sent";
    case CreditError::kReceivedWentBack:
      return "credit whose received offset went back";
    case CreditError::kLimitWentBack:
      return "credit whose limit went back";
    case CreditError::kLimitBelowReceived:
      return "credit whose limit is below its received offset";
  }
  CHECK(false);
}

ReceiveWindow::ReceiveWindow(uint64_t window, uint64_t offset)
    : window_(window), received_(offset), consumed_(offset), limit_(0) {
  limit_ = TargetLimit();
}

uint64_t ReceiveWindow::TargetLimit() const {
  return consumed_ + std::min(window_, std::numeric_limits<uint64_t>::max() - consumed_);
}

bool ReceiveWindow::Receive(uint64_t size) {
  if (size > limit_ - received_) return false;
  received_ += size;
  return true;
}

void ReceiveWindow::Consume(uint64_t size) {
  CHECK(size <= received_ - consumed_);
  consumed_ += size;
}

bool ReceiveWindow::IsCreditDue() const {
  const uint64_t renewable = TargetLimit() - limit_;
  const uint64_t enough = std::min(window_ / 2, std::max(window_ / 8, kRenewedMin));
  return renewable > 0 && renewable >= enough;
}

uint64_t ReceiveWindow::GrowthWanted(Instant now, std::optional<Duration> round_trip,
                                     uint64_t window_max) const {
  if (!measured_since_.has_value() || !round_trip.has_value() || window_ >= window_max) return 0;
  if (consumed_ - measured_from_ < measured_size_) return 0;
  if (now - *measured_since_ >= 2 * *round_trip) return 0;
  return std::min(window_, window_max - window_);
}

void ReceiveWindow::Grow(uint64_t size) {
  CHECK(size <= std::numeric_limits<uint64_t>::max() - window_);
  window_ += size;
}

Credit ReceiveWindow::Renew(Instant now) {
  if (!measured_since_.has_value() || consumed_ - measured_from_ >= measured_size_) {
    measured_since_ = now;
    measured_from_ = consumed_;
    measured_size_ = window_ / 2;
  }
  limit_ = TargetLimit();
  return {.received = received_, .limit = limit_};
}

}  // namespace engine
