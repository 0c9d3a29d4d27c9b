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
}

void AdminCli::AddDocuments(Subcommands& subcommands, bool& json) {
  CLI::App* group = subcommands.AddGroup("doc", "Session documents: what a session may be");
  const auto add = [&](const char* name, const char* what, std::string_view usage) {
    return subcommands.AddTo(group, name, what, kDocHelp, usage);
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
  return std::nullopt;
}

}  // namespace client
