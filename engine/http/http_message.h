// What travels over HTTP/1.1, as values: no parsing, no I/O.

#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace engine {

// Limits of what is read. The head is start line and headers with their line ends.
inline constexpr size_t kHttpHeadSizeMax = 16 * 1024;
inline constexpr size_t kHttpHeadersCountMax = 100;
inline constexpr size_t kHttpRequestBodySizeMax = 1024 * 1024;
inline constexpr size_t kHttpResponseBodySizeMax = 4 * 1024 * 1024;

// EqualsIgnoreCase compares ASCII text; bytes above 127 are compared as they are.
bool EqualsIgnoreCase(std::string_view left, std::string_view right);

struct HttpHeader {
  std::string name;
  std::string value;
};

// HttpHeaders keeps headers in their order, repeated ones too. Names are compared without case.
class HttpHeaders {
 public:
  void Add(std::string_view name, std::string_view value);

  // Set replaces every header of that name by one.
  void Set(std::string_view name, std::string_view value);

  // Find returns the value of the first header of that name, or nullptr. It is valid until the next
  // change.
  const std::string* Find(std::string_view name) const;

  // Get is Find with an empty text for "there is none".
  std::string_view Get(std::string_view name) const;

  // Count says how often the header is there: what must be unique is refused when this is above 1.
  size_t Count(std::string_view name) const;

  const std::vector<HttpHeader>& all() const { return all_; }

 private:
  friend class HttpMessageParser;
  std::vector<HttpHeader> all_;
};

struct HttpRequest {
  std::string method = "GET";
  std::string target = "/";  // As on the wire: path, and query after `?`.
  int minor_version = 1;     // HTTP/1.x
  bool keep_alive = true;    // What the sender asks for.
  HttpHeaders headers;
  std::string body;

  // path and query are the two parts of the target, not decoded.
  std::string_view path() const;
  std::string_view query() const;
};

struct HttpResponse {
  int status = 200;
  bool keep_alive = true;  // Of one that was read: whether the sender goes on.
  HttpHeaders headers;
  std::string body;
};

// ReasonPhrase returns the text that goes with a status on the wire, such as "Not Found".
std::string_view ReasonPhrase(int status);

// Serialize returns the message as it is sent. Content-Length is added, and Transfer-Encoding and
// Connection are this function's business: such headers of the caller's are left out,
// "Connection: Upgrade" is written for a request with Upgrade and for a response 101, and
// "Connection: close" otherwise when `keep_alive` is false. Line ends and NUL inside a header
// become spaces, so that no value can forge a header.
std::string Serialize(const HttpRequest& request);
std::string Serialize(const HttpResponse& response, bool keep_alive, bool with_body = true);

}  // namespace engine
