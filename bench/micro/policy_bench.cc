// Question: how many decisions a second does one core make, and how does that grow with the number
// of statements that a principal has? Method: policies as a large installation has them, a
// statement per node and team; each decision has another resource and another context, filled in
// anew, and nothing is remembered from one to the next. Counted: decisions, and what they allocate
// (nothing).

#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "relay/policy/evaluate.h"

namespace relay::policy {
namespace {

constexpr size_t kRequests = 4'096;
constexpr size_t kStatementsPerPolicy = 25;

std::string Number(size_t value, size_t width) {
  std::string digits = std::to_string(value);
  return std::string(width - std::min(width, digits.size()), '0') + digits;
}

std::string NodeArn(size_t node) {
  return "arn:aws:ssm:us-east-1:123456789012:managed-instance/mi-" + Number(node * 7'919, 17);
}

// StatementText: of ten statements, four are for one node, two for the nodes of an environment, one
// for a document, one for a bastion's forwards, one is for one's own sessions, and one denies.
std::string StatementText(size_t index) {
  const std::string number = std::to_string(index);
  switch (index % 10) {
    case 4:
    case 5:
      return R"({"Effect":"Allow","Action":["ssm:StartSession","ssm:GetConnectionStatus"],"Resource":
        "arn:aws:ssm:*:*:managed-instance/mi-)" +
             Number(index, 6) + R"(*","Condition":{"StringEquals":{"ssm:resourceTag/team":"team-)" +
             number + R"("},"Bool":{"aws:MultiFactorAuthPresent":"true"}}})";
    case 6:
      return R"({"Effect":"Allow","Action":"ssm:StartSession","Resource":
        "arn:aws:ssm:*:*:document/Run-)" +
             number + R"("})";
    case 7:
      return R"({"Effect":"Allow","Action":"ssm:StartSession","Resource":")" + NodeArn(index) +
             R"(","Condition":{"StringLike":{"adit:RemoteHost":"*.team-)" + number +
             R"(.internal"},"NumericEquals":{"adit:RemotePort":["5432","3306"]}}})";
    case 8:
      return R"({"Effect":"Allow","Action":["ssm:ResumeSession","ssm:TerminateSession"],"Resource":
        "arn:aws:ssm:*:*:session/${aws:username}-)" +
             number + R"(-*"})";
    case 9:
      return R"({"Effect":"Deny","Action":"ssm:*","Resource":")" + NodeArn(index) +
             R"(","Condition":{"NotIpAddress":{"aws:SourceIp":"10.0.0.0/8"}}})";
    default:
      return R"({"Effect":"Allow","Action":"ssm:StartSession","Resource":")" + NodeArn(index) +
             R"(","Condition":{"IpAddress":{"aws:SourceIp":["10.0.0.0/8","2001:db8::/32"]},
        "DateLessThan":{"aws:CurrentTime":"2030-01-01T00:00:00Z"}}})";
  }
}

std::unique_ptr<PolicySet> MakeSet(size_t statements, std::string (*text)(size_t)) {
  std::vector<AttachedPolicy> policies;
  for (size_t first = 0; first < statements; first += kStatementsPerPolicy) {
    std::string document = R"({"Version":"2012-10-17","Statement":[)";
    for (size_t i = first; i < std::min(statements, first + kStatementsPerPolicy); ++i)
      document += (i == first ? "" : ",") + text(i);
    auto parsed = PolicyDocument::Parse(document + "]}", DocumentKind::kIdentity);
    if (!parsed.ok()) std::abort();
    policies.push_back({"policy-" + std::to_string(policies.size()),
                        std::make_shared<const PolicyDocument>(*std::move(parsed))});
  }
  return std::make_unique<PolicySet>(std::move(policies));
}

// What a request brings: distinct in resource and in every value that conditions look at.
struct Asked {
  std::string resource;
  std::string user;
  std::string source_ip;
  std::string team;
  std::string time;
  std::string host;
  const char* mfa;
};

std::vector<Asked> MakeRequests(size_t statements) {
  std::vector<Asked> all(kRequests);
  for (size_t i = 0; i < kRequests; ++i) {
    // Three of four ask for a node that a statement names.
    const size_t node = i % 4 == 3 ? statements + i : i * 31 % statements;
    all[i] = {.resource = NodeArn(node),
              .user = "user-" + std::to_string(i),
              .source_ip = "10.1." + std::to_string(i / 256) + "." + std::to_string(i % 256),
              .team = "team-" + std::to_string(i % 97),
              .time = "2026-11-27T09:" + Number(i / 60 % 60, 2) + ":" + Number(i % 60, 2) + "Z",
              .host = "db-" + std::to_string(i) + ".internal",
              .mfa = i % 2 == 0 ? "true" : "false"};
  }
  return all;
}

