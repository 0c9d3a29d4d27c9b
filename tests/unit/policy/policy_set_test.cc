// Goal: the index finds a statement whenever there is one, and only then. Method: small sets by
// hand, and random sets in which each answer is compared with looking at every statement.

#include "relay/policy/policy_set.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "engine/base/random.h"

namespace relay::policy {
namespace {

AttachedPolicy Attach(const std::string& name, const std::string& statements) {
  auto document = PolicyDocument::Parse(
      R"({"Version":"2012-10-17","Statement":[)" + statements + "]}", DocumentKind::kIdentity);
  EXPECT_TRUE(document.ok()) << document.status() << "\n" << statements;
  return {name, std::make_shared<const PolicyDocument>(document.ok() ? *std::move(document)
                                                                     : PolicyDocument())};
}

std::string StatementText(const std::string& effect, const std::string& actions,
                          const std::string& resources) {
  return R"({"Effect":")" + effect + "\"," + actions + "," + resources + "}";
}

TEST(PolicySetTest, AnEmptySetHasNothing) {
  const PolicySet set({});
  const RequestContext context;
  const Request request("ssm:StartSession", "*", context);
  EXPECT_TRUE(set.Find(Effect::kAllow, request).empty());
  EXPECT_TRUE(set.Find(Effect::kDeny, request).empty());
  EXPECT_TRUE(set.FindAll(request).empty());
}

TEST(PolicySetTest, FindNamesPolicyAndStatement) {
  const PolicySet set(
      {Attach("first", StatementText("Allow", R"("Action":"iam:*")", R"("Resource":"*")")),
       Attach("second",
              StatementText("Deny", R"("Action":"ssm:*")", R"("Resource":"arn:aws:ssm:*:*:a/b")") +
                  "," + StatementText("Allow", R"("Action":"ssm:Get*")", R"("Resource":"*")"))});
  const RequestContext context;
  const StatementRef allow =
      set.Find(Effect::kAllow, Request("ssm:GetDocument", "arn:aws:ssm:r:1:x/y", context));
  ASSERT_FALSE(allow.empty());
  EXPECT_EQ(allow.policy->name, "second");
  EXPECT_EQ(allow.index, 1u);
  const Request denied("SSM:getdocument", "arn:aws:ssm:r:1:a/b", context);
  const StatementRef deny = set.Find(Effect::kDeny, denied);
  ASSERT_FALSE(deny.empty());
  EXPECT_EQ(deny.policy->name, "second");
  EXPECT_EQ(deny.index, 0u);
  const auto all = set.FindAll(denied);
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[0].index, 0u);
  EXPECT_EQ(all[1].index, 1u);
}

TEST(PolicySetTest, ResourcesThatAreNoArnsAreFoundByAStarAlone) {
  const PolicySet set(
      {Attach("a",
              StatementText("Allow", R"("Action":"a:b")", R"("Resource":"arn:aws:ssm:*:*:x")")),
       Attach("b", StatementText("Allow", R"("Action":"a:c")", R"("Resource":"*")"))});
  const RequestContext context;
  for (const char* resource : {"*", "", "x", "arn:aws:ssm:r:1"}) {
    EXPECT_TRUE(set.Find(Effect::kAllow, Request("a:b", resource, context)).empty()) << resource;
    EXPECT_FALSE(set.Find(Effect::kAllow, Request("a:c", resource, context)).empty()) << resource;
  }
}

TEST(PolicySetTest, AStarBeforeTheFifthColonMayStandForColons) {
  const PolicySet set({Attach(
      "a", StatementText("Allow", R"("Action":"a:b")", R"("Resource":"arn:aws:ssm:*:*:x/y")"))});
  const RequestContext context;
  for (const char* resource :
       {"arn:aws:ssm:r:1:x/y", "arn:aws:ssm:r:1:w:x/y", "arn:aws:ssm:::::x/y"})
    EXPECT_FALSE(set.Find(Effect::kAllow, Request("a:b", resource, context)).empty()) << resource;
  EXPECT_TRUE(set.Find(Effect::kAllow, Request("a:b", "arn:aws:ssm:r:x/y", context)).empty());
}

TEST(PolicySetTest, StatementsThatDifferInOneValueAreToldApartByIt) {
  std::string statements;
  for (const char* team : {"db", "web", "ops", "net", "dev", "lab"}) {
    statements += std::string(statements.empty() ? "" : ",") +
                  StatementText("Allow", R"("Action":"a:b")",
                                R"("Resource":"*","Condition":{"StringEquals":{"adit:Team":")" +
                                    std::string(team) + R"("},"Null":{"adit:Off":"true"}})");
  }
  const PolicySet set({Attach("teams", statements)});
  RequestContext context;
  EXPECT_TRUE(set.Find(Effect::kAllow, Request("a:b", "*", context)).empty());
  context.Add("adit:team", "web");
  const StatementRef web = set.Find(Effect::kAllow, Request("a:b", "*", context));
  ASSERT_FALSE(web.empty());
  EXPECT_EQ(web.index, 1u);
  context.Add("adit:Off", "yes");
  EXPECT_TRUE(set.Find(Effect::kAllow, Request("a:b", "*", context)).empty())
      << "its other conditions count as well";
}

