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
    : window_(window), wanted_(window), received_(offset), consumed_(offset), limit_(0) {
  limit_ = TargetLimit();
}

uint64_t ReceiveWindow::TargetLimit() const {
  return consumed_ + std::min(wanted_, std::numeric_limits<uint64_t>::max() - consumed_);
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
  const uint64_t target = TargetLimit();
  if (target <= limit_) return false;
  return target - limit_ >= RenewedAtOnce();
}

uint64_t ReceiveWindow::RenewedAtOnce() const {
  return std::min(wanted_ / 2, std::max(wanted_ / 16, kRenewedMin));
}

uint64_t ReceiveWindow::Needed(Duration round_trip) const {
  const uint64_t bytes = rate_.BytesUnderWay(round_trip);
  return bytes == 0 ? 0 : bytes + RenewedAtOnce();
}

void ReceiveWindow::Grow(uint64_t size) {
  CHECK(wanted_ == window_);
  CHECK(size <= std::numeric_limits<uint64_t>::max() - window_);
  window_ += size;
  wanted_ = window_;
}

void ReceiveWindow::Resize(uint64_t size) { wanted_ = std::min(size, window_); }

uint64_t ReceiveWindow::TakeReleased() {
  const uint64_t needed = std::max(wanted_, limit_ - consumed_);
  const uint64_t released = window_ > needed ? window_ - needed : 0;
  window_ -= released;
  return released;
}

Credit ReceiveWindow::Renew() {
  limit_ = std::max(limit_, TargetLimit());
  return {.received = received_, .limit = limit_};
}

}  // namespace engine
