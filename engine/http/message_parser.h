// Reading one HTTP/1.1 message after another out of foreign bytes, with every size bounded.
//
// The grammar is http_parser's; what this class adds is what a server behind a proxy must refuse
// although a grammar allows it, because two readers could see two different messages in the same
// bytes (request smuggling): two lengths, line ends without CR, folded headers, trailers, a
// Transfer-Encoding other than "chunked", no Host or two of them.

#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "engine/http/http_message.h"

namespace engine {

enum class HttpError : uint8_t {
  kNone,
  kMalformed,            // Not HTTP/1.x, or a form of it that is refused.
  kHeadTooLarge,         // More than kHttpHeadSizeMax.
  kTooManyHeaders,       // More than kHttpHeadersCountMax.
  kBodyTooLarge,         // More than the maximum given, or chunks far smaller than their framing.
  kAmbiguousLength,      // Content-Length twice, or beside Transfer-Encoding, or not a number.
  kUnsupportedEncoding,  // A Transfer-Encoding that is not exactly "chunked".
  kUnsupportedVersion,   // Not HTTP/1.0 or HTTP/1.1.
  kBadHost,              // An HTTP/1.1 request without Host, or any with two.
  kTruncated,            // The connection ended inside the message.
};

// Describe returns a sentence for people; StatusOf the response status that fits.
std::string_view Describe(HttpError error);
int StatusOf(HttpError error);

class HttpMessageParser {
 public:
  enum class Kind : uint8_t { kRequest, kResponse };
  enum class Progress : uint8_t {
    kIdle,  // Not one byte of a message yet.
    kHead,
    kBody,
    kDone,    // TakeRequest or TakeResponse is next.
    kFailed,  // error() says why; no more bytes are taken.
  };

  HttpMessageParser(Kind kind, size_t body_size_max);
  ~HttpMessageParser();
  HttpMessageParser(const HttpMessageParser&) = delete;
  HttpMessageParser& operator=(const HttpMessageParser&) = delete;

  // Consume takes bytes up to the end of the message and returns how many it took; what is left
  // belongs to the next message.
  size_t Consume(std::string_view bytes);

  // HandleEnd says that the connection has ended: this completes a response that has no length, and
  // is kTruncated inside any other message.
  void HandleEnd();

  Progress progress() const { return progress_; }
  HttpError error() const { return error_; }

  // expects_continue is true while the body is awaited and the sender waits for "100 Continue".
  bool expects_continue() const { return progress_ == Progress::kBody && expects_continue_; }

  // TakeRequest and TakeResponse return the message and begin the next one.
  // Requires: progress() is kDone, and the parser is of that kind.
  HttpRequest TakeRequest();
  HttpResponse TakeResponse();

 private:
  struct Grammar;  // http_parser and its callbacks.

  void Reset();
  void Fail(HttpError error);
  // ScanHead returns how many of the bytes belong to the head and are good; it sets head_ended_ at
  // the head's end. The error is that of the byte after them.
  struct ScannedHead {
    size_t size;
    HttpError error;
  };
  ScannedHead ScanHead(std::string_view bytes);
  // Execute returns how many of the bytes the grammar took.
  size_t Execute(std::string_view bytes);
  void FinishHead();
  bool CheckLengths();

  const Kind kind_;
  const size_t body_size_max_;
  std::unique_ptr<Grammar> grammar_;
  Progress progress_ = Progress::kIdle;
  HttpError error_ = HttpError::kNone;

  size_t head_size_ = 0;
  size_t line_size_ = 0;
  size_t line_count_ = 0;  // Lines of the head that were not empty.
  char last_ = '\0';
  bool head_ended_ = false;
  bool headers_complete_ = false;
  bool in_value_ = false;
  bool expects_continue_ = false;
  uint64_t body_wire_size_ = 0;

  HttpRequest request_;  // Responses use its headers and body too.
  int status_ = 0;
};

}  // namespace engine
