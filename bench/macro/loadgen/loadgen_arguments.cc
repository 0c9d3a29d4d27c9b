#include "bench/macro/loadgen/loadgen_arguments.h"

#include <cstdio>
#include <cstdlib>

namespace loadgen {

void Die(const std::string& text) {
  std::fprintf(stderr, "loadgen: %s\n", text.c_str());
  std::exit(1);
}

Arguments::Arguments(int argc, char** argv) {
  int i = 2;
  for (; i < argc; ++i) {
    const std::string word = argv[i];
    if (word == "--") {
      ++i;
      break;
    }
    if (word.starts_with("--")) {
      if (i + 1 >= argc) Die(word + " needs a value");
      options_[word.substr(2)] = argv[++i];
    } else {
      words_.push_back(word);
    }
  }
  for (; i < argc; ++i) command_.push_back(argv[i]);
  command_.push_back(nullptr);
}

std::string Arguments::Text(std::string_view name, std::string_view otherwise) const {
  const auto found = options_.find(name);
  return found == options_.end() ? std::string(otherwise) : found->second;
}

double Arguments::Number(std::string_view name, double otherwise) const {
  const auto found = options_.find(name);
  return found == options_.end() ? otherwise : std::atof(found->second.c_str());
}

int Arguments::Integer(std::string_view name, int otherwise) const {
  return static_cast<int>(Number(name, otherwise));
}

}  // namespace loadgen
