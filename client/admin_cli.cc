#include "client/admin_cli.h"

#include "client/help_text.h"

namespace client {
namespace {

void AddJson(CLI::App* sub, bool& json) { sub->add_flag("--json", json, "One JSON object a line"); }

void AddName(CLI::App* sub, std::string& name, const char* what) {
  sub->add_option("name", name, what)->required()->type_name("NAME");
}

void AddMany(CLI::App* sub, const char* flag, std::vector<std::string>& values, const char* what,
             const char* type) {
  sub->add_option(flag, values, what)
      ->type_name(type)
      ->expected(1)
      ->allow_extra_args(false)
      ->take_all();
}

}  // namespace

AdminCli::AdminCli(Subcommands& subcommands, bool& json) {
  AddDocuments(subcommands, json);
  AddActivate(subcommands);
  AddPolicies(subcommands, json);
  AddUsers(subcommands, json);
  subcommands.Add("configure", "Say which relay and which key, on the terminal", kConfigureHelp,
                  "configure [OPTIONS]");
}

void AdminCli::AddDocuments(Subcommands& subcommands, bool& json) {
  CLI::App* group = subcommands.AddGroup("doc", "Session documents: what a session may be");
  const auto add = [&](const char* name, const char* what, std::string_view usage) {
    return subcommands.AddTo(group, name, what, usage);
  };
  AddJson(add("list", "All documents", "doc list [OPTIONS]"), json);
  CLI::App* sub = add("show", "Print a document's content", "doc show [OPTIONS] NAME");
  AddName(sub, document_.name, "The document");
  sub->add_option("--version", document_.version, "Not the default one")->type_name("N");
  sub = add("put", "Make a document, or a new version of it", "doc put [OPTIONS] NAME FILE");
  AddName(sub, document_.name, "The document");
  sub->add_option("file", document_.file, "JSON or YAML; - for the standard input")
      ->required()
      ->type_name("FILE");
  sub->add_flag("--no-default", document_.keeps_default, "Leave the default version as it is");
  sub = add("delete", "Delete a document, or one version", "doc delete [OPTIONS] NAME");
  AddName(sub, document_.name, "The document");
  sub->add_option("--version", document_.version, "Only this one")->type_name("N");
  sub = add("versions", "The versions of a document", "doc versions [OPTIONS] NAME");
  AddName(sub, document_.name, "The document");
  AddJson(sub, json);
  sub = add("default", "Choose the version that sessions take", "doc default NAME N");
  AddName(sub, document_.name, "The document");
  sub->add_option("version", document_.version, "The version")->required()->type_name("N");
  subcommands.EndGroup(group, kDocHelp, "doc COMMAND ...");
}

void AdminCli::AddActivate(Subcommands& subcommands) {
  CLI::App* sub = subcommands.Add("activate", "A line that enrols a new node", kActivateHelp,
                                  "activate [OPTIONS]");
  sub->add_option("--name", activate_.name, "What the node is called, unless it says itself")
      ->type_name("NAME");
  sub->add_option("--description", activate_.description, "What it is for")->type_name("TEXT");
  sub->add_option("--role", activate_.role, "The nodes' role")->type_name("ROLE");
  sub->add_option("--limit", activate_.limit, "How many nodes may use it")
      ->type_name("N")
      ->check(CLI::Range(1U, 1000U));
  sub->add_option("--expires", activate_.expires, "As 12h, 7d or 2026-11-27T10:00:00Z")
      ->type_name("TIME");
  AddMany(sub, "--tag", activate_.tags, "A tag of the nodes, which policies look at", "KEY=VALUE");
}

void AdminCli::AddSubject(CLI::App* sub, bool is_required) {
  CLI::Option_group* whose = sub->add_option_group("whose");
  whose->add_option("--user", user_name_, "A user")->type_name("NAME");
  whose->add_option("--group", group_name_, "A group")->type_name("NAME");
  whose->add_option("--role", role_name_, "A role")->type_name("NAME");
  whose->require_option(is_required ? 1 : 0, 1);
}

void AdminCli::AddPolicies(Subcommands& subcommands, bool& json) {
  CLI::App* group = subcommands.AddGroup("policy", "Who may do what, and why");
  const auto add = [&](const char* name, const char* what, std::string_view usage) {
    return subcommands.AddTo(group, name, what, usage);
  };
  CLI::App* sub = add("list", "All policies, or those that somebody has", "policy list [OPTIONS]");
  AddSubject(sub, /*is_required=*/false);
  AddJson(sub, json);
  sub = add("show", "Print a policy", "policy show NAME");
  AddName(sub, policy_.name, "The policy");
  sub = add("put", "Make a policy, or replace it", "policy put NAME FILE");
  AddName(sub, policy_.name, "The policy");
  sub->add_option("file", policy_.file, "JSON, as IAM has it; - for the standard input")
      ->required()
      ->type_name("FILE");
  sub = add("delete", "Delete a policy that nobody has", "policy delete NAME");
  AddName(sub, policy_.name, "The policy");
  sub = add("attach", "Give somebody a policy", "policy attach NAME --user NAME");
  AddName(sub, policy_.name, "The policy");
  AddSubject(sub, /*is_required=*/true);
  sub = add("detach", "Take a policy from somebody", "policy detach NAME --user NAME");
  AddName(sub, policy_.name, "The policy");
  AddSubject(sub, /*is_required=*/true);
  sub = add("simulate", "Would it be allowed, and by which statement",
            "policy simulate --user NAME [OPTIONS] [ACTION] [RESOURCE ...]");
  AddSubject(sub, /*is_required=*/false);
  sub->add_option("--file", policy_.file, "A policy of a file, instead of somebody's")
      ->type_name("FILE");
  sub->add_option("--node", policy_.node, "A session on this node, its tags included")
      ->type_name("NODE");
  sub->add_option("--document", policy_.document, "Under this document")->type_name("NAME");
  AddMany(sub, "--context", policy_.context, "What a condition looks at", "KEY=VALUE");
  sub->add_option("action", policy_.action, "Such as ssm:TerminateSession")->type_name("ACTION");
  sub->add_option("resource", policy_.resources, "ARNs")->type_name("RESOURCE ...");
  subcommands.EndGroup(group, kPolicyHelp, "policy COMMAND ...");
}

void AdminCli::AddUsers(Subcommands& subcommands, bool& json) {
  CLI::App* group = subcommands.AddGroup("user", "Who there is, and with which keys");
  const auto add = [&](const char* name, const char* what, std::string_view usage) {
    CLI::App* sub = subcommands.AddTo(group, name, what, usage);
    if (std::string_view(name) != "list") AddName(sub, user_.name, "The user");
    return sub;
  };
  add("add", "Make a user, with a key", "user add [OPTIONS] NAME")
      ->add_option("--policy", user_.policy, "What the user may do; none for nothing yet")
      ->type_name("NAME");
  AddJson(add("list", "All users", "user list [OPTIONS]"), json);
  add("delete", "Delete a user, with keys and policies", "user delete NAME");
  add("key", "Make one more key", "user key NAME");
  AddJson(add("keys", "The keys of a user", "user keys [OPTIONS] NAME"), json);
  CLI::App* revoke =
      add("revoke", "Delete a key, and end what it opened", "user revoke [OPTIONS] NAME KEY");
  revoke->add_option("key", user_.key_id, "Its id")->required()->type_name("KEY");
  revoke->add_flag("--force", user_.is_forced, "The key that you use, too");
  add("mfa", "Ask a user for codes of a device, too", "user mfa NAME");
  subcommands.EndGroup(group, kUserHelp, "user COMMAND ...");
}

PolicyOptions AdminCli::Policy(PolicyOptions::Verb verb, OutputFormat format) const {
  using Kind = IamSubject::Kind;
  PolicyOptions options = policy_;
  options.verb = verb;
  options.format = format;
  if (!user_name_.empty()) options.subject = {Kind::kUser, user_name_};
  if (!group_name_.empty()) options.subject = {Kind::kGroup, group_name_};
  if (!role_name_.empty()) options.subject = {Kind::kRole, role_name_};
  return options;
}

std::optional<Command> AdminCli::CommandOf(const std::string& name, OutputFormat format) const {
  using Verb = DocumentOptions::Verb;
  constexpr struct {
    const char* name;
    Verb verb;
  } kDocumentVerbs[] = {{"doc list", Verb::kList},         {"doc show", Verb::kShow},
                        {"doc put", Verb::kPut},           {"doc delete", Verb::kDelete},
                        {"doc versions", Verb::kVersions}, {"doc default", Verb::kDefault}};
  for (const auto& known : kDocumentVerbs) {
    if (name != known.name) continue;
    DocumentOptions options = document_;
    options.verb = known.verb;
    options.format = format;
    return options;
  }
  if (name == "activate") return activate_;
  if (name == "configure") return ConfigureOptions{};
  using PolicyVerb = PolicyOptions::Verb;
  constexpr struct {
    const char* name;
    PolicyVerb verb;
  } kPolicyVerbs[] = {
      {"policy list", PolicyVerb::kList},        {"policy show", PolicyVerb::kShow},
      {"policy put", PolicyVerb::kPut},          {"policy delete", PolicyVerb::kDelete},
      {"policy attach", PolicyVerb::kAttach},    {"policy detach", PolicyVerb::kDetach},
      {"policy simulate", PolicyVerb::kSimulate}};
  for (const auto& known : kPolicyVerbs) {
    if (name == known.name) return Policy(known.verb, format);
  }
  using UserVerb = UserOptions::Verb;
  constexpr struct {
    const char* name;
    UserVerb verb;
  } kUserVerbs[] = {{"user add", UserVerb::kAdd},       {"user list", UserVerb::kList},
                    {"user delete", UserVerb::kDelete}, {"user key", UserVerb::kKey},
                    {"user keys", UserVerb::kKeys},     {"user revoke", UserVerb::kRevoke},
                    {"user mfa", UserVerb::kMfa}};
  for (const auto& known : kUserVerbs) {
    if (name != known.name) continue;
    UserOptions options = user_;
    options.verb = known.verb;
    options.format = format;
    return options;
  }
  return std::nullopt;
}

}  // namespace client
