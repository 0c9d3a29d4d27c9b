#include "client/user_commands.h"

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>

#include "client/command_output.h"
#include "client/iam_calls.h"
#include "client/relay_access.h"
#include "client/say.h"
#include "client/table.h"
#include "client/terminal/terminal_question.h"
#include "client/user_device.h"
#include "client/xml_text.h"
#include "engine/wire/invitation.h"

namespace client {
namespace {

constexpr std::string_view kProposed = "AditOperator";
constexpr std::string_view kNoPolicy = "none";
constexpr char kPolicies[] =
    "AditOperator opens sessions, AditAuditor only looks, AditAdmin may do everything";

// Listed is what IAM lists.
struct Listed {
  const char* action;
  const char* list;
  std::string none;  // What is said when there is nothing.
};

// Column is one member of what IAM lists.
struct Column {
  const char* member;
  const char* heading;
  const char* json_name;
};

int PrintList(ApiClient& api, const Listed& listed, ApiClient::Form form,
              const std::vector<Column>& columns, OutputFormat format) {
  const auto entries = IamList(api, listed.action, std::move(form), listed.list);
  if (!entries.ok()) return Fail(entries.status());
  if (entries->empty() && format == OutputFormat::kTable) {
    Say(listed.none);
    return 0;
  }
  std::vector<std::string> headings;
  for (const Column& column : columns) headings.emplace_back(column.heading);
  Table table(std::move(headings));
  std::string lines;
  for (const std::string& entry : *entries) {
    nlohmann::ordered_json json;
    std::vector<std::string> cells;
    for (const Column& column : columns) {
      cells.push_back(XmlText(entry, column.member));
      json[column.json_name] = cells.back();
    }
    lines += JsonLine(json);
    table.AddRow(std::move(cells));
  }
  return Print(format == OutputFormat::kJson ? lines : table.ToText());
}

// FirstPolicy is what a new user gets.
struct FirstPolicy {
  std::string name;
  std::string arn;  // Empty: kNoPolicy.
};

absl::StatusOr<FirstPolicy> FindFirstPolicy(ApiClient& api, std::string name) {
  if (name == kNoPolicy) return FirstPolicy{std::move(name), {}};
  absl::StatusOr<std::string> arn = FindPolicyArn(api, name);
  if (!arn.ok()) return arn.status();
  return FirstPolicy{std::move(name), *std::move(arn)};
}

// ChoosePolicy takes the policy of the options, or asks for one; a name that there is not is asked
// for again, a few times.
absl::StatusOr<FirstPolicy> ChoosePolicy(ApiClient& api, const UserOptions& options) {
  constexpr int kTriesMax = 3;
  if (!options.policy.empty()) return FindFirstPolicy(api, options.policy);
  std::string question = "which policy may " + Printable(options.name) + " have? " + kPolicies +
                         ", " + std::string(kNoPolicy) + " is nothing yet\n";
  absl::StatusOr<FirstPolicy> found = absl::UnknownError("");
  for (int i = 0; i < kTriesMax; ++i) {
    const absl::StatusOr<std::string> answer =
        AskTerminal(question + "policy [" + std::string(kProposed) + "]: ", Typed::kShown);
    if (!answer.ok()) {
      return absl::FailedPreconditionError(
          "there is no terminal to ask on; say --policy NAME, or --policy none");
    }
    found = FindFirstPolicy(api, answer->empty() ? std::string(kProposed) : *answer);
    if (found.ok() || !absl::IsNotFound(found.status())) break;
    question = TextOf(found.status()) + "\n";
  }
  return found;
}

// NewKey makes a key and prints it. `ca` was found out before anything was changed.
int NewKey(RelayAccess& relay, const std::string& user, const engine::CaDigest& ca) {
  const auto key = relay.api().CallIam("CreateAccessKey", {{"UserName", user}});
  if (!key.ok()) return Fail(key.status());
  const engine::LoginInvitation invitation{.relay = relay.address(),
                                           .ca = ca,
                                           .access_key_id = XmlText(*key, "AccessKeyId"),
                                           .secret = XmlText(*key, "SecretAccessKey")};
  Say("a secret, shown this once: " + Printable(user) +
      " logs in by pasting this line into\n"
      "  adit login");
  return Print(engine::FormatInvitation(invitation) + "\n");
}

int Add(RelayAccess& relay, const UserOptions& options) {
  ApiClient& api = relay.api();
  const absl::StatusOr<engine::CaDigest> ca = relay.AuthorityDigest();
  if (!ca.ok()) return Fail(ca.status());
  const absl::StatusOr<FirstPolicy> policy = ChoosePolicy(api, options);
  if (!policy.ok()) return Fail(policy.status());
  const auto made = api.CallIam("CreateUser", {{"UserName", options.name}});
  if (!made.ok()) return Fail(made.status());
  absl::Status status;
  if (!policy->arn.empty()) {
    status =
        api.CallIam("AttachUserPolicy", {{"UserName", options.name}, {"PolicyArn", policy->arn}})
            .status();
  }
  if (!status.ok()) {
    Say("user " + Printable(options.name) +
        " is made, but has neither policy nor key; take it back with: adit user delete " +
        Printable(options.name));
    return Fail(status);
  }
  Say("user " + Printable(options.name) + " is made" +
      (policy->arn.empty()
           ? ", and may do nothing yet: adit policy attach NAME --user " + Printable(options.name)
           : ", with policy " + Printable(policy->name)));
  return NewKey(relay, options.name, *ca);
}

int AddKey(RelayAccess& relay, const UserOptions& options) {
  const absl::StatusOr<engine::CaDigest> ca = relay.AuthorityDigest();
  if (!ca.ok()) return Fail(ca.status());
  return NewKey(relay, options.name, *ca);
}

int Revoke(ApiClient& api, const UserOptions& options) {
  if (!options.is_forced && options.key_id == api.credentials().access_key_id) {
    return Fail(absl::FailedPreconditionError(
        Printable(options.key_id) +
        " is the key that you use: the relay would know you no more; make another with `adit user "
        "key " +
        Printable(options.name) + "`, log in with it, and revoke this one then, or say --force"));
  }
  const auto done =
      api.CallIam("DeleteAccessKey", {{"UserName", options.name}, {"AccessKeyId", options.key_id}});
  if (!done.ok()) return Fail(done.status());
  Say("key " + Printable(options.key_id) + " of " + Printable(options.name) +
      " is deleted; what it opened ends");
  return 0;
}

// Emptied is one thing that a user may have, and how it is taken away.
struct Emptied {
  const char* list_action;
  const char* list;
  const char* member;  // Of the entry, and of the action; empty: the entry is the name itself.
  const char* action;
  const char* parameter;
  const char* afterwards = nullptr;  // What is left of it then goes, too, if it can.
};

constexpr Emptied kEmptied[] = {
    {"ListAccessKeys", "AccessKeyMetadata", "AccessKeyId", "DeleteAccessKey", "AccessKeyId"},
    {"ListAttachedUserPolicies", "AttachedPolicies", "PolicyArn", "DetachUserPolicy", "PolicyArn"},
    {"ListUserPolicies", "PolicyNames", "", "DeleteUserPolicy", "PolicyName"},
    {"ListGroupsForUser", "Groups", "GroupName", "RemoveUserFromGroup", "GroupName"},
    {"ListMFADevices", "MFADevices", "SerialNumber", "DeactivateMFADevice", "SerialNumber",
     "DeleteVirtualMFADevice"},
};

int Delete(ApiClient& api, const UserOptions& options) {
  const absl::StatusOr<bool> is_own = IsOwnUser(api, options.name);
  if (!is_own.ok()) return Fail(is_own.status());
  if (*is_own) {
    return Fail(absl::FailedPreconditionError(
        Printable(options.name) +
        " is who you are: the relay would know you no more, halfway through; have another "
        "administrator do it"));
  }
  const std::pair<std::string, std::string> user = {"UserName", options.name};
  for (const Emptied& each : kEmptied) {
    const auto entries = IamList(api, each.list_action, {user}, each.list);
    if (!entries.ok()) return Fail(entries.status());
    for (const std::string& entry : *entries) {
      const bool is_name = std::string_view(each.member).empty();
      const std::string value = is_name ? entry : XmlText(entry, each.member);
      const auto done = api.CallIam(each.action, {user, {each.parameter, value}});
      if (!done.ok()) return Fail(done.status());
      if (each.afterwards == nullptr) continue;
      api.CallIam(each.afterwards, {{each.parameter, value}}).status().IgnoreError();
    }
  }
  const auto boundary = api.CallIam("DeleteUserPermissionsBoundary", {user});
  if (!boundary.ok() && ApiCodeOf(boundary.status()) != "NoSuchEntity") {
    return Fail(boundary.status());
  }
  const auto done = api.CallIam("DeleteUser", {user});
  if (!done.ok()) return Fail(done.status());
  Say("user " + Printable(options.name) + " is deleted, with keys and sessions");
  return 0;
}

}  // namespace

int RunUser(const CommonFlags& flags, const Environment& environment, const UserOptions& options) {
  using Verb = UserOptions::Verb;
  const auto relay = RelayAccess::Open(flags, environment);
  if (!relay.ok()) return Fail(relay.status());
  ApiClient& api = (*relay)->api();
  switch (options.verb) {
    case Verb::kAdd:
      return Add(**relay, options);
    case Verb::kList:
      return PrintList(api, {"ListUsers", "Users", "there is no user yet"}, {},
                       {{"UserName", "NAME", "name"},
                        {"CreateDate", "CREATED", "created"},
                        {"Arn", "ARN", "arn"}},
                       options.format);
    case Verb::kDelete:
      return Delete(api, options);
    case Verb::kKey:
      return AddKey(**relay, options);
    case Verb::kKeys:
      return PrintList(
          api,
          {"ListAccessKeys", "AccessKeyMetadata", Printable(options.name) + " has no access key"},
          {{"UserName", options.name}},
          {{"AccessKeyId", "KEY", "id"},
           {"Status", "STATE", "state"},
           {"CreateDate", "CREATED", "created"}},
          options.format);
    case Verb::kRevoke:
      return Revoke(api, options);
    case Verb::kMfa:
      return AddUserDevice(api, options.name);
  }
  return 0;
}

}  // namespace client
