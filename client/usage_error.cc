#include "client/usage_error.h"

#include <algorithm>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "client/node_choice.h"
#include "client/say.h"
#include "engine/wire/command_line.h"

namespace client {
namespace {

bool IsOption(std::string_view argument) { return argument.size() > 1 && argument[0] == '-'; }

// What is long may be a pasted line, and the secret stands at the end of it.
std::string Quoted(std::string_view foreign) {
  constexpr size_t kShownMax = 40;
  const bool is_long = foreign.size() > kShownMax;
  return "'" + Printable(foreign.substr(0, kShownMax)) + (is_long ? "..." : "") + "'";
}

// Nearest is what comes so near to `wanted` that it may have been meant: a slip of one letter, two
// letters that have changed places, or a beginning that only one has.
std::optional<std::string> Nearest(const std::vector<std::string>& names, std::string_view wanted) {
  constexpr size_t kBeginningMin = 2;
  std::vector<std::string> begun;
  if (wanted.size() >= kBeginningMin) {
    std::ranges::copy_if(names, std::back_inserter(begun),
                         [&](const auto& name) { return name.starts_with(wanted); });
  }
  if (begun.size() == 1) return begun.front();
  const auto distance = [&](const std::string& name) { return EditDistance(name, wanted); };
  const auto nearest = std::ranges::min_element(names, {}, distance);
  const size_t slips_max = wanted.size() < 4 ? 1 : 2;
  if (nearest == names.end() || distance(*nearest) > slips_max) return std::nullopt;
  return *nearest;
}

std::string CommandMeant(const std::vector<std::string>& names, std::string_view word) {
  const auto nearest = Nearest(names, word);
  return nearest.has_value() ? "; did you mean " + *nearest + "?" : "";
}

// The long options of `app`, without their dashes. What it groups is its own, too.
std::vector<std::string> OptionsOf(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::Option* option : app.get_options()) {
    std::ranges::copy(option->get_lnames(), std::back_inserter(names));
  }
  for (const CLI::App* group : app.get_subcommands([](const CLI::App*) { return true; })) {
    if (group->get_name().empty()) std::ranges::copy(OptionsOf(*group), std::back_inserter(names));
  }
  return names;
}

std::vector<std::string> CommandsOf(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; })) {
    if (!command->get_name().empty()) names.push_back(command->get_name());
  }
  return names;
}

// TakesValue is true where the argument behind `argument` is the value of an option of `app`.
bool TakesValue(const CLI::App& app, const std::string& argument) {
  const CLI::Option* option = app.get_option_no_throw(argument);
  return option != nullptr && option->get_items_expected_min() > 0;
}

struct Refused {
  const CLI::App& app;
  const Subcommand* chosen;  // None: no command was recognised.
  std::span<const std::string> arguments;
  std::vector<std::string> rest;  // What nobody took, as it was written.
};

std::string OptionMeant(const std::vector<std::string>& names, std::string_view name) {
  if (!name.starts_with("--")) return {};
  const auto nearest = Nearest(names, name.substr(2));
  return nearest.has_value() ? "; did you mean --" + *nearest + "?" : "";
}

std::string UnknownOption(const Refused& refused, const std::string& argument) {
  const std::string name = argument.substr(0, argument.find('='));
  const auto at = std::ranges::find(refused.arguments, argument) - refused.arguments.begin();
  const bool is_of_adit = refused.chosen == nullptr ||
                          static_cast<size_t>(at) < CommandWordIn(refused.app, refused.arguments);
  std::vector<std::string> names = OptionsOf(refused.app);
  if (is_of_adit) {
    const bool is_misplaced =
        refused.chosen != nullptr && refused.chosen->app->get_option_no_throw(name) != nullptr;
    if (!is_misplaced) {
      return WithHelp("adit has no option " + Printable(name) + OptionMeant(names, name), nullptr);
    }
    const std::string command = "adit " + refused.chosen->name;
    return WithHelp("the option " + name + " stands behind the command, as in: " + command + " " +
                        name + " ...",
                    refused.chosen);
  }
  std::ranges::copy(OptionsOf(*refused.chosen->app), std::back_inserter(names));
  return WithHelp("adit " + refused.chosen->name + " has no option " + Printable(name) +
                      OptionMeant(names, name),
                  refused.chosen);
}

// A word too many.
std::string UnexpectedWord(const Refused& refused, size_t first) {
  const std::string& name = refused.chosen->name;
  const std::string& word = refused.rest[first];
  if (name == "login") {
    return WithHelp(
        "the adit-login line is read from the standard input, not from the arguments, where every "
        "user of this machine could see it: call `adit login`, and paste it then",
        refused.chosen);
  }
  if (name == "shell") {  // As `ssh HOST COMMAND`.
    const auto node = refused.chosen->app->get_option("node")->as<std::string>();
    const std::vector<std::string> command(refused.rest.begin() + static_cast<ptrdiff_t>(first),
                                           refused.rest.end());
    return WithHelp("adit shell takes a node and no command; one is run by: adit exec " +
                        Printable(node) + " -- " + Printable(engine::JoinCommand(command)),
                    refused.chosen);
  }
  const CLI::App& app = *refused.chosen->app;
  if (const auto commands = CommandsOf(app); !commands.empty()) {
    return WithHelp(
        "adit " + name + " has no command " + Quoted(word) + CommandMeant(commands, word),
        refused.chosen);
  }
  return WithHelp("adit " + name + " does not take " + Quoted(word) + ", as in: adit " +
                      std::string(refused.chosen->usage),
                  refused.chosen);
}

