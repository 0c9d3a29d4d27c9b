#include "bench/macro/calls/calls_prepare.h"

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <vector>

#include "bench/macro/fleet/fleet_roll.h"
#include "engine/platform/wall_clock.h"
#include "relay/access/resource_arn.h"
#include "relay/first_start.h"
#include "relay/store/identifiers.h"

namespace calls {
namespace {

using Json = nlohmann::json;

void Must(const absl::Status& status) {
  if (!status.ok()) fleet::Die(std::string(status.message()));
}

// What other teams are allowed and forbidden: statements that speak of other nodes and hours.
Json OtherStatement(size_t index) {
  const std::string number = std::to_string(index);
  return {{"Sid", "Other" + number},
          {"Effect", index % 8 == 7 ? "Deny" : "Allow"},
          {"Action", index % 2 == 0 ? Json("ssm:StartSession") : Json({"ssm:Start*", "ssm:Get*"})},
          {"Resource", "arn:aws:ssm:*:*:managed-instance/mi-" + number + "*"},
          {"Condition",
           {{"StringEquals", {{"ssm:resourceTag/team", "team-" + number}}},
            {"DateLessThan", {{"aws:CurrentTime", "2099-01-01T00:00:00Z"}}}}}};
}

Json Policy(Json statements) {
  return {{"Version", "2012-10-17"}, {"Statement", std::move(statements)}};
}

// What does allow the calls.
Json OwnPolicy() {
  return Policy(Json::array(
      {{{"Effect", "Allow"},
        {"Action", "ssm:StartSession"},
        {"Resource", "arn:aws:ssm:*:*:managed-instance/*"},
        {"Condition", {{"StringEquals", {{"ssm:resourceTag/env", "dev"}}}}}},
       {{"Effect", "Allow"},
        {"Action", "ssm:StartSession"},
        {"Resource", {"arn:aws:ssm:*:*:document/*"}}},
       {{"Effect", "Allow"},
        {"Action", {"ssm:TerminateSession", "ssm:ResumeSession"}},
        {"Resource", "*"},
        {"Condition",
         {{"StringEquals", {{"ssm:resourceTag/aws:ssmmessages:session-id", "${aws:userid}"}}}}}}}));
}

constexpr char kDocument[] = R"json({
  "schemaVersion": "1.0", "description": "one command", "sessionType": "InteractiveCommands",
  "parameters": {
    "unit": {"type": "String", "allowedPattern": "^[a-zA-Z0-9@_.-]{1,64}$"},
    "lines": {"type": "String", "default": "100", "allowedPattern": "^[1-9][0-9]{0,3}$"}},
  "properties": {"linux": {"commands": "journalctl -n {{ lines }} -u {{ unit }}",
                           "runAsElevated": false}}})json";

void AddPolicies(relay::IamStore& iam, size_t statement_count, std::vector<std::string>& arns) {
  constexpr size_t kOfOnePolicy = 20;
  for (size_t first = 0; first < statement_count; first += kOfOnePolicy) {
    Json statements = Json::array();
    for (size_t i = first; i < std::min(first + kOfOnePolicy, statement_count); ++i) {
      statements.push_back(OtherStatement(i));
    }
    relay::IamPolicy policy;
    policy.id = relay::NewIamId("ANPA");
    policy.name = "team-" + std::to_string(first);
    Must(iam.AddPolicy(policy, Policy(std::move(statements)).dump()));
    arns.push_back(policy.Arn());
  }
}

}  // namespace

void Prepare(const PrepareOptions& options) {
  const int64_t now_ms = engine::UnixNowMs();
  relay::StateOptions state_options;
  state_options.directory = options.state_directory;
  state_options.advertise = {"127.0.0.1", options.port};
  absl::StatusOr<relay::RelayState> state = relay::OpenState(state_options, now_ms);
  if (!state.ok()) fleet::Die(std::string(state.status().message()));
  relay::Store& store = *state->store;
  relay::IamStore& iam = store.Iam();
  const auto nodes = store.ListNodes("", 1);
  if (!nodes.ok() || nodes->empty()) fleet::Die("the relay's store has no node");
  const std::string node_id = nodes->front().id;

  std::FILE* keys = std::fopen(options.keys.c_str(), "w");
  if (keys == nullptr) fleet::Die("cannot write " + options.keys);
  Must(store.Begin());
  Must(iam.PutTag(relay::NodeArn(node_id), {"env", "dev"}));
  Must(store.Documents().AddDocument(
      {.name = "bench-journal", .target_type = {}, .created_unix_ms = now_ms},
      {.name = "bench-journal",
       .version_name = {},
       .display_name = {},
       .format = "JSON",
       .content = kDocument,
       .created_unix_ms = now_ms}));
  std::vector<std::string> arns;
  AddPolicies(iam, options.statement_count, arns);
  for (size_t i = 0; i < options.user_count; ++i) {
    relay::IamEntity user;
    user.id = relay::NewIamId("AIDA");
    user.name = "user-" + std::to_string(i);
    user.created_unix_ms = now_ms;
    Must(iam.AddEntity(user));
    Must(iam.PutInlinePolicy(user.id, {"own", OwnPolicy().dump()}));
    for (const std::string& arn : arns) Must(iam.Attach(user.id, arn));
    relay::AccessKey key;
    key.id = relay::NewAccessKeyId();
    key.user_id = user.id;
    key.secret = relay::NewAccessKeySecret();
    key.created_unix_ms = now_ms;
    Must(store.AddAccessKey(key));
    std::fprintf(keys, "%s %s\n", key.id.c_str(), key.secret.c_str());
  }
  Must(store.Commit());
  std::fclose(keys);
  std::printf("%s\n", node_id.c_str());
}

}  // namespace calls
