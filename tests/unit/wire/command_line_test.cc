// Goal: a joined line splits into exactly the same arguments, so that equal lines mean equal lists.
// Method: known answers, and a small POSIX word splitter over seeded argument lists.

#include "engine/wire/command_line.h"

#include <gtest/gtest.h>

#include <vector>

#include "engine/base/random.h"

namespace engine {
namespace {

using Arguments = std::vector<std::string>;

// Split understands what POSIX, Shell Command Language, section 2.2 says of ', \ and blanks.
Arguments Split(const std::string& line) {
  Arguments words;
  std::string word;
  bool in_word = false;
  for (size_t i = 0; i < line.size(); ++i) {
    if (line[i] == ' ') {
      if (in_word) words.push_back(word);
      word.clear();
      in_word = false;
      continue;
    }
    in_word = true;
    if (line[i] == '\'') {
      const size_t end = line.find('\'', i + 1);
      word += line.substr(i + 1, end - i - 1);
      i = end;
    } else {
      if (line[i] == '\\') ++i;
      word += line[i];
    }
  }
  if (in_word) words.push_back(word);
  return words;
}

TEST(JoinCommand, QuotesOnlyWhatAShellWouldTouch) {
  EXPECT_EQ(JoinCommand(Arguments{}), "");
  EXPECT_EQ(JoinCommand(Arguments{"uname", "-a"}), "uname -a");
  EXPECT_EQ(JoinCommand(Arguments{"sh", "-c", "exit 7"}), "sh -c 'exit 7'");
  EXPECT_EQ(JoinCommand(Arguments{"echo", ""}), "echo ''");
  EXPECT_EQ(JoinCommand(Arguments{"echo", "it's"}), "echo 'it'\\''s'");
  EXPECT_EQ(JoinCommand(Arguments{"a=b", "~", "$x", "*", "#", "é"}), "'a=b' '~' '$x' '*' '#' 'é'");
}

TEST(JoinCommand, IsUndoneByAShellsSplitting) {
  constexpr std::string_view kAlphabet = "ab '\"\\$`\n\t*?[]{}()<>|&;#~=!%^-";
  Random random(3);
  for (int i = 0; i < 5'000; ++i) {
    Arguments arguments(random.Range(1, 5));
    for (std::string& argument : arguments) {
      argument.resize(random.Range(0, 8));
      for (char& c : argument) c = kAlphabet[random.Range(0, kAlphabet.size() - 1)];
    }
    EXPECT_EQ(Split(JoinCommand(arguments)), arguments) << JoinCommand(arguments);
  }
}

}  // namespace
}  // namespace engine