// OfHabit is what does here what a word of other tools does there; empty: it is none.
std::string_view OfHabit(std::string_view word) {
  constexpr std::pair<std::string_view, std::string_view> kHabits[] = {
      {"list", "`adit nodes` lists nodes, `adit sessions` sessions"},
      {"ls", "`adit nodes` lists nodes, `adit sessions` sessions"},
      {"status", "`adit nodes` shows which nodes are online, `adit sessions` who is where"},
      {"run", "a command is run by: adit exec NODE -- COMMAND"},
      {"tunnel", "a port is forwarded by: adit forward NODE LOCAL:PORT"},
      {"port-forward", "a port is forwarded by: adit forward NODE LOCAL:PORT"},
      {"scp", "files go through tar and `adit exec`, or through scp and `adit proxy`"},
      {"cp", "files go through tar and `adit exec`, or through scp and `adit proxy`"},
      {"log", "what was done, and by whom, is shown by: adit audit tail"},
      {"logs", "what was done, and by whom, is shown by: adit audit tail"}};
  for (const auto& [habit, text] : kHabits) {
    if (word == habit) return text;
  }
  return {};
}

// No command was recognised, or only behind a word that is none.
std::string NoCommand(const Refused& refused) {
  const size_t at = CommandWordIn(refused.app, refused.arguments);
  if (at == refused.arguments.size()) return WithHelp("a command is missing", nullptr);
  const std::string& word = refused.arguments[at];
  if (word == "logout") {
    return WithHelp(
        "there is no command 'logout': what `adit login` keeps is in ~/.config/adit; to end a key "
        "for good, whoever runs the relay revokes it: adit user revoke NAME KEY",
        nullptr);
  }
  if (const std::string_view habit = OfHabit(word); !habit.empty()) {
    return WithHelp("there is no command " + Quoted(word) + "; " + std::string(habit), nullptr);
  }
  // No command has a digit or a dot; nodes often do.
  const bool is_node = word.find_first_of(".0123456789") != std::string::npos;
  const std::string meant = CommandMeant(CommandsOf(refused.app), word);
  if (!meant.empty() && !is_node)
    return WithHelp("there is no command " + Quoted(word) + meant, nullptr);
  return WithHelp(
      "there is no command " + Quoted(word) + "; a shell on a node is opened by: adit shell NODE",
      nullptr);
}

std::string Missing(const Refused& refused, std::string_view said) {
  const CLI::App& app = *refused.chosen->app;
  const std::string command = "adit " + refused.chosen->name;
  if (const auto commands = CommandsOf(app); !commands.empty() && app.get_subcommands().empty()) {
    std::string list;
    for (const std::string& each : commands) list += (list.empty() ? "" : ", ") + each;
    return WithHelp(command + " needs one of its commands: " + list, refused.chosen);
  }
  for (const CLI::Option* option : app.get_options()) {
    if (!option->get_required() || option->count() > 0) continue;
    return WithHelp(command + " needs " + option->get_type_name() + ", as in: adit " +
                        std::string(refused.chosen->usage),
                    refused.chosen);
  }
  return WithHelp(Printable(said), refused.chosen);
}

}  // namespace

size_t CommandWordIn(const CLI::App& app, std::span<const std::string> arguments) {
  for (size_t i = 0; i < arguments.size(); ++i) {
    if (!IsOption(arguments[i])) return i;
    if (TakesValue(app, arguments[i])) ++i;
  }
  return arguments.size();
}

std::string WithHelp(const std::string& text, const Subcommand* command) {
  return text + "\nadit" + (command == nullptr ? "" : " " + command->name) +
         " --help shows how to call it";
}

std::string UsageErrorText(const CLI::App& app, const Subcommands& subcommands,
                           std::span<const std::string> arguments, const CLI::ParseError& error) {
  Refused refused{app, subcommands.Chosen(), arguments, app.remaining(/*recurse=*/true)};
  std::erase(refused.rest, "--");
  const auto option = std::ranges::find_if(refused.rest, IsOption);
  const auto word = std::ranges::find_if_not(refused.rest, IsOption);
  if (option < word) return UnknownOption(refused, *option);
  const bool is_missing = dynamic_cast<const CLI::RequiredError*>(&error) != nullptr;
  if (refused.chosen == nullptr) {
    return is_missing ? NoCommand(refused) : WithHelp(Printable(error.what()), nullptr);
  }
  const std::string& name = refused.chosen->name;
  const size_t at = CommandWordIn(app, arguments);
  if (at < arguments.size() && arguments[at] != name.substr(0, name.find(' '))) {
    return NoCommand(refused);  // Another word stands before it.
  }
  if (word != refused.rest.end()) {
    return UnexpectedWord(refused, static_cast<size_t>(word - refused.rest.begin()));
  }
  if (is_missing) return Missing(refused, error.what());
  // CLI11 says first which option it is about.
  const std::string said = error.what();
  const std::string about = said.substr(0, said.find(':'));
  const bool is_of_adit = about.starts_with("--") && app.get_option_no_throw(about) != nullptr;
  return WithHelp(Printable(said), is_of_adit ? nullptr : refused.chosen);
}

}  // namespace client
