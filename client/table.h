#pragma once

#include <string>
#include <vector>

namespace client {

// Table lays text out in columns for people: left-aligned, two spaces between, headings in
// capitals. Cells are made printable; width is counted in code points.
class Table {
 public:
  explicit Table(std::vector<std::string> headings);

  // AddRow adds one line. Requires: as many cells as there are headings.
  void AddRow(std::vector<std::string> cells);

  // ToText returns all lines, each ended by a line feed.
  std::string ToText() const;

  // TakeText is ToText for a table that grows: the lines since the last call, the headings before
  // the first alone. Columns do not become narrower.
  std::string TakeText();

 private:
  void Widen();

  std::vector<std::vector<std::string>> rows_;
  std::vector<size_t> widths_;
};

}  // namespace client
