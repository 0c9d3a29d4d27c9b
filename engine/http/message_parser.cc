#include "engine/http/message_parser.h"

#include <http_parser.h>

#include <algorithm>
#include <utility>

#include "engine/base/check.h"

namespace engine {
namespace {

// What chunk framing may cost on top of a body. Without it, one-byte chunks with long extensions
// would make us read without end for a small body.
constexpr uint64_t kFramingSizeMax = 64 * 1024;

bool IsDecimal(std::string_view text) {
  return !text.empty() && text.size() <= 19 &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

// The library as distributions build it is lenient about characters: spaces in names ("Host :"),
// and NUL in values, pass it.
bool IsToken(std::string_view text) {
  constexpr std::string_view kOthers = "!#$%&'*+-.^_`|~";
  return !text.empty() && std::all_of(text.begin(), text.end(), [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           kOthers.find(c) != std::string_view::npos;
  });
}

bool IsFieldValue(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    return c == '\t' || (static_cast<uint8_t>(c) >= 0x20 && c != 0x7F);
  });
}

bool IsTarget(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return c > 0x20 && c < 0x7F && c != '#'; });
}

std::string_view Trim(std::string_view text) {
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

}  // namespace

std::string_view Describe(HttpError error) {
  switch (error) {
    case HttpError::kNone:
      return "no error";
    case HttpError::kMalformed:
      return "these bytes are not a well-formed HTTP/1.1 message";
    case HttpError::kHeadTooLarge:
      return "the head is larger than 16 KiB";
    case HttpError::kTooManyHeaders:
      return "there are more than 100 headers";
    case HttpError::kBodyTooLarge:
      return "the body is too large";
    case HttpError::kAmbiguousLength:
      return "the length of the body is given in more than one way";
    case HttpError::kUnsupportedEncoding:
      return "only the transfer encoding chunked is known";
    case HttpError::kUnsupportedVersion:
      return "only HTTP/1.1 and HTTP/1.0 are known";
    case HttpError::kBadHost:
      return "there must be one Host header";
    case HttpError::kTruncated:
      return "the connection ended inside a message";
  }
  return "unknown error";
}

int StatusOf(HttpError error) {
  switch (error) {
    case HttpError::kHeadTooLarge:
    case HttpError::kTooManyHeaders:
      return 431;
    case HttpError::kBodyTooLarge:
      return 413;
    case HttpError::kUnsupportedEncoding:
      return 501;
    case HttpError::kUnsupportedVersion:
      return 505;
    default:
      return 400;
  }
}

// Grammar holds http_parser's state. Its callbacks write into the owner; one that returns non-zero
// stops the parser, and the owner's error says why.
struct HttpMessageParser::Grammar {
  http_parser parser;
  http_parser_settings settings;

  static HttpMessageParser& Owner(http_parser* parser) {
    return *static_cast<HttpMessageParser*>(parser->data);
  }

  static int OnUrl(http_parser* parser, const char* at, size_t size) {
    Owner(parser).request_.target.append(at, size);
    return 0;
  }

  static int OnHeaderField(http_parser* parser, const char* at, size_t size) {
    HttpMessageParser& owner = Owner(parser);
    if (owner.headers_complete_) {  // A trailer.
      owner.Fail(HttpError::kMalformed);
      return 1;
    }
    auto& all = owner.request_.headers.all_;
    if (all.empty() || owner.in_value_) {
      if (all.size() == kHttpHeadersCountMax) {
        owner.Fail(HttpError::kTooManyHeaders);
        return 1;
      }
      all.emplace_back();
      owner.in_value_ = false;
    }
    all.back().name.append(at, size);
    return 0;
  }

  static int OnHeaderValue(http_parser* parser, const char* at, size_t size) {
    HttpMessageParser& owner = Owner(parser);
    owner.in_value_ = true;
    if (owner.headers_complete_ || owner.request_.headers.all_.empty()) {
      owner.Fail(HttpError::kMalformed);
      return 1;
    }
    owner.request_.headers.all_.back().value.append(at, size);
    return 0;
  }

  static int OnHeadersComplete(http_parser* parser) {
    Owner(parser).FinishHead();
    return Owner(parser).progress_ == Progress::kFailed ? -1 : 0;
  }

  static int OnBody(http_parser* parser, const char* at, size_t size) {
    HttpMessageParser& owner = Owner(parser);
    if (size > owner.body_size_max_ - owner.request_.body.size()) {
      owner.Fail(HttpError::kBodyTooLarge);
      return 1;
    }
    owner.request_.body.append(at, size);
    return 0;
  }

