// Goal: messages come out whole whatever way they were cut, and a peer that breaks a rule of
// RFC 6455 hears its code.
// Method: frames written by hand, fed whole and in single bytes; both must come to the same.

#include "engine/http/websocket_receiver.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

namespace engine {
namespace {

using Event = WebSocketReceiver::Event;

// Frame writes a frame by hand: `first` is the byte with FIN, reserved bits and opcode. A length
// may be forced into a longer form than it needs.
std::string Frame(int first, std::string_view payload, bool is_masked = true, int length_form = 0) {
  std::string out(1, static_cast<char>(first));
  const int mask = is_masked ? 0x80 : 0;
  const size_t size = payload.size();
  if (length_form == 0) length_form = size < 126 ? 1 : size < 65536 ? 2 : 8;
  if (length_form == 1) out.push_back(static_cast<char>(mask | static_cast<int>(size)));
  if (length_form == 2) out.push_back(static_cast<char>(mask | 126));
  if (length_form == 8) out.push_back(static_cast<char>(mask | 127));
  for (int i = length_form; length_form > 1 && i > 0; --i) {
    out.push_back(static_cast<char>(size >> (8 * (i - 1)) & 0xFF));
  }
  constexpr std::string_view kMask = "\x12\x34\x56\x78";
  if (is_masked) out += kMask;
  for (size_t i = 0; i < size; ++i) {
    out.push_back(is_masked ? static_cast<char>(payload[i] ^ kMask[i % 4]) : payload[i]);
  }
  return out;
}

constexpr int kFin = 0x80;
constexpr int kText = 1;
constexpr int kBinary = 2;
constexpr int kClose = 8;
constexpr int kPing = 9;
constexpr int kPong = 10;
constexpr size_t kMessageMax = 1000;

struct Heard {
  Event event;
  std::string payload;
  bool operator==(const Heard&) const = default;
};

std::vector<Heard> Read(std::string_view bytes, size_t piece_size, WebSocketSide side,
                        WebSocketCode& code) {
  std::vector<Heard> heard;
  WebSocketFrames frames(side);
  WebSocketReceiver receiver(frames, side, kMessageMax);
  while (!bytes.empty()) {
    const std::string_view piece = bytes.substr(0, piece_size);
    bytes.remove_prefix(piece.size());
    receiver.Feed(AsBytes(piece));
    for (;;) {
      ByteView payload;
      const Event event = receiver.Next(payload);
      if (event == Event::kHungry) break;
      heard.push_back({event, event == Event::kFailed ? "" : std::string(AsText(payload))});
      code = receiver.close_code();
      if (event == Event::kFailed || event == Event::kClose) return heard;
    }
  }
  return heard;
}

// All reads the bytes whole and byte by byte.
std::vector<Heard> All(std::string_view bytes, WebSocketSide side = WebSocketSide::kServer,
                       WebSocketCode* out_code = nullptr) {
  WebSocketCode whole_code = WebSocketCode::kNone;
  WebSocketCode cut_code = WebSocketCode::kNone;
  const std::vector<Heard> whole = Read(bytes, bytes.size(), side, whole_code);
  EXPECT_EQ(whole, Read(bytes, 1, side, cut_code));
  EXPECT_EQ(whole_code, cut_code);
  if (out_code != nullptr) *out_code = whole_code;
  return whole;
}

// CodeOf returns the code with which the bytes end the connection.
WebSocketCode CodeOf(std::string_view bytes, WebSocketSide side = WebSocketSide::kServer) {
  WebSocketCode code = WebSocketCode::kNone;
  const std::vector<Heard> heard = All(bytes, side, &code);
  EXPECT_FALSE(heard.empty());
  EXPECT_EQ(heard.back().event, Event::kFailed);
  return code;
}

TEST(WebSocketReceiver, AMessageInOneFrameIsItsPayload) {
  EXPECT_EQ(All(Frame(kFin | kText, "hello")), (std::vector<Heard>{{Event::kText, "hello"}}));
  EXPECT_EQ(All(Frame(kFin | kBinary, "")), (std::vector<Heard>{{Event::kBinary, ""}}));
  const std::string large(kMessageMax, 'x');
  EXPECT_EQ(All(Frame(kFin | kBinary, large)), (std::vector<Heard>{{Event::kBinary, large}}));
}

TEST(WebSocketReceiver, FragmentsAreOneMessageAndControlFramesStandBetweenThem) {
  const std::string bytes = Frame(kText, "Hel") + Frame(kFin | kPing, "are you there") +
                            Frame(0, "lo, ") + Frame(kFin | kPong, "") + Frame(0, "") +
                            Frame(kFin, "world") + Frame(kFin | kBinary, "next");
  EXPECT_EQ(All(bytes), (std::vector<Heard>{{Event::kPing, "are you there"},
                                            {Event::kPong, ""},
                                            {Event::kText, "Hello, world"},
                                            {Event::kBinary, "next"}}));
}

TEST(WebSocketReceiver, ACharacterMayLieInTwoFragmentsButNotInTwoMessages) {
  EXPECT_EQ(All(Frame(kText, "\xE2\x82") + Frame(kFin, "\xAC")),
            (std::vector<Heard>{{Event::kText, "\xE2\x82\xAC"}}));
  EXPECT_EQ(CodeOf(Frame(kFin | kText, "\xE2\x82")), WebSocketCode::kBadText);
  EXPECT_EQ(All(Frame(kFin | kBinary, "\xE2\x82")),
            (std::vector<Heard>{{Event::kBinary, "\xE2\x82"}}));
}

TEST(WebSocketReceiver, AServersFramesAreNotMaskedAndAClientsAre) {
  const std::string bare = Frame(kFin | kText, "a", /*is_masked=*/false);
  EXPECT_EQ(All(bare, WebSocketSide::kClient), (std::vector<Heard>{{Event::kText, "a"}}));
  EXPECT_EQ(CodeOf(bare), WebSocketCode::kProtocolError);
  EXPECT_EQ(CodeOf(Frame(kFin | kText, "a"), WebSocketSide::kClient),
            WebSocketCode::kProtocolError);
}

TEST(WebSocketReceiver, ABrokenFrameIsAProtocolError) {
  const std::string long_text(126, 'x');
  for (const std::string& bytes : {
           Frame(kFin | 0x40 | kText, "compressed"),
           Frame(kFin | 0x20 | kText, "a"),
           Frame(kFin | 0x10 | kText, "a"),
           Frame(kFin | 3, "unknown data"),
           Frame(kFin | 11, "unknown control"),
           Frame(kFin | 0, "continues nothing"),
           Frame(kText, "a") + Frame(kFin | kBinary, "inside"),
           Frame(kPing, "a fragment"),
           Frame(kFin | kPing, long_text),
           Frame(kFin | kClose, "\x03"),
           Frame(kFin | kText, "short", true, 2),
           Frame(kFin | kText, long_text, true, 8),
       }) {
    EXPECT_EQ(CodeOf(bytes), WebSocketCode::kProtocolError) << ToHex(AsBytes(bytes));
  }
}

TEST(WebSocketReceiver, AMessageOverTheLimitIsRefusedBeforeItIsStored) {
  EXPECT_EQ(CodeOf(Frame(kFin | kBinary, std::string(kMessageMax + 1, 'x'))),
            WebSocketCode::kTooLarge);
  EXPECT_EQ(CodeOf(Frame(kBinary, std::string(kMessageMax, 'x')) + Frame(kFin, "y")),
            WebSocketCode::kTooLarge);
  // What it declares is enough: a terabyte needs not arrive.
  std::string declared = Frame(kFin | kBinary, std::string(200, 'x'), true, 8);
  declared[4] = 1;
  EXPECT_EQ(CodeOf(declared), WebSocketCode::kTooLarge);
}

TEST(WebSocketReceiver, EmptyFragmentsAreTakenOnlySoOften) {
  std::string bytes = Frame(kText, "a");
  for (size_t i = 0; i < WebSocketReceiver::kEmptyFragmentsMax; ++i) bytes += Frame(0, "");
  EXPECT_EQ(All(bytes + Frame(kFin, "b")), (std::vector<Heard>{{Event::kText, "ab"}}));
  EXPECT_EQ(All(bytes + Frame(kFin, "b") + bytes + Frame(kFin, "c")).size(), 2u);
  EXPECT_EQ(CodeOf(bytes + Frame(0, "")), WebSocketCode::kPolicy);
}

TEST(WebSocketReceiver, ACloseFrameHasItsCodeAndReason) {
  WebSocketCode code{};
  EXPECT_EQ(All(Frame(kFin | kClose, "\x03\xE9gone"), WebSocketSide::kServer, &code),
            (std::vector<Heard>{{Event::kClose, "gone"}}));
  EXPECT_EQ(code, WebSocketCode::kGoingAway);
  All(Frame(kFin | kClose, ""), WebSocketSide::kServer, &code);
  EXPECT_EQ(code, WebSocketCode::kNone);
  All(Frame(kFin | kClose, "\x0F\xA0private"), WebSocketSide::kServer, &code);
  EXPECT_EQ(static_cast<int>(code), 4000);
}

TEST(WebSocketReceiver, ACodeThatMustNotBeOnTheWireIsAProtocolError) {
  for (const int code : {0, 999, 1004, 1005, 1006, 1015, 2999, 5000, 65535}) {
    const std::string payload = {static_cast<char>(code >> 8), static_cast<char>(code & 0xFF)};
    EXPECT_EQ(CodeOf(Frame(kFin | kClose, payload)), WebSocketCode::kProtocolError) << code;
  }
  EXPECT_EQ(CodeOf(Frame(kFin | kClose, "\x03\xE8\xFF")), WebSocketCode::kBadText);
}

TEST(WebSocketReceiver, WhatOneSideWritesTheOtherReads) {
  for (const size_t size : {0, 1, 125, 126, 1000}) {
    const std::string payload(size, 'p');
    for (const WebSocketSide writer : {WebSocketSide::kClient, WebSocketSide::kServer}) {
      std::string bytes;
      WebSocketFrames(writer).Append(bytes, WebSocketOpcode::kBinary, AsBytes(payload));
      EXPECT_LE(bytes.size(), size + kWebSocketFrameHeaderMax);
      const bool is_client = writer == WebSocketSide::kClient;
      EXPECT_EQ(All(bytes, is_client ? WebSocketSide::kServer : WebSocketSide::kClient),
                (std::vector<Heard>{{Event::kBinary, payload}}));
    }
  }
}

TEST(WebSocketReceiver, TwoMasksAreNotTheSame) {
  WebSocketFrames frames(WebSocketSide::kClient);
  std::string one, two;
  frames.Append(one, WebSocketOpcode::kText, AsBytes("same words"));
  frames.Append(two, WebSocketOpcode::kText, AsBytes("same words"));
  EXPECT_NE(one, two);
}

}  // namespace
}  // namespace engine
