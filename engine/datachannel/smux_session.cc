#include "engine/datachannel/smux_session.h"

#include <algorithm>
#include <cstring>
#include <limits>

#include "engine/base/check.h"

namespace engine::datachannel {
namespace {

// PutHeader writes a header at the front of `out` and moves that behind it.
void PutHeader(const SmuxHeader& header, std::span<std::byte>& out) {
  WriteSmuxHeader(header, out.first<kSmuxHeaderSize>());
  out = out.subspan(kSmuxHeaderSize);
}

}  // namespace

SmuxSession::Stream* SmuxSession::Find(uint32_t id) {
  const auto found = streams_.find(id);
  return found == streams_.end() ? nullptr : found->second.get();
}

SmuxSession::Stream& SmuxSession::Make(uint32_t id) {
  std::unique_ptr<Stream>& stream = streams_[id];
  stream = std::make_unique<Stream>();
  stream->id = id;
  return *stream;
}

bool SmuxSession::Receive(ByteView bytes) {
  if (is_broken_) return false;
  parser_.Feed(bytes);
  for (;;) {
    SmuxParser::Piece piece;
    const SmuxParser::Result result = parser_.Next(piece);
    if (result == SmuxParser::Result::kHungry) return true;
    if (result == SmuxParser::Result::kBroken) is_broken_ = true;
    if (result == SmuxParser::Result::kPiece && piece.command == SmuxCommand::kSyn) {
      TakeSyn(piece.stream);
    }
    if (is_broken_) return false;
    Stream* stream = Find(piece.stream);
    // What is said about a stream that is over, or never was, crossed its end on the way.
    if (stream == nullptr || stream->is_peer_finished || stream->is_aborted) continue;
    if (piece.command == SmuxCommand::kPsh) TakeData(*stream, piece.data);
    if (piece.command == SmuxCommand::kFin) {
      stream->is_peer_finished = true;
      Offer(*stream);
    }
  }
}

void SmuxSession::TakeSyn(uint32_t id) {
  if (Find(id) != nullptr) return;
  if (side_ == Side::kMachine && id != 0 && streams_.size() < options_.streams_max) {
    Make(id);
    handler_.OnOpened(id);
    return;
  }
  if (refused_.size() == kRefusedMax) {
    is_broken_ = true;
    return;
  }
  refused_.push_back(id);
}

void SmuxSession::TakeData(Stream& stream, ByteView data) {
  if (stream.backlog.empty() && !stream.is_offering) {
    stream.is_offering = true;
    const size_t taken = handler_.OnData(stream.id, data);
    stream.is_offering = false;
    CHECK(taken <= data.size());
    if (stream.is_aborted) return ForgetIfOver(stream);
    data = data.subspan(taken);
  }
  const size_t size_before = stream.backlog.size();
  stream.backlog.Append(data);
  SetBacklog(stream, size_before);
}

void SmuxSession::Offer(Stream& stream) {
  if (stream.is_offering) return;
  stream.is_offering = true;
  const size_t size_before = stream.backlog.size();
  if (size_before > 0) {
    const size_t taken = handler_.OnData(stream.id, stream.backlog.front());
    // An aborted stream has no backlog any more.
    if (!stream.is_aborted) {
      stream.backlog.Take(taken);
      SetBacklog(stream, size_before);
    }
  }
  if (stream.is_peer_finished && !stream.is_aborted && stream.backlog.empty()) {
    stream.is_peer_finish_told = true;
    handler_.OnFinished(stream.id);
  }
  stream.is_offering = false;
  ForgetIfOver(stream);
}

void SmuxSession::SetBacklog(Stream& stream, size_t size_before) {
  backlog_bytes_ = backlog_bytes_ - size_before + stream.backlog.size();
  const bool is_full = stream.backlog.size() >= options_.stream_backlog_max;
  if (is_full && !stream.is_full) ++full_count_;
  if (!is_full && stream.is_full) --full_count_;
  stream.is_full = is_full;
}

void SmuxSession::Resume(uint32_t id) {
  Stream* stream = Find(id);
  CHECK(stream != nullptr);
  if (!stream->backlog.empty()) Offer(*stream);
}

uint32_t SmuxSession::Open() {
  CHECK(side_ == Side::kClient);
  const bool has_ids = last_id_ <= std::numeric_limits<uint32_t>::max() - 2;
  if (!has_ids || streams_.size() >= options_.streams_max) return 0;
  last_id_ += 2;
  Stream& stream = Make(last_id_);
  stream.syn_due = true;
  MakeReady(stream);
  return last_id_;
}

size_t SmuxSession::Write(uint32_t id, ByteView bytes) {
  Stream* stream = Find(id);
  CHECK(stream != nullptr);
  CHECK(!stream->is_finished);
  CHECK(!stream->is_aborted);
  const size_t room = options_.stream_output_max - stream->output.size();
  const size_t taken = std::min(room, bytes.size());
  stream->wants_room = taken < bytes.size();
  if (taken == 0) return 0;
  stream->output.Append(bytes.first(taken));
  MakeReady(*stream);
  return taken;
}

void SmuxSession::Finish(uint32_t id) {
  Stream* stream = Find(id);
  CHECK(stream != nullptr);
  CHECK(!stream->is_finished);
  stream->is_finished = true;
  stream->fin_due = true;
  stream->wants_room = false;
  MakeReady(*stream);
}

void SmuxSession::Abort(uint32_t id) {
  Stream* stream = Find(id);
  CHECK(stream != nullptr);
  CHECK(!stream->is_aborted);
  stream->is_aborted = true;
  const size_t size_before = stream->backlog.size();
  stream->backlog.Clear();
  SetBacklog(*stream, size_before);
  stream->output.Clear();
  stream->wants_room = false;
  if (!stream->is_finished) {
    stream->is_finished = true;
    stream->fin_due = true;
    MakeReady(*stream);
  }
  ForgetIfOver(*stream);
}

void SmuxSession::MakeReady(Stream& stream) {
  if (stream.is_ready) return;
  stream.is_ready = true;
  ready_.Push(stream);
}

void SmuxSession::ForgetIfOver(Stream& stream) {
  const bool is_ours_over = stream.is_finished && !stream.is_ready;
  if (!is_ours_over || stream.is_offering) return;
  if (stream.is_aborted || stream.is_peer_finish_told) streams_.erase(stream.id);
}

size_t SmuxSession::Gather(std::span<std::byte> out) {
  CHECK(out.size() >= 2 * kSmuxHeaderSize);
  std::span<std::byte> rest = out;
  while (!refused_.empty() && rest.size() >= kSmuxHeaderSize) {
    PutHeader({.command = SmuxCommand::kFin, .size = 0, .stream = refused_.back()}, rest);
    refused_.pop_back();
  }
  // A turn needs room for SYN, or for a header and a byte.
  while (rest.size() >= 2 * kSmuxHeaderSize) {
    Stream* stream = ready_.Pop();
    if (stream == nullptr) break;
    stream->is_ready = false;
    rest = rest.subspan(GatherStream(*stream, rest));
  }
  return out.size() - rest.size();
}

size_t SmuxSession::GatherStream(Stream& stream, std::span<std::byte> out) {
  std::span<std::byte> rest = out;
  if (stream.syn_due) {
    stream.syn_due = false;
    PutHeader({.command = SmuxCommand::kSyn, .size = 0, .stream = stream.id}, rest);
  }
  if (!stream.output.empty() && rest.size() > kSmuxHeaderSize) {
    const size_t size = std::min({stream.output.size(), rest.size() - kSmuxHeaderSize,
                                  size_t{std::numeric_limits<uint16_t>::max()}});
    PutHeader(
        {.command = SmuxCommand::kPsh, .size = static_cast<uint16_t>(size), .stream = stream.id},
        rest);
    std::memcpy(rest.data(), stream.output.front().data(), size);
    rest = rest.subspan(size);
    stream.output.Take(size);
  }
  if (stream.fin_due && stream.output.empty() && rest.size() >= kSmuxHeaderSize) {
    stream.fin_due = false;
    PutHeader({.command = SmuxCommand::kFin, .size = 0, .stream = stream.id}, rest);
  }
  if (!stream.output.empty() || stream.fin_due) MakeReady(stream);
  const size_t written = out.size() - rest.size();
  if (stream.wants_room && stream.output.size() <= options_.stream_output_max / 2) {
    stream.wants_room = false;
    handler_.OnRoom(stream.id);
  } else {
    ForgetIfOver(stream);
  }
  return written;
}

}  // namespace engine::datachannel
