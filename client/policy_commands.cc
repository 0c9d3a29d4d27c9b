#include "client/policy_commands.h"

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "client/action_names.h"
#include "client/command_output.h"
#include "client/config_file.h"
#include "client/iam_calls.h"
#include "client/policy_simulation.h"
#include "client/relay_access.h"
#include "client/say.h"
#include "client/table.h"
#include "client/uri_text.h"
#include "client/xml_text.h"

namespace client {
namespace {

int List(ApiClient& api, const PolicyOptions& options) {
  const bool of_all = options.subject.name.empty();
  const std::string noun = NounOf(options.subject);
  const std::string action = of_all ? "ListPolicies" : "ListAttached" + noun + "Policies";
  ApiClient::Form form;
  if (!of_all) form.emplace_back(noun + "Name", options.subject.name);
  const auto policies =
      IamList(api, action.c_str(), std::move(form), of_all ? "Policies" : "AttachedPolicies");
  if (!policies.ok()) return Fail(policies.status());
  if (policies->empty() && options.format == OutputFormat::kTable) {
    Say(of_all ? "there is no policy" : Printable(options.subject.name) + " has no policy");
    return 0;
  }
  std::string lines;
  Table table({"NAME", "VERSION", "ATTACHED", "ARN"});
  for (const std::string& entry : *policies) {
    const std::string name = XmlText(entry, "PolicyName");
    const std::string arn = XmlText(entry, of_all ? "Arn" : "PolicyArn");
    const std::string version = XmlText(entry, "DefaultVersionId");
    const std::string count = XmlText(entry, "AttachmentCount");
    if (options.format == OutputFormat::kJson) {
      lines += JsonLine({{"name", name}, {"arn", arn}, {"version", version}, {"attached", count}});
    } else {
      table.AddRow({name, version, count, arn});
    }
  }
  return Print(options.format == OutputFormat::kJson ? lines : table.ToText());
}

int Show(ApiClient& api, const PolicyOptions& options) {
  const absl::StatusOr<std::string> arn = FindPolicyArn(api, options.name);
  if (!arn.ok()) return Fail(arn.status());
  const auto policy = api.CallIam("GetPolicy", {{"PolicyArn", *arn}});
  if (!policy.ok()) return Fail(policy.status());
  const auto version =
      api.CallIam("GetPolicyVersion",
                  {{"PolicyArn", *arn}, {"VersionId", XmlText(*policy, "DefaultVersionId")}});
  if (!version.ok()) return Fail(version.status());
  std::string document = UriDecoded(XmlText(*version, "Document"));
  if (!document.ends_with('\n')) document += '\n';
  return Print(document);
}

// DropOldestVersion makes room for one more: a policy has five at most.
absl::Status DropOldestVersion(ApiClient& api, const std::string& arn) {
  const auto versions = IamList(api, "ListPolicyVersions", {{"PolicyArn", arn}}, "Versions");
  if (!versions.ok()) return versions.status();
  std::string oldest;
  std::string oldest_time;
  for (const std::string& entry : *versions) {
    if (XmlText(entry, "IsDefaultVersion") == "true") continue;
    const std::string id = XmlText(entry, "VersionId");
    const std::string time = XmlText(entry, "CreateDate");
    // Of the same second, the smaller number.
    const auto key = [](const std::string& when, const std::string& version) {
      return std::pair(when, std::pair(version.size(), version));
    };
    if (!oldest.empty() && key(oldest_time, oldest) <= key(time, id)) continue;
    oldest = id;
    oldest_time = time;
  }
  return api.CallIam("DeletePolicyVersion", {{"PolicyArn", arn}, {"VersionId", oldest}}).status();
}

absl::StatusOr<std::string> ReadDocument(const std::string& file) {
  return ReadSmallFile(file == "-" ? "/dev/stdin" : file);
}

// IsBuiltIn is true of the policies that every relay has: one more of that name could not be told
// from it.
bool IsBuiltIn(std::string_view name) {
  return name == "AditAdmin" || name == "AditOperator" || name == "AditAuditor";
}

int Put(ApiClient& api, const PolicyOptions& options) {
  if (IsBuiltIn(options.name)) {
    return Fail(absl::InvalidArgumentError(options.name +
                                           " is there from the start and cannot be changed; choose "
                                           "another name"));
  }
  const absl::StatusOr<std::string> document = ReadDocument(options.file);
  if (!document.ok()) return Fail(document.status());
  for (const std::string& doubt : DoubtsOfPolicy(*document)) Say("warning: " + doubt);
  const auto made =
      api.CallIam("CreatePolicy", {{"PolicyName", options.name}, {"PolicyDocument", *document}});
  if (made.ok()) {
    Say("policy " + Printable(options.name) +
        " is made; give it to somebody with: adit policy "
        "attach " +
        Printable(options.name) + " --user NAME");
    return 0;
  }
  if (ApiCodeOf(made.status()) != "EntityAlreadyExists") return Fail(made.status());
  const absl::StatusOr<std::string> arn = FindPolicyArn(api, options.name);
  if (!arn.ok()) return Fail(arn.status());
  const ApiClient::Form version = {
      {"PolicyArn", *arn}, {"PolicyDocument", *document}, {"SetAsDefault", "true"}};
  auto updated = api.CallIam("CreatePolicyVersion", version);
  if (ApiCodeOf(updated.status()) == "LimitExceeded" && DropOldestVersion(api, *arn).ok()) {
    updated = api.CallIam("CreatePolicyVersion", version);
  }
  if (!updated.ok()) return Fail(updated.status());
  Say("policy " + Printable(options.name) + " is now version " +
      Printable(XmlText(*updated, "VersionId")));
  return 0;
}

// HoldersOf is what takes a policy from each who has it: lines of commands.
absl::StatusOr<std::string> HoldersOf(ApiClient& api, const std::string& arn) {
  constexpr struct {
    const char* list;
    const char* member;
    const char* option;
    const char* boundary;
  } kKinds[] = {
      {"PolicyUsers", "UserName", "--user",
       "aws iam delete-user-permissions-boundary --user-name "},
      {"PolicyGroups", "GroupName", "--group", ""},
      {"PolicyRoles", "RoleName", "--role",
       "aws iam delete-role-permissions-boundary --role-name "},
  };
  std::string lines;
  for (const bool is_boundary : {false, true}) {
    for (const auto& kind : kKinds) {
      const auto holders = IamList(
          api, "ListEntitiesForPolicy",
          {{"PolicyArn", arn},
           {"PolicyUsageFilter", is_boundary ? "PermissionsBoundary" : "PermissionsPolicy"}},
          kind.list);
      if (!holders.ok()) return holders.status();
      for (const std::string& holder : *holders) {
        lines += "\n  " +
                 (is_boundary ? std::string(kind.boundary)
                              : "adit policy detach " + Printable(arn.substr(arn.rfind('/') + 1)) +
                                    " " + kind.option + " ") +
                 Printable(XmlText(holder, kind.member));
      }
    }
  }
  return lines;
}

int Delete(ApiClient& api, const PolicyOptions& options) {
  const absl::StatusOr<std::string> arn = FindPolicyArn(api, options.name);
  if (!arn.ok()) return Fail(arn.status());
  const auto policy = api.CallIam("GetPolicy", {{"PolicyArn", *arn}});
  if (!policy.ok()) return Fail(policy.status());
  const bool is_unused = XmlText(*policy, "AttachmentCount") == "0" &&
                         XmlText(*policy, "PermissionsBoundaryUsageCount") == "0";
  if (!is_unused) {
    const absl::StatusOr<std::string> holders = HoldersOf(api, *arn);
    if (!holders.ok()) return Fail(holders.status());
    return Fail(
        absl::FailedPreconditionError("policy " + Printable(options.name) +
                                      " is not deleted, since somebody has it; first:" + *holders));
  }
  {
    const auto versions = IamList(api, "ListPolicyVersions", {{"PolicyArn", *arn}}, "Versions");
    if (!versions.ok()) return Fail(versions.status());
    for (const std::string& entry : *versions) {
      if (XmlText(entry, "IsDefaultVersion") == "true") continue;
      const auto dropped = api.CallIam(
          "DeletePolicyVersion", {{"PolicyArn", *arn}, {"VersionId", XmlText(entry, "VersionId")}});
      if (!dropped.ok()) return Fail(dropped.status());
    }
  }
  const auto deleted = api.CallIam("DeletePolicy", {{"PolicyArn", *arn}});
  if (!deleted.ok()) return Fail(deleted.status());
  Say("policy " + Printable(options.name) + " is deleted");
  return 0;
}

std::string OptionOf(const IamSubject& subject) {
  std::string noun = NounOf(subject);
  noun[0] = static_cast<char>(noun[0] - 'A' + 'a');
  return "--" + noun;
}

int Attach(ApiClient& api, const PolicyOptions& options) {
  const bool attaches = options.verb == PolicyOptions::Verb::kAttach;
  const absl::StatusOr<std::string> arn = FindPolicyArn(api, options.name);
  if (!arn.ok()) return Fail(arn.status());
  const std::string noun = NounOf(options.subject);
  if (!attaches && options.subject.kind == IamSubject::Kind::kUser) {
    const absl::StatusOr<bool> is_own = IsOwnUser(api, options.subject.name);
    if (!is_own.ok()) return Fail(is_own.status());
    if (*is_own) {
      return Fail(absl::FailedPreconditionError(
          Printable(options.subject.name) +
          " is who you are: perhaps nobody could give it back; have another administrator do it"));
    }
  }
  const std::string action = (attaches ? "Attach" : "Detach") + noun + "Policy";
  const auto done =
      api.CallIam(action, {{noun + "Name", options.subject.name}, {"PolicyArn", *arn}});
  const bool has_it = attaches || ApiCodeOf(done.status()) != "NoSuchEntity" ||
                      TextOf(done.status()).find("Policy ") == std::string::npos;
  if (!has_it) {
    return Fail(absl::NotFoundError(Printable(options.subject.name) + " does not have policy " +
                                    Printable(options.name) + "; `adit policy list " +
                                    OptionOf(options.subject) + " " +
                                    Printable(options.subject.name) + "` shows what is attached"));
  }
  if (!done.ok()) return Fail(done.status());
  Say("policy " + Printable(options.name) + (attaches ? " is given to " : " is taken from ") +
      Printable(options.subject.name));
  return 0;
}

}  // namespace

int RunPolicy(const CommonFlags& flags, const Environment& environment,
              const PolicyOptions& options) {
  using Verb = PolicyOptions::Verb;
  const auto relay = RelayAccess::Open(flags, environment);
  if (!relay.ok()) return Fail(relay.status());
  ApiClient& api = (*relay)->api();
  switch (options.verb) {
    case Verb::kList:
      return List(api, options);
    case Verb::kShow:
      return Show(api, options);
    case Verb::kPut:
      return Put(api, options);
    case Verb::kDelete:
      return Delete(api, options);
    case Verb::kAttach:
    case Verb::kDetach:
      return Attach(api, options);
    case Verb::kSimulate:
      return SimulatePolicy(**relay, options);
  }
  return 0;
}

}  // namespace client
