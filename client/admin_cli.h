// The part of the command line that administers a relay: documents, activations, policies, users.

#pragma once

#include <optional>
#include <string>

#include "client/client_options.h"
#include "client/subcommands.h"

namespace client {

class AdminCli {
 public:
  // Adds the commands; CLI11 keeps references to this. `json` is set by --json.
  AdminCli(Subcommands& subcommands, bool& json);
  AdminCli(const AdminCli&) = delete;
  AdminCli& operator=(const AdminCli&) = delete;

  // Command returns what was asked for, or nothing when `name` is no command of these.
  std::optional<Command> CommandOf(const std::string& name, OutputFormat format) const;

 private:
  void AddDocuments(Subcommands& subcommands, bool& json);
  void AddActivate(Subcommands& subcommands);

  DocumentOptions document_;
  ActivateOptions activate_;
};

}  // namespace client
