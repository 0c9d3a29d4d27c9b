#include "client/table.h"

#include <algorithm>

#include "client/say.h"
#include "engine/base/check.h"

namespace client {
namespace {

size_t WidthOf(const std::string& text) {
  return static_cast<size_t>(std::ranges::count_if(
      text, [](char byte) { return (static_cast<unsigned char>(byte) & 0xC0) != 0x80; }));
}

}  // namespace

Table::Table(std::vector<std::string> headings) : widths_(headings.size()) {
  rows_.push_back(std::move(headings));
  Widen();
}

void Table::AddRow(std::vector<std::string> cells) {
  CHECK(cells.size() == widths_.size());
  for (std::string& cell : cells) cell = cell.empty() ? "-" : Printable(cell);
  rows_.push_back(std::move(cells));
  Widen();
}

void Table::Widen() {
  for (size_t i = 0; i < widths_.size(); ++i) {
    widths_[i] = std::max(widths_[i], WidthOf(rows_.back()[i]));
  }
}

std::string Table::TakeText() {
  std::string text = ToText();
  rows_.clear();
  return text;
}

std::string Table::ToText() const {
  std::string text;
  for (const auto& row : rows_) {
    for (size_t i = 0; i < row.size(); ++i) {
      text += row[i];
      // The last column is not padded: no blanks at the end of a line.
      if (i + 1 < row.size()) text.append(widths_[i] - WidthOf(row[i]) + 2, ' ');
    }
    text += '\n';
  }
  return text;
}

}  // namespace client
