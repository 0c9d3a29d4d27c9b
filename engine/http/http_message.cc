#include "engine/http/http_message.h"

#include <algorithm>

namespace engine {
namespace {

char Lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

void AppendClean(std::string& out, std::string_view text) {
  for (const char c : text) out.push_back(c == '\r' || c == '\n' || c == '\0' ? ' ' : c);
}

void AppendHeaders(std::string& out, const HttpHeaders& headers) {
  for (const HttpHeader& header : headers.all()) {
    if (EqualsIgnoreCase(header.name, "content-length") ||
        EqualsIgnoreCase(header.name, "transfer-encoding") ||
        EqualsIgnoreCase(header.name, "connection")) {
      continue;
    }
    AppendClean(out, header.name);
    out += ": ";
    AppendClean(out, header.value);
    out += "\r\n";
  }
}

void AppendLength(std::string& out, size_t size) {
  out += "Content-Length: ";
  out += std::to_string(size);
  out += "\r\n";
}

}  // namespace

bool EqualsIgnoreCase(std::string_view left, std::string_view right) {
  return std::equal(left.begin(), left.end(), right.begin(), right.end(),
                    [](char a, char b) { return Lower(a) == Lower(b); });
}

void HttpHeaders::Add(std::string_view name, std::string_view value) {
  all_.push_back({std::string(name), std::string(value)});
}

void HttpHeaders::Set(std::string_view name, std::string_view value) {
  std::erase_if(all_, [&](const HttpHeader& h) { return EqualsIgnoreCase(h.name, name); });
  Add(name, value);
}

const std::string* HttpHeaders::Find(std::string_view name) const {
  for (const HttpHeader& header : all_) {
    if (EqualsIgnoreCase(header.name, name)) return &header.value;
  }
  return nullptr;
}

std::string_view HttpHeaders::Get(std::string_view name) const {
  const std::string* value = Find(name);
  return value == nullptr ? std::string_view() : std::string_view(*value);
}

size_t HttpHeaders::Count(std::string_view name) const {
  size_t count = 0;
  for (const HttpHeader& header : all_) {
    if (EqualsIgnoreCase(header.name, name)) ++count;
  }
  return count;
}

std::string_view HttpRequest::path() const {
  const std::string_view text = target;
  return text.substr(0, text.find('?'));
}

std::string_view HttpRequest::query() const {
  const std::string_view text = target;
  const size_t mark = text.find('?');
  return mark == std::string_view::npos ? std::string_view() : text.substr(mark + 1);
}

std::string_view ReasonPhrase(int status) {
  switch (status) {
    case 100:
      return "Continue";
    case 101:
      return "Switching Protocols";
    case 200:
      return "OK";
    case 201:
      return "Created";
    case 204:
      return "No Content";
    case 304:
      return "Not Modified";
    case 400:
      return "Bad Request";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 408:
      return "Request Timeout";
    case 413:
      return "Payload Too Large";
    case 417:
      return "Expectation Failed";
    case 426:
      return "Upgrade Required";
    case 431:
      return "Request Header Fields Too Large";
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Implemented";
    case 503:
      return "Service Unavailable";
    case 505:
      return "HTTP Version Not Supported";
    default:
      return "Status";
  }
}

std::string Serialize(const HttpRequest& request) {
  std::string out;
  out.reserve(512 + request.body.size());
  AppendClean(out, request.method);
  out += ' ';
  AppendClean(out, request.target);
  out += " HTTP/1.1\r\n";
  AppendHeaders(out, request.headers);
  if (!request.body.empty() || request.method == "POST" || request.method == "PUT") {
    AppendLength(out, request.body.size());
  }
  const bool upgrades = request.headers.Find("upgrade") != nullptr;
  if (upgrades) out += "Connection: Upgrade\r\n";
  if (!upgrades && !request.keep_alive) out += "Connection: close\r\n";
  out += "\r\n";
  out += request.body;
  return out;
}

std::string Serialize(const HttpResponse& response, bool keep_alive, bool with_body) {
  std::string out;
  out.reserve(256 + response.body.size());
  out += "HTTP/1.1 ";
  out += std::to_string(response.status);
  out += ' ';
  out += ReasonPhrase(response.status);
  out += "\r\n";
  AppendHeaders(out, response.headers);
  const bool interim = response.status < 200;
  const bool bodiless = interim || response.status == 204 || response.status == 304;
  if (!bodiless) AppendLength(out, response.body.size());
  if (!keep_alive && !interim) out += "Connection: close\r\n";
  if (response.status == 101) out += "Connection: Upgrade\r\n";
  out += "\r\n";
  if (with_body && !bodiless) out += response.body;
  return out;
}

}  // namespace engine
