#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "CLI/CLI.hpp"
#include "client/help_text.h"

namespace client {

struct Subcommand {
  CLI::App* app;
  std::string name;  // "shell", "audit verify"
  std::string_view help;
  std::string_view usage;  // What follows "adit [OPTIONS]".
};

// Subcommands are all that a parser knows. Those of a group stand before the group: the first that
// was parsed is the one that was chosen.
class Subcommands {
 public:
  explicit Subcommands(CLI::App& app) : app_(app) {}

  CLI::App* Add(const char* name, const char* what, std::string_view help, std::string_view usage) {
    CLI::App* sub = app_.add_subcommand(name, what);
    sub->fallthrough();
    all_.push_back({sub, name, help, usage});
    return sub;
  }

  // AddGroup begins a group, and EndGroup ends it, when AddTo has added what it consists of.
  CLI::App* AddGroup(const char* name, const char* what) {
    CLI::App* group = app_.add_subcommand(name, what);
    group->fallthrough();
    group->require_subcommand(1);
    return group;
  }
  CLI::App* AddTo(CLI::App* group, const char* name, const char* what, std::string_view usage) {
    CLI::App* sub = group->add_subcommand(name, what);
    sub->fallthrough();
    const std::string full_name = group->get_name() + " " + name;
    all_.push_back({sub, full_name, VerbHelp(full_name), usage});
    return sub;
  }
  void EndGroup(CLI::App* group, std::string_view help, std::string_view usage) {
    all_.push_back({group, group->get_name(), help, usage});
  }

  const Subcommand* Chosen() const {
    for (const Subcommand& subcommand : all_) {
      if (subcommand.app->parsed()) return &subcommand;
    }
    return nullptr;
  }

 private:
  CLI::App& app_;
  std::vector<Subcommand> all_;
};

}  // namespace client