class RandomSets {
 public:
  explicit RandomSets(uint64_t seed) : random_(seed) {}

  std::string Pick(std::initializer_list<const char*> words) {
    return *(words.begin() + random_.Range(0, words.size() - 1));
  }
  bool Chance(uint32_t percent) { return random_.Chance(percent); }
  size_t Count(size_t max) { return random_.Range(1, max); }

  std::string ActionPattern() {
    return Pick({"*", "a:*", "b:*", "a:Get*", "a:Get?", "a:GetX", "b:Put", "a:*X", "A:getx"});
  }
  std::string Action() { return Pick({"a:Get", "a:GetX", "a:GetXX", "b:Put", "b:X", "c:Z"}); }

  std::string ResourcePattern() {
    return Pick({"*", "arn:*:s:*", "arn:aws:s:*", "arn:aws:s:r:1:t/a", "arn:aws:s:*:*:t/a",
                 "arn:aws:s:*:*:t/a*", "arn:aws:s:*:*:t/*", "arn:aws:s:*:*:*", "arn:aws:s:?:*:t/?b",
                 "arn:aws:s:r:1:t/${adit:k}", "arn:aws:s:*:*:${adit:k}/a", "arn:aws:s:*:*:u:t/a",
                 "arn:aws:s:r:1:", "arn:aws:s:*:*:t/a${$}"});
  }
  std::string Resource() {
    return Pick({"*", "", "arn:aws:s:r:1:t/a", "arn:aws:s:r:1:t/ab", "arn:aws:s:r:1:t/b",
                 "arn:aws:s:r:1:u:t/a", "arn:aws:s:r:1:u:v:t/a", "arn:aws:s:r:2:t/a",
                 "arn:aws:s:r:1:", "arn:aws:s:r:1", "arn:aws:s:r:1:t/a$", "arn:aws:z:r:1:t/a"});
  }
  std::string List(std::string (RandomSets::*make)()) {
    std::string list = "[\"" + (this->*make)() + "\"";
    while (Chance(40)) list += ",\"" + (this->*make)() + "\"";
    return list + "]";
  }
  // Half of the conditions are of the form that the index tells apart, the others nearly so.
  std::string Condition() {
    const std::string name = Pick({"StringEquals", "StringEquals", "StringEquals",
                                   "StringEqualsIfExists", "StringNotEquals", "StringLike",
                                   "ForAnyValue:StringEquals", "StringEqualsIgnoreCase"});
    const std::string value =
        Pick({R"("a")", R"("t")", R"(["a","t"])", R"(["b","${adit:k}"])", R"("${*}")", R"("A")"});
    return R"(,"Condition":{")" + name + R"(":{")" + Pick({"adit:k", "ADIT:K", "adit:l"}) +
           "\":" + value + "}}";
  }
  std::string Statement() {
    return StatementText(
        Chance(30) ? "Deny" : "Allow",
        (Chance(20) ? R"("NotAction":)" : R"("Action":)") + List(&RandomSets::ActionPattern),
        (Chance(20) ? R"("NotResource":)" : R"("Resource":)") + List(&RandomSets::ResourcePattern) +
            (Chance(40) ? Condition() : ""));
  }

 private:
  engine::Random random_;
};

TEST(PolicySetTest, TheIndexFindsWhatLookingAtEveryStatementFinds) {
  constexpr uint64_t kSeed = 7;
  RandomSets random(kSeed);
  size_t found_count = 0;
  for (int round = 0; round < 300; ++round) {
    std::vector<AttachedPolicy> policies;
    for (size_t i = random.Count(3); i > 0; --i) {
      std::string statements = random.Statement();
      for (size_t more = random.Count(8); more > 1; --more) statements += "," + random.Statement();
      policies.push_back(Attach("p" + std::to_string(i), statements));
    }
    const PolicySet set(std::move(policies));
    for (int i = 0; i < 40; ++i) {
      RequestContext context;
      if (random.Chance(70)) context.Add("adit:k", random.Pick({"a", "t", "*"}));
      if (random.Chance(40))
        context.Add("adit:L", std::vector<std::string>{"a", random.Pick({"a", "t"})});
      if (random.Chance(50)) context.Add("adit:L", random.Pick({"a", "t", "*"}));
      const std::string action = random.Action();
      const std::string resource = random.Resource();
      const Request request(action, resource, context);
      const std::vector<StatementRef> all = set.FindAll(request);
      for (const Effect effect : {Effect::kAllow, Effect::kDeny}) {
        const auto is_of_effect = [&](const StatementRef& ref) {
          return ref.statement().effect == effect;
        };
        const StatementRef found = set.Find(effect, request);
        ASSERT_EQ(!found.empty(), std::any_of(all.begin(), all.end(), is_of_effect))
            << "seed " << kSeed << " round " << round << ": " << action << " on " << resource;
        if (found.empty()) continue;
        ++found_count;
        EXPECT_TRUE(found.statement().Matches(request));
        EXPECT_EQ(found.statement().effect, effect);
      }
    }
  }
  EXPECT_GT(found_count, 5'000u);
}

}  // namespace
}  // namespace relay::policy
