#include "relay/api/query_body.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <nlohmann/json.hpp>
#include <string>

#include "engine/base/utf8.h"

namespace relay {
namespace {

using Json = nlohmann::json;

constexpr std::string_view kListMark = "member";

ApiError Malformed(const char* what) {
  return {"MalformedQueryString", std::string("The request's body is malformed: ") + what};
}

int HexValue(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::optional<std::string> Decode(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+') {
      out.push_back(' ');
    } else if (text[i] != '%') {
      out.push_back(text[i]);
    } else {
      if (i + 2 >= text.size()) return std::nullopt;
      const int high = HexValue(text[i + 1]);
      const int low = HexValue(text[i + 2]);
      if (high < 0 || low < 0) return std::nullopt;
      out.push_back(static_cast<char>(high * 16 + low));
      i += 2;
    }
  }
  if (!engine::IsUtf8(engine::AsBytes(out))) return std::nullopt;
  return out;
}

// Names are those of members, with dots and numbers between them. Nothing else may come near an
// answer or a record.
bool IsName(std::string_view name) {
  return std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '-' || c == '_';
  });
}

// Put sets the text at the end of a dotted name. False: something else is there, or the name has an
// empty part or too many.
bool Put(Json& root, std::string_view name, std::string value) {
  Json* place = &root;
  for (size_t depth = 0; depth < kQueryDepthMax; ++depth) {
    const size_t dot = name.find('.');
    const std::string part(name.substr(0, dot));
    if (part.empty() || !place->is_object()) return false;
    Json& child = (*place)[part];
    if (dot == std::string_view::npos) {
      if (!child.is_null()) return false;
      child = std::move(value);
      return true;
    }
    if (child.is_null()) child = Json::object();
    place = &child;
    name.remove_prefix(dot + 1);
  }
  return false;
}

// AsList makes a list of {"member": {"1": ..., "2": ...}}. Nothing: it is something else.
std::optional<Json> AsList(Json& object) {
  if (object.size() != 1 || object.begin().key() != kListMark) return std::nullopt;
  Json& members = object.begin().value();
  if (!members.is_object()) return std::nullopt;
  std::map<uint32_t, Json*> in_order;
  for (auto& [number, value] : members.items()) {
    uint32_t index = 0;
    const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), index);
    if (error != std::errc() || end != number.data() + number.size()) return std::nullopt;
    if (!in_order.emplace(index, &value).second) return std::nullopt;
  }
  Json list = Json::array();
  for (const auto& [index, value] : in_order) list.push_back(std::move(*value));
  return list;
}

void MakeLists(Json& json) {
  if (!json.is_object()) return;
  for (auto& [name, value] : json.items()) {
    MakeLists(value);
    if (value.is_object() && value.size() == 1 && value.begin().key() == kListMark) {
      for (auto& [number, member] : value.begin().value().items()) MakeLists(member);
      if (std::optional<Json> list = AsList(value)) value = *std::move(list);
    }
  }
}

}  // namespace

std::optional<ApiError> ParseQueryBody(std::string_view body, Json& out) {
  out = Json::object();
  size_t pairs = 0;
  while (!body.empty()) {
    const size_t end = body.find('&');
    const std::string_view pair = body.substr(0, end);
    body = end == std::string_view::npos ? std::string_view() : body.substr(end + 1);
    if (pair.empty()) continue;
    if (++pairs > kQueryPairsMax) return Malformed("it has too many parameters.");
    const size_t equals = pair.find('=');
    const std::optional<std::string> name = Decode(pair.substr(0, equals));
    std::optional<std::string> value =
        Decode(equals == std::string_view::npos ? std::string_view() : pair.substr(equals + 1));
    if (!name.has_value() || !value.has_value()) {
      return Malformed("a parameter is not percent-encoded UTF-8.");
    }
    if (name->size() > kQueryNameSizeMax) return Malformed("a parameter's name is too long.");
    if (!IsName(*name)) return Malformed("a parameter's name has a character that no name has.");
    if (!Put(out, *name, *std::move(value))) {
      return Malformed("a parameter is there twice, or its name has an empty part.");
    }
  }
  MakeLists(out);
  return std::nullopt;
}

}  // namespace relay
