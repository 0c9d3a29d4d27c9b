// Goal: the names that `adit` takes for misspelt are none of the relay's, and the other way round.

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>

#include "client/action_names.h"
#include "relay/api/api_route.h"

namespace relay {
namespace {

TEST(KnownActionsTest, TheClientKnowsEveryOperationOfTheRelayAndOnlyAFewMore) {
  std::set<std::string> ours;
  for (const char* name : {"ssm", "cloudtrail", "iam", "kms", "sts"}) {
    const ApiService* service = FindService(name);
    ASSERT_NE(service, nullptr) << name;
    for (const ApiRoute& route : service->routes) {
      if (route.name.starts_with("Adit.")) continue;  // Allowed with what it belongs to.
      // Of what nodes call, policies do not speak.
      using Signer = ApiRoute::Signer;
      if (route.proof != nullptr || route.signer == Signer::kNode) continue;
      if (route.signer == Signer::kNodeKey) continue;
      const std::string action(route.name.substr(route.name.rfind('.') + 1));
      ours.insert(std::string(name) + ":" + action);
    }
  }
  // What is asked without being an operation of its own, and what AWS's agents and clients need.
  for (const char* name : {"iam:PassRole", "sts:SetSourceIdentity", "sts:TagSession",
                           "ssmmessages:CreateControlChannel", "ssmmessages:CreateDataChannel",
                           "ssmmessages:OpenControlChannel", "ssmmessages:OpenDataChannel"}) {
    ours.insert(name);
  }
  std::set<std::string> theirs;
  for (const std::string_view name : client::ActionNames()) theirs.emplace(name);
  EXPECT_EQ(ours, theirs);
}

}  // namespace
}  // namespace relay
