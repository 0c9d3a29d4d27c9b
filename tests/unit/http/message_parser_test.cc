// Goal: every message means the same however its bytes arrive, and what two readers could read
// differently is refused under its name.
// Method: whole messages, cut at every byte; each limit at its value and one beyond.

#include "engine/http/message_parser.h"

#include <gtest/gtest.h>

#include <string>
#include <tuple>

namespace engine {
namespace {

using Kind = HttpMessageParser::Kind;
using Progress = HttpMessageParser::Progress;

HttpError ErrorOf(std::string_view bytes) {
  HttpMessageParser parser(Kind::kRequest, kHttpRequestBodySizeMax);
  parser.Consume(bytes);
  return parser.progress() == Progress::kFailed ? parser.error() : HttpError::kNone;
}

const std::string kPost =
    "POST /path?a=b HTTP/1.1\r\nHost: relay.example:8443\r\nX-Amz-Target:  AmazonSSM.StartSession "
    "\r\n"
    "Content-Length: 5\r\n\r\nhello";

TEST(MessageParser, ARequestMeansTheSameCutAtEveryByte) {
  for (size_t cut = 0; cut <= kPost.size(); ++cut) {
    HttpMessageParser parser(Kind::kRequest, 100);
    EXPECT_EQ(parser.Consume(kPost.substr(0, cut)), cut);
    EXPECT_EQ(parser.Consume(kPost.substr(cut)), kPost.size() - cut);
    ASSERT_EQ(parser.progress(), Progress::kDone) << cut;
    const HttpRequest request = parser.TakeRequest();
    EXPECT_EQ(request.method, "POST");
    EXPECT_EQ(request.path(), "/path");
    EXPECT_EQ(request.query(), "a=b");
    EXPECT_EQ(request.headers.Get("x-amz-target"), "AmazonSSM.StartSession");
    EXPECT_EQ(request.headers.Get("HOST"), "relay.example:8443");
    EXPECT_EQ(request.body, "hello");
    EXPECT_TRUE(request.keep_alive);
  }
}

TEST(MessageParser, BytesAfterTheMessageStayWithTheCaller) {
  HttpMessageParser parser(Kind::kRequest, 100);
  EXPECT_EQ(parser.Consume(kPost + kPost), kPost.size());
  EXPECT_EQ(parser.Consume(kPost), 0u);
  parser.TakeRequest();
  EXPECT_EQ(parser.Consume(kPost), kPost.size());
  EXPECT_EQ(parser.TakeRequest().body, "hello");
}

TEST(MessageParser, AChunkedBodyIsPutTogetherCutAtEveryByte) {
  const std::string message =
      "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n"
      "3\r\nhel\r\n002;name=value\r\nlo\r\n0\r\n\r\n";
  for (size_t cut = 0; cut <= message.size(); ++cut) {
    HttpMessageParser parser(Kind::kRequest, 100);
    parser.Consume(message.substr(0, cut));
    parser.Consume(message.substr(cut));
    ASSERT_EQ(parser.progress(), Progress::kDone) << cut;
    EXPECT_EQ(parser.TakeRequest().body, "hello");
  }
}

TEST(MessageParser, ARequestWithoutBodyEndsWithItsHead) {
  for (const char* head :
       {"GET / HTTP/1.1\r\nHost: a\r\n\r\n", "\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /ws HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\n"
        "Upgrade: websocket\r\n\r\n"}) {
    HttpMessageParser parser(Kind::kRequest, 100);
    EXPECT_EQ(parser.Consume(std::string(head) + "rest"), std::string(head).size());
    ASSERT_EQ(parser.progress(), Progress::kDone) << head;
    EXPECT_EQ(parser.TakeRequest().body, "");
  }
}

TEST(MessageParser, TwoWaysToGiveTheLengthAreRefused) {
  EXPECT_EQ(ErrorOf("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n"
                    "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
            HttpError::kAmbiguousLength);
  EXPECT_EQ(ErrorOf("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n"
                    "Content-Length: 5\r\n\r\n0\r\n\r\n"),
            HttpError::kAmbiguousLength);
  EXPECT_EQ(ErrorOf("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n"),
            HttpError::kAmbiguousLength);
  EXPECT_EQ(ErrorOf("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n"
                    "Transfer-Encoding: chunked\r\n\r\n"),
            HttpError::kAmbiguousLength);
  EXPECT_EQ(ErrorOf("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
            HttpError::kAmbiguousLength);
}

TEST(MessageParser, ALengthThatIsNoPlainNumberIsRefused) {
  for (const char* length : {"+5", "-1", "5, 5", "0x5", "5 5", "", "99999999999999999999"}) {
    EXPECT_EQ(ErrorOf("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: " + std::string(length) +
                      "\r\n\r\n"),
              HttpError::kAmbiguousLength)
        << length;
  }
}

TEST(MessageParser, OtherEncodingsThanChunkedAreRefused) {
  for (const char* encoding :
       {"gzip", "gzip, chunked", "chunked, chunked", "identity", "xchunked"}) {
    const HttpError error =
        ErrorOf("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: " + std::string(encoding) +
                "\r\n\r\n0\r\n\r\n");
    EXPECT_EQ(error, HttpError::kUnsupportedEncoding) << encoding;
  }
}

TEST(MessageParser, FormsThatReadersTakeDifferentlyAreRefused) {
  for (const std::string& message : {
           std::string("GET / HTTP/1.1\nHost: a\n\n"),                           // No CR.
           std::string("GET / HTTP/1.1\r\nHost: a\r\nX: 1\r\n folded\r\n\r\n"),  // Folded.
           std::string("GET / HTTP/1.1\r\n Host: a\r\n\r\n"),                    // Space first.
           std::string("GET / HTTP/1.1\r\nHost : a\r\n\r\n"),    // Before the colon.
           std::string("GET / HTTP/1.1\r\nHost: a\rb\r\n\r\n"),  // CR alone.
           "GET / HTTP/1.1\r\nHost: a\r\nX: " + std::string(1, '\0') + "\r\n\r\n",  // NUL.
           std::string("GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n"),                // For proxies.
           std::string("GET /#part HTTP/1.1\r\nHost: a\r\n\r\n"),                   // Fragment.
           std::string("GET /\xE1\x88\xB4 HTTP/1.1\r\nHost: a\r\n\r\n"),            // UTF-8.
           std::string("GET / HTTP/1.1\r\nHost: a\r\n: x\r\n\r\n"),                 // No name.
           std::string("GET / HTTP/1.1\r\nHost: a\r\nX\x7F: x\r\n\r\n"),            // DEL.
           std::string("GET / HTTP/1.1\r\nHost: a\r\n\r*\r\nX: y\r\n\r\n"),         // Early end.
           std::string("CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n"),                // Tunnel.
           std::string("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),                         // HTTP/2.
           std::string("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                       "0\r\nX-Trailer: 1\r\n\r\n"),  // Trailer.
           std::string("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                       "zz\r\n"),  // No size.
       }) {
    EXPECT_EQ(ErrorOf(message), HttpError::kMalformed) << message;
  }
}

TEST(MessageParser, GarbageIsRefusedAtOnce) {
  EXPECT_EQ(ErrorOf("SSH-2.0-OpenSSH_9.2\r\n"), HttpError::kMalformed);
  EXPECT_EQ(ErrorOf(std::string("\x16\x03\x01\x02\x00\x01", 6)), HttpError::kMalformed);
  EXPECT_EQ(ErrorOf("\x80\xFF\xFE"), HttpError::kMalformed);
}

TEST(MessageParser, OneHostIsRequired) {
  EXPECT_EQ(ErrorOf("GET / HTTP/1.1\r\n\r\n"), HttpError::kBadHost);
  EXPECT_EQ(ErrorOf("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"), HttpError::kBadHost);
  EXPECT_EQ(ErrorOf("GET / HTTP/1.0\r\n\r\n"), HttpError::kNone);
}

TEST(MessageParser, OtherVersionsAreRefused) {
  EXPECT_EQ(ErrorOf("GET / HTTP/2.0\r\nHost: a\r\n\r\n"), HttpError::kUnsupportedVersion);
  EXPECT_EQ(ErrorOf("GET / HTTP/1.9\r\nHost: a\r\n\r\n"), HttpError::kUnsupportedVersion);
}

TEST(MessageParser, AHeadUpToItsLimitIsTakenAndOneByteMoreIsNot) {
  const std::string start = "GET / HTTP/1.1\r\nHost: a\r\nX: ";
  const std::string fits = start + std::string(kHttpHeadSizeMax - start.size() - 4, 'x');
  EXPECT_EQ(ErrorOf(fits + "\r\n\r\n"), HttpError::kNone);
  EXPECT_EQ(ErrorOf(fits + "x\r\n\r\n"), HttpError::kHeadTooLarge);
  EXPECT_EQ(ErrorOf("GET /" + std::string(kHttpHeadSizeMax, 'x')), HttpError::kHeadTooLarge);
}

TEST(MessageParser, HeadersUpToTheirCountAreTakenAndOneMoreIsNot) {
  std::string head = "GET / HTTP/1.1\r\nHost: a\r\n";
  for (size_t i = 1; i < kHttpHeadersCountMax; ++i) head += "X: y\r\n";
  EXPECT_EQ(ErrorOf(head + "\r\n"), HttpError::kNone);
  EXPECT_EQ(ErrorOf(head + "X: y\r\n\r\n"), HttpError::kTooManyHeaders);
}

TEST(MessageParser, ABodyUpToItsLimitIsTakenAndOneByteMoreIsNot) {
  const auto progress = [](const std::string& bytes) {
    HttpMessageParser parser(Kind::kRequest, 10);
    parser.Consume(bytes);
    return std::pair(parser.progress(), parser.error());
  };
  const std::string head = "POST / HTTP/1.1\r\nHost: a\r\n";
  const std::string chunked = head + "Transfer-Encoding: chunked\r\n\r\n";
  EXPECT_EQ(progress(head + "Content-Length: 10\r\n\r\n0123456789").first, Progress::kDone);
  EXPECT_EQ(progress(head + "Content-Length: 11\r\n\r\n").second, HttpError::kBodyTooLarge);
  EXPECT_EQ(progress(chunked + "A\r\n0123456789\r\n0\r\n\r\n").first, Progress::kDone);
  EXPECT_EQ(progress(chunked + "B\r\n0123456789A\r\n").second, HttpError::kBodyTooLarge);
  EXPECT_EQ(progress(chunked + "ffffffffffffffff\r\n").first, Progress::kFailed);
}

TEST(MessageParser, FramingThatDwarfsTheBodyIsRefused) {
  HttpMessageParser parser(Kind::kRequest, 1000);
  parser.Consume("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
  const std::string chunk = "1;" + std::string(1000, 'e') + "\r\nx\r\n";
  for (int i = 0; i < 100; ++i) parser.Consume(chunk);
  EXPECT_EQ(parser.error(), HttpError::kBodyTooLarge);
}

TEST(MessageParser, AResponseWithoutLengthEndsWithTheConnection) {
  HttpMessageParser parser(Kind::kResponse, 100);
  parser.Consume("HTTP/1.1 200 OK\r\n\r\nhello");
  EXPECT_EQ(parser.progress(), Progress::kBody);
  parser.HandleEnd();
  ASSERT_EQ(parser.progress(), Progress::kDone);
  EXPECT_EQ(parser.TakeResponse().body, "hello");
}

TEST(MessageParser, AMessageThatIsCutShortIsTruncated) {
  for (size_t cut = 1; cut < kPost.size(); ++cut) {
    HttpMessageParser parser(Kind::kRequest, 100);
    parser.Consume(kPost.substr(0, cut));
    parser.HandleEnd();
    EXPECT_EQ(parser.error(), HttpError::kTruncated) << cut;
  }
}

}  // namespace
}  // namespace engine