  static int OnMessageComplete(http_parser* parser) {
    Owner(parser).progress_ = Progress::kDone;
    http_parser_pause(parser, 1);  // The next message's bytes stay with the caller.
    return 0;
  }
};

HttpMessageParser::HttpMessageParser(Kind kind, size_t body_size_max)
    : kind_(kind), body_size_max_(body_size_max), grammar_(std::make_unique<Grammar>()) {
  http_parser_settings_init(&grammar_->settings);
  grammar_->settings.on_url = Grammar::OnUrl;
  grammar_->settings.on_header_field = Grammar::OnHeaderField;
  grammar_->settings.on_header_value = Grammar::OnHeaderValue;
  grammar_->settings.on_headers_complete = Grammar::OnHeadersComplete;
  grammar_->settings.on_body = Grammar::OnBody;
  grammar_->settings.on_message_complete = Grammar::OnMessageComplete;
  Reset();
}

HttpMessageParser::~HttpMessageParser() = default;

void HttpMessageParser::Reset() {
  http_parser_init(&grammar_->parser, kind_ == Kind::kRequest ? HTTP_REQUEST : HTTP_RESPONSE);
  grammar_->parser.data = this;
  progress_ = Progress::kIdle;
  error_ = HttpError::kNone;
  head_size_ = line_size_ = line_count_ = 0;
  last_ = '\0';
  head_ended_ = headers_complete_ = in_value_ = expects_continue_ = false;
  body_wire_size_ = 0;
  request_ = HttpRequest();
  request_.target.clear();
  status_ = 0;
}

void HttpMessageParser::Fail(HttpError error) {
  progress_ = Progress::kFailed;
  if (error_ == HttpError::kNone) error_ = error;
}

HttpMessageParser::ScannedHead HttpMessageParser::ScanHead(std::string_view bytes) {
  for (size_t i = 0; i < bytes.size(); ++i) {
    const char c = bytes[i];
    if (head_size_ == kHttpHeadSizeMax) return {i, HttpError::kHeadTooLarge};
    // http_parser takes any byte after CR for LF, and would see the head end where others do not.
    if (last_ == '\r' && c != '\n') return {i, HttpError::kMalformed};
    if (c == '\n') {
      if (last_ != '\r') return {i, HttpError::kMalformed};
      if (line_size_ == 0 && line_count_ > 0) head_ended_ = true;
      if (line_size_ > 0) ++line_count_;
      line_size_ = 0;
    } else if (c != '\r') {
      // A line that begins with a space continues the one before it: nobody reads that alike.
      if (line_size_ == 0 && (c == ' ' || c == '\t')) return {i, HttpError::kMalformed};
      ++line_size_;
    }
    last_ = c;
    ++head_size_;
    if (head_ended_) return {i + 1, HttpError::kNone};
  }
  return {bytes.size(), HttpError::kNone};
}

size_t HttpMessageParser::Execute(std::string_view bytes) {
  if (bytes.empty()) return 0;  // To http_parser, that is the end of the connection.
  const size_t taken =
      http_parser_execute(&grammar_->parser, &grammar_->settings, bytes.data(), bytes.size());
  if (progress_ == Progress::kFailed || progress_ == Progress::kDone) return taken;
  const enum http_errno code = HTTP_PARSER_ERRNO(&grammar_->parser);
  if (code == HPE_OK && taken == bytes.size()) return taken;
  switch (code) {
    case HPE_INVALID_VERSION:
      Fail(HttpError::kUnsupportedVersion);
      break;
    case HPE_HEADER_OVERFLOW:
      Fail(HttpError::kHeadTooLarge);
      break;
    case HPE_INVALID_CONTENT_LENGTH:
    case HPE_UNEXPECTED_CONTENT_LENGTH:
      Fail(HttpError::kAmbiguousLength);
      break;
    case HPE_INVALID_TRANSFER_ENCODING:
      Fail(HttpError::kUnsupportedEncoding);
      break;
    default:
      Fail(HttpError::kMalformed);
      break;
  }
  return taken;
}

