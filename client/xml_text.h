// The XML that a relay answers IAM's and STS's calls with. The bytes are foreign, and few: elements
// without attributes that matter, and lists whose entries are called `member`.

#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace client {

// XmlInner returns what is inside the first element of that name, as it stands: up to its own end,
// over elements of the same name inside it. Nothing when there is none, or when it is not closed.
std::optional<std::string_view> XmlInner(std::string_view xml, std::string_view name);

// XmlElement is XmlInner as text, its character references undone.
std::optional<std::string> XmlElement(std::string_view xml, std::string_view name);

// XmlText is XmlElement, or an empty text.
std::string XmlText(std::string_view xml, std::string_view name);

// XmlMembers returns the entries of the first list of that name, as they stand. A list that is not
// closed ends with its last whole entry.
std::vector<std::string_view> XmlMembers(std::string_view xml, std::string_view list);

}  // namespace client
