#include "client/policy_simulation.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "client/action_names.h"
#include "client/command_output.h"
#include "client/config_file.h"
#include "client/iam_calls.h"
#include "client/json_member.h"
#include "client/say.h"
#include "client/xml_text.h"

namespace client {
namespace {

using Json = nlohmann::json;
using Context = std::vector<std::pair<std::string, std::string>>;

constexpr char kShellDocument[] = "SSM-SessionManagerRunShell";
constexpr size_t kAccountField = 4;  // Of an ARN, counted from 0.

// Asked is one resource, with the keys that are only its own.
struct Asked {
  std::string arn;
  Context context;
  bool tags_known = false;
};

// ArnOf is the ARN of something of ours, in the account of `owner_arn`.
std::string ArnOf(const char* service, std::string_view owner_arn, const std::string& resource) {
  std::vector<std::string_view> fields;
  for (size_t at = 0; at != std::string_view::npos && fields.size() <= kAccountField;) {
    const size_t colon = owner_arn.find(':', at);
    fields.push_back(owner_arn.substr(at, colon - at));
    at = colon == std::string_view::npos ? colon : colon + 1;
  }
  const bool has_account = fields.size() > kAccountField && !fields[kAccountField].empty();
  const std::string account =
      has_account ? std::string(fields[kAccountField]) : std::string("000000000000");
  return "arn:aws:" + std::string(service) + ":" + ApiClient::kRegion + ":" + account + ":" +
         resource;
}

std::string SsmArn(std::string_view owner_arn, const std::string& resource) {
  return ArnOf("ssm", owner_arn, resource);
}

// TagsOf are a node's tags, as conditions see them. Who may not list them does without.
Context TagsOf(ApiClient& api, const char* type, const std::string& id) {
  Context context;
  const auto answer =
      api.CallSsm("ListTagsForResource", JsonBody({{"ResourceType", type}, {"ResourceId", id}}));
  if (!answer.ok()) return context;
  const absl::StatusOr<Json> json = ReadJson(*answer, "ListTagsForResource");
  if (!json.ok()) return context;
  for (const Json& tag : JsonList(*json, "TagList")) {
    const std::string key = JsonText(tag, "Key");
    context.emplace_back("ssm:resourceTag/" + key, JsonText(tag, "Value"));
    context.emplace_back("aws:ResourceTag/" + key, JsonText(tag, "Value"));
  }
  return context;
}

absl::StatusOr<std::vector<Asked>> ResourcesOf(RelayAccess& relay, const PolicyOptions& options,
                                               std::string_view owner_arn) {
  std::vector<Asked> resources;
  for (const std::string& arn : options.resources) resources.push_back({arn, {}, false});
  if (!options.node.empty()) {
    const absl::StatusOr<NodeInfo> node = relay.FindNode(options.node);
    if (!node.ok()) return node.status();
    resources.push_back({SsmArn(owner_arn, "managed-instance/" + node->id),
                         TagsOf(relay.api(), "ManagedInstance", node->id), true});
    const std::string document = options.document.empty() ? kShellDocument : options.document;
    resources.push_back(
        {SsmArn(document.starts_with("AWS-") ? "" : owner_arn, "document/" + document),
         TagsOf(relay.api(), "Document", document), true});
  }
  if (resources.empty()) resources.push_back({"*", {}, false});
  return resources;
}

void AddContext(const Context& context, size_t& number, ApiClient::Form& form) {
  for (const auto& [key, value] : context) {
    const std::string entry = "ContextEntries.member." + std::to_string(++number);
    form.emplace_back(entry + ".ContextKeyName", key);
    form.emplace_back(entry + ".ContextKeyType", "string");
    form.emplace_back(entry + ".ContextKeyValues.member.1", value);
  }
}

absl::StatusOr<Context> GivenContext(const PolicyOptions& options) {
  Context context;
  bool has_type = false;
  for (const std::string& entry : options.context) {
    const size_t equals = entry.find('=');
    if (equals == std::string::npos) {
      return absl::InvalidArgumentError(
          "--context wants KEY=VALUE, as in: --context "
          "adit:SessionType=Port");
    }
    context.emplace_back(entry.substr(0, equals), entry.substr(equals + 1));
    has_type = has_type || context.back().first == "adit:SessionType";
  }
  // What a shell on that node would be asked with.
  if (!options.node.empty() && options.document.empty() && !has_type) {
    context.emplace_back("adit:SessionType", "Standard_Stream");
  }
  if (!options.node.empty()) context.emplace_back("ssm:SessionDocumentAccessCheck", "true");
  return context;
}

// WhyOf is the relay's own explanation, or the policy that an older one names.
std::string WhyOf(std::string_view result) {
  std::string why = XmlText(result, "AditExplanation");
  if (!why.empty()) return why;
  const std::string policy = XmlText(result, "SourcePolicyId");
  return policy.empty() ? "because no statement allows it" : "by policy " + policy;
}

absl::StatusOr<std::string> Simulate(ApiClient& api, bool is_custom, const ApiClient::Form& form) {
  return api.CallIam(is_custom ? "SimulateCustomPolicy" : "SimulatePrincipalPolicy", form);
}

// KeyOf is the kmsKeyId with which AWS's clients encrypt sessions under a document; empty: none, or
// whoever asks may not read documents.
std::string KeyOf(ApiClient& api, const std::string& document) {
  const auto answer = api.CallSsm("GetDocument", JsonBody({{"Name", document}}));
  if (!answer.ok()) return {};
  const absl::StatusOr<Json> json = ReadJson(*answer, "GetDocument");
  if (!json.ok()) return {};
  const Json content = Json::parse(JsonText(*json, "Content"), nullptr, false);
  if (!content.is_object() || JsonText(content, "sessionType") == "Port") return {};
  const auto inputs = content.find("inputs");
  if (inputs != content.end()) return JsonText(*inputs, "kmsKeyId");
  return document == kShellDocument ? std::string() : KeyOf(api, kShellDocument);
}

// SayOfKey tells what a session of AWS's clients needs beside: `form` says whose policies they are.
void SayOfKey(ApiClient& api, bool is_custom, ApiClient::Form form, std::string_view owner_arn,
              const std::string& key) {
  constexpr char kAction[] = "kms:GenerateDataKey";
  const bool is_id = !key.starts_with("arn:") && !key.starts_with("alias/");
  const std::string arn =
      key.starts_with("arn:") ? key : ArnOf("kms", owner_arn, (is_id ? "key/" : "") + key);
  form.emplace_back("ActionNames.member.1", kAction);
  form.emplace_back("ResourceArns.member.1", arn);
  const absl::StatusOr<std::string> answer = Simulate(api, is_custom, form);
  if (!answer.ok()) return;
  for (const std::string_view result : XmlMembers(*answer, "EvaluationResults")) {
    const bool allowed = XmlText(result, "EvalDecision") == "allowed";
    Say("sessions of AWS's clients there are encrypted with the key " + Printable(key) +
        ", so that they need " + kAction + " on " + Printable(arn) +
        ", too: " + (allowed ? "" : "denied ") + Printable(WhyOf(result)));
  }
}

}  // namespace

int SimulatePolicy(RelayAccess& relay, const PolicyOptions& options) {
  ApiClient& api = relay.api();
  const bool is_custom = !options.file.empty();
  if (is_custom != options.subject.name.empty()) {
    return Fail(absl::InvalidArgumentError(
        "simulate wants to know whose policies: one of --user, --group, --role or --file"));
  }
  const std::string action =
      options.action.empty() && !options.node.empty() ? "ssm:StartSession" : options.action;
  if (action.empty()) {
    return Fail(absl::InvalidArgumentError(
        "simulate wants an action, such as ssm:StartSession, or --node NODE for a session there"));
  }
  const std::string doubt_of_action = DoubtOfAction(action);
  if (!doubt_of_action.empty()) Say("warning: " + doubt_of_action);
  ApiClient::Form common = {{"AditExplain", "true"}};
  std::string owner_arn;
  if (is_custom) {
    const auto document = ReadSmallFile(options.file == "-" ? "/dev/stdin" : options.file);
    if (!document.ok()) return Fail(document.status());
    for (const std::string& doubt : DoubtsOfPolicy(*document)) {
      if (doubt != doubt_of_action) Say("warning: " + doubt);
    }
    common.emplace_back("PolicyInputList.member.1", *document);
  } else {
    const absl::StatusOr<std::string> arn = FindSubjectArn(api, options.subject);
    if (!arn.ok()) return Fail(arn.status());
    owner_arn = *arn;
    common.emplace_back("PolicySourceArn", owner_arn);
  }
  const absl::StatusOr<Context> given = GivenContext(options);
  if (!given.ok()) return Fail(given.status());
  const auto resources = ResourcesOf(relay, options, owner_arn);
  if (!resources.ok()) return Fail(resources.status());

  std::string text;
  bool all_allowed = true;
  std::set<std::string> missing;
  for (const Asked& asked : *resources) {
    ApiClient::Form form = common;
    form.emplace_back("ActionNames.member.1", action);
    form.emplace_back("ResourceArns.member.1", asked.arn);
    size_t number = 0;
    AddContext(*given, number, form);
    AddContext(asked.context, number, form);
    const auto answer = Simulate(api, is_custom, form);
    if (!answer.ok()) return Fail(answer.status());
    const auto results = XmlMembers(*answer, "EvaluationResults");
    if (results.empty()) return Fail(NotOurs("SimulatePrincipalPolicy"));
    for (const std::string_view result : results) {
      const bool allowed = XmlText(result, "EvalDecision") == "allowed";
      all_allowed = all_allowed && allowed;
      text += (allowed ? "allowed  " : "denied   ") + Printable(action) + " on " +
              Printable(asked.arn) + ": " + Printable(WhyOf(result)) + "\n";
      for (const std::string_view key : XmlMembers(result, "MissingContextValues")) {
        const bool is_tag = key.find(":resourcetag/") != std::string_view::npos;
        if (!is_tag || !asked.tags_known) missing.insert(Printable(key));
      }
    }
  }
  if (!missing.empty()) {
    std::string keys;
    for (const std::string& key : missing) keys += (keys.empty() ? "" : ", ") + key;
    Say("the policies look at keys that were not given: " + keys +
        "\ngive them with --context KEY=VALUE");
  }
  if (!options.node.empty() && action == "ssm:StartSession") {
    const std::string key =
        KeyOf(api, options.document.empty() ? kShellDocument : options.document);
    if (!key.empty()) SayOfKey(api, is_custom, common, owner_arn, key);
  }
  const int code = Print(text);
  if (code != 0) return code;
  return all_allowed ? 0 : kDeniedExit;
}

}  // namespace client