size_t HttpMessageParser::Consume(std::string_view bytes) {
  size_t consumed = 0;
  while (consumed < bytes.size()) {
    const std::string_view rest = bytes.substr(consumed);
    if (progress_ == Progress::kIdle) progress_ = Progress::kHead;
    if (progress_ == Progress::kHead) {
      // What comes before a bad byte is still read, so that the error does not depend on where
      // the bytes were cut.
      const ScannedHead scanned = ScanHead(rest);
      const size_t taken = Execute(rest.substr(0, scanned.size));
      consumed += scanned.size;
      if (scanned.error != HttpError::kNone) Fail(scanned.error);
      if (progress_ == Progress::kFailed || progress_ == Progress::kDone) {
        if (!head_ended_ || taken != scanned.size) Fail(HttpError::kMalformed);
        return consumed;
      }
      // Both readers of the head must agree where it ends.
      if (head_ended_ != headers_complete_) {
        Fail(HttpError::kMalformed);
        return consumed;
      }
      if (headers_complete_) progress_ = Progress::kBody;
    } else if (progress_ == Progress::kBody) {
      const size_t taken = Execute(rest);
      if (progress_ == Progress::kFailed) return consumed;
      if (progress_ == Progress::kDone) return consumed + taken;
      body_wire_size_ += rest.size();
      if (body_wire_size_ > 2 * body_size_max_ + kFramingSizeMax) Fail(HttpError::kBodyTooLarge);
      return bytes.size();
    } else {
      return consumed;
    }
  }
  return consumed;
}

void HttpMessageParser::HandleEnd() {
  if (progress_ != Progress::kHead && progress_ != Progress::kBody) return;
  http_parser_execute(&grammar_->parser, &grammar_->settings, nullptr, 0);
  if (progress_ != Progress::kDone) Fail(HttpError::kTruncated);
}

bool HttpMessageParser::CheckLengths() {
  const HttpHeaders& headers = request_.headers;
  const size_t lengths = headers.Count("content-length");
  const size_t encodings = headers.Count("transfer-encoding");
  if (lengths + encodings > 1) {
    Fail(HttpError::kAmbiguousLength);
    return false;
  }
  if (lengths == 1) {
    const std::string_view text = Trim(headers.Get("content-length"));
    if (!IsDecimal(text)) {
      Fail(HttpError::kAmbiguousLength);
      return false;
    }
    if (grammar_->parser.content_length > body_size_max_) {
      Fail(HttpError::kBodyTooLarge);
      return false;
    }
  }
  if (encodings == 1) {
    if (grammar_->parser.http_minor == 0) {  // HTTP/1.0 has no chunks.
      Fail(HttpError::kAmbiguousLength);
      return false;
    }
    if (!EqualsIgnoreCase(Trim(headers.Get("transfer-encoding")), "chunked")) {
      Fail(HttpError::kUnsupportedEncoding);
      return false;
    }
  }
  return true;
}

void HttpMessageParser::FinishHead() {
  headers_complete_ = true;
  for (HttpHeader& header : request_.headers.all_) {
    header.value.resize(Trim(header.value).size());
    if (!IsToken(header.name) || !IsFieldValue(header.value)) {
      Fail(HttpError::kMalformed);
      return;
    }
  }
  const http_parser& parser = grammar_->parser;
  if (parser.http_major != 1 || parser.http_minor > 1) {
    Fail(HttpError::kUnsupportedVersion);
    return;
  }
  request_.minor_version = parser.http_minor;
  request_.keep_alive = http_should_keep_alive(&parser) != 0;
  if (!CheckLengths()) return;
  if (kind_ == Kind::kResponse) {
    status_ = static_cast<int>(parser.status_code);
    if (status_ < 100) Fail(HttpError::kMalformed);
    return;
  }
  request_.method = http_method_str(static_cast<enum http_method>(parser.method));
  const std::string& target = request_.target;
  // Absolute and authority forms are for proxies, and neither a fragment nor UTF-8 is ever sent.
  const bool known_form =
      target.starts_with('/') || (target == "*" && request_.method == "OPTIONS");
  if (!known_form || !IsTarget(target)) {
    Fail(HttpError::kMalformed);
    return;
  }
  const size_t hosts = request_.headers.Count("host");
  if (hosts > 1 || (hosts == 0 && request_.minor_version == 1)) {
    Fail(HttpError::kBadHost);
    return;
  }
  expects_continue_ = EqualsIgnoreCase(request_.headers.Get("expect"), "100-continue");
}

HttpRequest HttpMessageParser::TakeRequest() {
  CHECK(progress_ == Progress::kDone);
  CHECK(kind_ == Kind::kRequest);
  HttpRequest request = std::move(request_);
  Reset();
  return request;
}

HttpResponse HttpMessageParser::TakeResponse() {
  CHECK(progress_ == Progress::kDone);
  CHECK(kind_ == Kind::kResponse);
  HttpResponse response;
  response.status = status_;
  response.keep_alive = request_.keep_alive;
  response.headers = std::move(request_.headers);
  response.body = std::move(request_.body);
  Reset();
  return response;
}

}  // namespace engine
