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
  void AddPolicies(Subcommands& subcommands, bool& json);
  void AddUsers(Subcommands& subcommands, bool& json);
  void AddSubject(CLI::App* sub, bool is_required);
  PolicyOptions Policy(PolicyOptions::Verb verb, OutputFormat format) const;

  DocumentOptions document_;
  ActivateOptions activate_;
  PolicyOptions policy_;
  UserOptions user_;
  std::string user_name_, group_name_, role_name_;  // Of whom a policy is meant.
};

}  // namespace client
