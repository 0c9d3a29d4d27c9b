// Goal: Adit decides as another implementation of IAM does, except where that one leaves AWS's
// documentation. Method: its verdicts on random policies and requests are kept in tests/data; where
// ours differs, the case must be in policy_explained.txt, with our verdict and a documented rule.

#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>
#include <string>

#include "relay/policy/evaluate.h"

namespace relay::policy {
namespace {

using nlohmann::json;

constexpr size_t kCasesMin = 20'000;
constexpr size_t kShownMax = 10;

struct Explained {
  char theirs;
  char ours;
  std::string rules;
};

std::map<size_t, Explained> ReadExplained(std::set<std::string>& documented) {
  std::map<size_t, Explained> result;
  std::ifstream file(POLICY_EXPLAINED);
  EXPECT_TRUE(file.is_open()) << POLICY_EXPLAINED;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("# ") && line.find(": ") != std::string::npos) {
      documented.insert(line.substr(2, line.find(": ") - 2));
    } else if (!line.starts_with('#')) {
      std::istringstream words(line);
      size_t number = 0;
      Explained one{};
      words >> number >> one.theirs >> one.ours >> one.rules;
      EXPECT_FALSE(words.fail()) << line;
      result[number] = one;
    }
  }
  return result;
}

std::unique_ptr<PolicySet> ReadSet(const json& set, const char* name, DocumentKind kind) {
  if (!set.contains(name)) return nullptr;
  std::vector<json> documents;
  if (set[name].is_array()) {
    documents.assign(set[name].begin(), set[name].end());
  } else {
    documents.push_back(set[name]);
  }
  std::vector<AttachedPolicy> policies;
  for (const json& document : documents) {
    auto parsed = PolicyDocument::Parse(document.dump(), kind);
    EXPECT_TRUE(parsed.ok()) << parsed.status() << "\n" << document;
    if (!parsed.ok()) return nullptr;
    policies.push_back({name, std::make_shared<const PolicyDocument>(*std::move(parsed))});
  }
  return std::make_unique<PolicySet>(std::move(policies));
}

RequestPrincipal ReadPrincipal(const std::string& arn) {
  RequestPrincipal principal{.arn = arn, .account = "123456789012"};
  if (arn.find(":assumed-role/Ops/") != std::string::npos)
    principal.role_arn = "arn:aws:iam::123456789012:role/Ops";
  return principal;
}

void ReadContext(const json& keys, RequestContext& context) {
  context.Clear();
  for (const auto& [key, value] : keys.items()) {
    if (value.is_array()) {
      context.Add(key, value.get<std::vector<std::string>>());
    } else {
      context.Add(key, value.get<std::string>());
    }
  }
}

char Letter(Verdict verdict) {
  switch (verdict) {
    case Verdict::kAllowed:
      return 'A';
    case Verdict::kExplicitDeny:
      return 'D';
    case Verdict::kImplicitDeny:
      return 'I';
  }
  return '?';
}

// The statement that decided must be one that speaks of the request at all, and in the decided way.
void ExpectConsistent(const Decision& decision, const Request& request) {
  EXPECT_EQ(decision.statement.empty(), decision.verdict == Verdict::kImplicitDeny);
  if (decision.statement.empty()) return;
  const Statement& statement = decision.statement.statement();
  EXPECT_TRUE(statement.Matches(request));
  EXPECT_EQ(statement.effect == Effect::kAllow, decision.allowed());
}

TEST(PolicyDifferentialTest, EveryDifferenceIsOneThatAwsDocuments) {
  std::set<std::string> documented;
  const std::map<size_t, Explained> explained = ReadExplained(documented);
  std::map<char, size_t> verdicts;
  std::ifstream file(POLICY_CASES);
  ASSERT_TRUE(file.is_open()) << POLICY_CASES;
  size_t number = 0;
  size_t wrong = 0;
  RequestContext context;
  for (std::string line; std::getline(file, line);) {
    const json set = json::parse(line);
    const auto identity = ReadSet(set, "identity", DocumentKind::kIdentity);
    const auto boundary = ReadSet(set, "boundary", DocumentKind::kIdentity);
    const auto session = ReadSet(set, "session", DocumentKind::kIdentity);
    const auto resource = ReadSet(set, "resource", DocumentKind::kResource);
    const auto trust = ReadSet(set, "trust", DocumentKind::kTrust);
    const Policies policies{identity.get(), boundary.get(), session.get(), resource.get(),
                            trust.get()};
    const auto who = set["who"].get<std::string>();
    for (const json& asked : set["requests"]) {
      ReadContext(asked["context"], context);
      const auto action = asked["action"].get<std::string>();
      const auto resource_arn = asked["resource"].get<std::string>();
      const Request request(action, resource_arn, context, ReadPrincipal(who));
      const Decision decision = Evaluate(policies, request);
      ExpectConsistent(decision, request);
      const char ours = Letter(decision.verdict);
      const char theirs = asked["verdict"].get<std::string>()[0];
      ++verdicts[ours];
      const auto found = explained.find(number);
      const char expected = found == explained.end() ? theirs : found->second.ours;
      if (ours != expected && ++wrong <= kShownMax) {
        ADD_FAILURE() << "case " << number << ": expected " << expected << " (the other said "
                      << theirs << "), Adit says " << ours << ": " << Explain(decision, request)
                      << "\n"
                      << asked << "\n"
                      << line.substr(0, line.find("\"requests\""));
      }
      ++number;
    }
  }
  EXPECT_EQ(wrong, 0u);
  EXPECT_GE(number, kCasesMin);
  // The cases are worth something only when all three verdicts are common.
  for (const char verdict : {'A', 'D', 'I'}) EXPECT_GT(verdicts[verdict], number / 10) << verdict;
  for (const auto& [index, one] : explained) {
    EXPECT_LT(index, number);
    EXPECT_NE(one.theirs, one.ours) << "case " << index;
    std::istringstream rules(one.rules);
    for (std::string rule; std::getline(rules, rule, ',');)
      EXPECT_TRUE(documented.contains(rule)) << rule;
  }
}

}  // namespace
}  // namespace relay::policy
