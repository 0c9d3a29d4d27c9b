// The command line of the load generator: `loadgen MODE [--option value]... [word]... [--
// command...]`.

#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace loadgen {

// Die prints the text on standard error and ends the program with 1.
[[noreturn]] void Die(const std::string& text);

class Arguments {
 public:
  // Reads all words after the mode; dies on an option without a value.
  Arguments(int argc, char** argv);

  std::string Text(std::string_view name, std::string_view otherwise) const;
  double Number(std::string_view name, double otherwise) const;
  int Integer(std::string_view name, int otherwise) const;

  const std::vector<std::string>& words() const { return words_; }

  // The words after `--`, as execvp wants them: with a null pointer at the end.
  const std::vector<char*>& command() const { return command_; }
  bool has_command() const { return command_.front() != nullptr; }

 private:
  std::map<std::string, std::string, std::less<>> options_;
  std::vector<std::string> words_;
  std::vector<char*> command_;
};

}  // namespace loadgen
