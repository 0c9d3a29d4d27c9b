// Text as std::string_view, compared without regard to case, or put together. (Debian's abseil has
// a string_view of its own, which its functions want.)

#pragma once

#include <initializer_list>
#include <string>
#include <string_view>

namespace relay::policy {

std::string Concat(std::initializer_list<std::string_view> parts);

constexpr char LowerCase(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}
std::string LowerCase(std::string_view text);

// Letters of other alphabets are compared as they are.
bool EqualsIgnoringCase(std::string_view a, std::string_view b);
bool StartsWithIgnoringCase(std::string_view text, std::string_view start);
bool EndsWithIgnoringCase(std::string_view text, std::string_view end);

bool IsDigit(char c);
bool IsAlphanumeric(char c);

}  // namespace relay::policy
