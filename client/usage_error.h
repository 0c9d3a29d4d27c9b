// What is said about arguments that the parser did not take: what is wrong with them, what was
// probably meant, and whose --help tells more.

#pragma once

#include <span>
#include <string>

#include "CLI/CLI.hpp"
#include "client/subcommands.h"

namespace client {

// UsageErrorText explains why `app`, which has just refused them with `error`, did not take
// `arguments`.
std::string UsageErrorText(const CLI::App& app, const Subcommands& subcommands,
                           std::span<const std::string> arguments, const CLI::ParseError& error);

// WithHelp is `text` and how the help of `command` is called, of `adit` itself where that is null.
std::string WithHelp(const std::string& text, const Subcommand* command);

// CommandWordIn is the index of the word that names the command, behind the options of `app` and
// their values; the size of `arguments` where there is none.
size_t CommandWordIn(const CLI::App& app, std::span<const std::string> arguments);

}  // namespace client