void FillContext(const Asked& asked, RequestContext& context) {
  context.Clear();
  context.Add("aws:username", asked.user);
  context.Add("aws:userid", asked.user);
  context.Add("aws:PrincipalArn", "arn:aws:iam::123456789012:user/operator");
  context.Add("aws:PrincipalTag/team", asked.team);
  context.Add("aws:SourceIp", asked.source_ip);
  context.Add("aws:SecureTransport", "true");
  context.Add("aws:CurrentTime", asked.time);
  context.Add("aws:RequestedRegion", "us-east-1");
  context.Add("aws:MultiFactorAuthPresent", asked.mfa);
  context.Add("ssm:resourceTag/team", asked.team);
  context.Add("adit:RemoteHost", asked.host);
  context.Add("adit:RemotePort", "5432");
}

void Run(benchmark::State& state, const PolicySet& identity) {
  const std::vector<Asked> all = MakeRequests(static_cast<size_t>(state.range(0)));
  RequestContext context;
  FillContext(all[0], context);
  const Policies policies{.identity = &identity};
  size_t next = 0;
  int64_t allowed = 0;
  for (auto _ : state) {
    const Asked& asked = all[next++ % kRequests];
    FillContext(asked, context);
    const Decision decision =
        Evaluate(policies, Request("ssm:StartSession", asked.resource, context));
    allowed += decision.allowed() ? 1 : 0;
    benchmark::DoNotOptimize(decision);
  }
  state.SetItemsProcessed(state.iterations());
  state.counters["allowed_share"] =
      static_cast<double>(allowed) / static_cast<double>(state.iterations());
}

void BM_Decision(benchmark::State& state) {
  const auto identity = MakeSet(static_cast<size_t>(state.range(0)), StatementText);
  Run(state, *identity);
}
BENCHMARK(BM_Decision)->ArgName("statements")->Arg(10)->Arg(100)->Arg(1'000)->Arg(10'000);

// A statement for each team, all for every node: what tells them apart is a tag.
void BM_DecisionByTag(benchmark::State& state) {
  const auto identity = MakeSet(static_cast<size_t>(state.range(0)), [](size_t index) {
    return R"({"Effect":"Allow","Action":"ssm:StartSession","Resource":
      "arn:aws:ssm:*:*:managed-instance/*","Condition":{"StringEquals":{"ssm:resourceTag/team":
      "team-)" +
           std::to_string(index) + R"("},"IpAddress":{"aws:SourceIp":"10.0.0.0/8"}}})";
  });
  Run(state, *identity);
}
BENCHMARK(BM_DecisionByTag)->ArgName("statements")->Arg(10)->Arg(100)->Arg(1'000)->Arg(10'000);

// The worst there is: every statement is for every node, and every condition must be looked at.
void BM_DecisionWithoutIndex(benchmark::State& state) {
  const auto identity = MakeSet(static_cast<size_t>(state.range(0)), [](size_t index) {
    return R"({"Effect":"Allow","Action":"ssm:StartSession","Resource":"*","Condition":{
      "StringLike":{"ssm:resourceTag/team":"no-team-*-)" +
           std::to_string(index) + R"("}}})";
  });
  Run(state, *identity);
}
BENCHMARK(BM_DecisionWithoutIndex)->ArgName("statements")->Arg(10)->Arg(100)->Arg(1'000);

// What a change of policy costs: the documents are compiled already, the index is made anew.
void BM_Index(benchmark::State& state) {
  const auto identity = MakeSet(static_cast<size_t>(state.range(0)), StatementText);
  for (auto _ : state) benchmark::DoNotOptimize(PolicySet(identity->policies()).policies().size());
}
BENCHMARK(BM_Index)->ArgName("statements")->Arg(1'000);

void BM_Parse(benchmark::State& state) {
  std::string document = R"({"Version":"2012-10-17","Statement":[)" + StatementText(0);
  for (size_t i = 1; i < kStatementsPerPolicy; ++i) document += "," + StatementText(i);
  document += "]}";
  for (auto _ : state)
    benchmark::DoNotOptimize(PolicyDocument::Parse(document, DocumentKind::kIdentity));
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(document.size()));
}
BENCHMARK(BM_Parse);

}  // namespace
}  // namespace relay::policy
