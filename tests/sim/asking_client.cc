#include "tests/sim/asking_client.h"

#include <algorithm>

namespace sim {
namespace {

// ByteAt is the content of stream `salt`: both ends can compute any part of it.
std::byte ByteAt(uint64_t salt, uint64_t offset) {
  return static_cast<std::byte>((offset * 0x9E3779B97F4A7C15u + salt * 0x2545F4914F6CDD1Du) >> 56);
}

}  // namespace

void Question::Start() {
  engine::TcpRequest request;
  request.host = "db";
  request.port = 5432;
  id_ = client_.mux().Open(engine::Priority::kBulk, engine::AsBytes(engine::EncodeOpen(request)),
                           *this);
  if (id_ == engine::kLinkStream) {
    over = true;  // The link is failing; nothing was promised.
    return;
  }
  Fill();
}

void Question::Fill() {
  if (over || id_ == engine::kLinkStream) return;
  while (sent_ < size_) {
    const engine::BufferRef block = client_.loop().buffers().Take();
    is_dry_ = block.empty();
    if (is_dry_) return;  // The world calls Fill again.
    const size_t size = std::min<uint64_t>(block.size(), size_ - sent_);
    for (size_t i = 0; i < size; ++i) block.bytes()[i] = ByteAt(salt_, sent_ + i);
    const size_t taken = client_.mux().Write(id_, engine::Channel::kMain, block.Share(0, size));
    sent_ += taken;
    if (taken < size) return;
  }
  client_.mux().Finish(id_);
}

void Question::OnData(engine::Channel, engine::BufferRef payload) {
  for (const std::byte byte : payload.bytes()) {
    if (received_ >= sent_ || byte != ByteAt(salt_, received_)) {
      problem = "byte " + std::to_string(received_) + " came back changed";
    }
    ++received_;
  }
  client_.mux().Consume(id_, payload.size());
}

AskingClient::AskingClient(engine::LoopDriver& driver, const engine::TlsContext& tls,
                           engine::Random& random)
    : LinkParty(driver, tls) {
  const uint64_t count = random.Range(1, 12);
  for (uint64_t i = 0; i < count; ++i) {
    const uint64_t size = random.Chance(30) ? random.Range(0, 20) : random.Range(0, 600'000);
    questions.push_back(std::make_unique<Question>(*this, random.Next(), size));
  }
}

void AskingClient::OnControl(engine::ByteView) {
  if (started_) return;
  started_ = true;
  for (const auto& question : questions) question->Start();
}

}  // namespace sim
