#include "tests/unit/client/fake_node.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

namespace client {

using engine::BufferRef;

void FakeStream::Say(std::string_view text, engine::Channel channel) {
  if (channel == engine::Channel::kMain) {
    unsaid_ += text;
    Flush();
    return;
  }
  BufferRef block = pool->Take();
  std::memcpy(block.bytes().data(), text.data(), text.size());
  EXPECT_EQ(mux.Write(id, channel, block.Share(0, text.size())), text.size());
}

void FakeStream::Flush() {
  while (!unsaid_.empty()) {
    BufferRef block = pool->Take();
    const size_t size = std::min(unsaid_.size(), block.size());
    if (size == 0) return;
    std::memcpy(block.bytes().data(), unsaid_.data(), size);
    const size_t taken = mux.Write(id, engine::Channel::kMain, block.Share(0, size));
    unsaid_.erase(0, taken);
    if (taken < size) return;
  }
}

void FakeStream::Exit(const engine::Exit& exit) {
  EXPECT_TRUE(mux.SendControl(id, engine::Encode(exit)));
  mux.Finish(id);
}

void FakeNode::Quiet::OnFailed(engine::CloseCode, std::string_view text) { ADD_FAILURE() << text; }

FakeNode::FakeNode(engine::Loop& loop, const engine::MultiplexerOptions& options)
    : loop_(loop), pool_(4096, 16 * 1024) {
  client_ = std::make_unique<engine::Multiplexer>(engine::Side::kConnected, options, client_events_,
                                                  loop.buffers(), loop.Now());
  node_ = std::make_unique<engine::Multiplexer>(
      engine::Side::kAccepted,
      engine::MultiplexerOptions{.resume_bytes_max = options.resume_bytes_max},
      static_cast<engine::LinkEvents&>(*this), pool_, loop.Now());
  for (engine::Multiplexer* side : {client_.get(), node_.get()}) {
    side->Attach(carrier_);
    EXPECT_TRUE(side->SendControl(engine::kLinkStream, engine::Encode(engine::Hello{})));
  }
  Exchange();
}

void FakeNode::TakeEarly() {
  for (engine::Multiplexer* side : {client_.get(), node_.get()}) side->PeerTakesEarly();
}

void FakeNode::Resume() {
  for (engine::Multiplexer* side : {client_.get(), node_.get()}) side->PeerResumes(true);
}

void FakeNode::Cut() {
  std::array<engine::ByteView, engine::kRecordSlicesMax> slices;
  for (engine::Multiplexer* side : {client_.get(), node_.get()}) {
    while (side->GatherRecord(slices, loop_.Now()) > 0) side->RecordTaken();
  }
  for (engine::Multiplexer* side : {client_.get(), node_.get()}) side->Suspend();
}

void FakeNode::Return() {
  const uint64_t client_has = client_->received_position();
  EXPECT_TRUE(client_->Resume(node_->received_position(), {}, carrier_, loop_.Now()));
  EXPECT_TRUE(node_->Resume(client_has, {}, carrier_, loop_.Now()));
}

void FakeNode::OnOpen(engine::StreamId id, engine::Priority, engine::ByteView request) {
  if (holds) return held_.push_back({id, std::string(engine::AsText(request))});
  if (reject != engine::CloseCode::kNormal) return node_->Reject(id, reject, "no");
  EXPECT_TRUE(Accept(id, engine::AsText(request)));
}

bool FakeNode::Answer(size_t index) {
  const Held held = held_.at(index);
  held_.erase(held_.begin() + static_cast<ptrdiff_t>(index));
  if (reject == engine::CloseCode::kNormal) return Accept(held.id, held.request);
  node_->Reject(held.id, reject, "no");
  return true;
}

bool FakeNode::Accept(engine::StreamId id, std::string_view request) {
  auto stream = std::make_unique<FakeStream>(*node_, id);
  stream->pool = &pool_;
  stream->echoes = echoes;
  stream->consumes = consumes;
  EXPECT_TRUE(engine::DecodeOpen(request, stream->request));
  if (!node_->Accept(id, *stream)) return false;
  streams_.push_back(std::move(stream));
  return true;
}

void FakeNode::OnFailed(engine::CloseCode, std::string_view text) { ADD_FAILURE() << text; }

bool FakeNode::Carry(engine::Multiplexer& from, engine::Multiplexer& to, engine::BufferPool& pool) {
  std::array<engine::ByteView, engine::kRecordSlicesMax> slices;
  const size_t count = from.GatherRecord(slices, loop_.Now());
  if (count == 0) return false;
  BufferRef block = pool.Take();
  EXPECT_FALSE(block.empty()) << "the pool has run dry";
  size_t size = 0;
  for (const engine::ByteView slice : std::span(slices).first(count)) {
    std::memcpy(block.bytes().data() + size, slice.data(), slice.size());
    size += slice.size();
  }
  from.RecordTaken();
  to.Receive(block.Share(0, size), loop_.Now());
  return true;
}

bool FakeNode::Exchange() {
  if (stalled) return false;
  bool any = false;
  while (Carry(*client_, *node_, pool_) || Carry(*node_, *client_, loop_.buffers())) any = true;
  if (client_->NextDeadline() <= loop_.Now()) client_->HandleDeadline(loop_.Now());
  if (node_->NextDeadline() <= loop_.Now()) node_->HandleDeadline(loop_.Now());
  return any;
}

}  // namespace client
