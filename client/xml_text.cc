#include "client/xml_text.h"

namespace client {
namespace {

struct Reference {
  std::string_view name;
  char character;
};

constexpr Reference kReferences[] = {{"&amp;", '&'},  {"&lt;", '<'},    {"&gt;", '>'},
                                     {"&quot;", '"'}, {"&apos;", '\''}, {"&#xD;", '\r'}};

// Unescape undoes the references that the relay writes; any other stays as it is.
std::string Unescape(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    size_t taken = 0;
    for (const auto& [name, character] : kReferences) {
      if (!text.starts_with(name)) continue;
      out.push_back(character);
      taken = name.size();
    }
    if (taken == 0) {
      out.push_back(text.front());
      taken = 1;
    }
    text.remove_prefix(taken);
  }
  return out;
}

// Taken is one element cut off the front of a text: what is inside, and what is behind.
struct Taken {
  std::string_view inner;
  std::string_view rest;
};

std::optional<Taken> Take(std::string_view xml, std::string_view name) {
  const std::string open = "<" + std::string(name) + ">";
  const std::string close = "</" + std::string(name) + ">";
  const size_t begin = xml.find(open);
  if (begin == std::string_view::npos) return std::nullopt;
  const std::string_view inside = xml.substr(begin + open.size());
  size_t depth = 1;
  size_t at = 0;
  while (true) {
    const size_t end = inside.find(close, at);
    if (end == std::string_view::npos) return std::nullopt;
    const size_t nested = inside.find(open, at);
    if (nested < end) {
      ++depth;
      at = nested + open.size();
    } else if (--depth == 0) {
      return Taken{.inner = inside.substr(0, end), .rest = inside.substr(end + close.size())};
    } else {
      at = end + close.size();
    }
  }
}

}  // namespace

std::optional<std::string_view> XmlInner(std::string_view xml, std::string_view name) {
  const std::optional<Taken> taken = Take(xml, name);
  if (!taken.has_value()) return std::nullopt;
  return taken->inner;
}

std::optional<std::string> XmlElement(std::string_view xml, std::string_view name) {
  const std::optional<std::string_view> inner = XmlInner(xml, name);
  if (!inner.has_value()) return std::nullopt;
  return Unescape(*inner);
}

std::string XmlText(std::string_view xml, std::string_view name) {
  return XmlElement(xml, name).value_or("");
}

std::vector<std::string_view> XmlMembers(std::string_view xml, std::string_view list) {
  std::vector<std::string_view> members;
  std::optional<Taken> taken = Take(XmlInner(xml, list).value_or(std::string_view()), "member");
  while (taken.has_value()) {
    members.push_back(taken->inner);
    taken = Take(taken->rest, "member");
  }
  return members;
}

}  // namespace client
