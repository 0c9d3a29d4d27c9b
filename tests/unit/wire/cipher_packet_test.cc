// Goal: packets are read as they were written, however the stream is cut, and what is larger than
// any is told at its head.
// Method: packets of many sizes, one after another, in pieces of every size.

#include "engine/wire/cipher_packet.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace engine {
namespace {

std::string Packet(PacketKind kind, const std::string& payload) {
  std::string packet(kPacketHeadSize, '\0');
  WritePacketHead(kind, payload.size(), std::as_writable_bytes(std::span(packet)));
  return packet + payload;
}

TEST(CipherPacketTest, PacketsAreReadWhereverTheStreamIsCut) {
  const std::vector<std::string> payloads = {"a", "", std::string(kPacketPayloadMax, 'b'), "cd"};
  std::string stream;
  for (const std::string& payload : payloads) stream += Packet(PacketKind::kInput, payload);
  for (const size_t piece : {size_t{1}, size_t{2}, size_t{3}, size_t{1000}, stream.size()}) {
    PacketReader reader;
    std::vector<std::string> read;
    for (size_t begin = 0; begin < stream.size(); begin += piece) {
      ByteView bytes = AsBytes(stream).subspan(begin);
      bytes = bytes.first(std::min(piece, bytes.size()));
      while (!bytes.empty()) {
        bytes = bytes.subspan(reader.Take(bytes));
        if (!reader.whole()) continue;
        EXPECT_EQ(reader.kind(), PacketKind::kInput);
        read.emplace_back(AsText(reader.payload()));
        reader.Pop();
      }
    }
    EXPECT_EQ(read, payloads) << piece;
    EXPECT_FALSE(reader.failed());
  }
}

TEST(CipherPacketTest, ALargerPacketThanAnyIsToldAtItsHead) {
  PacketReader reader;
  const std::string head("\x10\x01\x07", kPacketHeadSize);
  EXPECT_EQ(reader.Take(AsBytes(head + "more")), kPacketHeadSize);
  EXPECT_TRUE(reader.failed());
  EXPECT_FALSE(reader.whole());
}

}  // namespace
}  // namespace engine
