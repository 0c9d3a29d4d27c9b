// Goal: a context gives back what was put in, by names in any case, and is cheap to use again.
// Method: its whole interface, and a count of what it allocates.

#include "relay/policy/request_context.h"

#include <gtest/gtest.h>

#include "tests/unit/policy/allocation_counter.h"

namespace relay::policy {
namespace {

std::vector<std::string> Read(const RequestContext& context, std::string_view name) {
  const RequestContext::Values values = context.Find(ContextKey(name));
  std::vector<std::string> result;
  for (size_t i = 0; i < values.size(); ++i) result.emplace_back(values[i]);
  return result;
}

using Texts = std::vector<std::string>;

TEST(RequestContextTest, AKeyIsFoundInAnyCase) {
  RequestContext context;
  context.Add("aws:SourceIp", "192.0.2.1");
  context.Add("ssm:resourceTag/Env", "prod");
  EXPECT_EQ(Read(context, "AWS:SOURCEIP"), Texts{"192.0.2.1"});
  EXPECT_EQ(Read(context, "ssm:ResourceTag/env"), Texts{"prod"});
  EXPECT_EQ(Read(context, "ssm:resourceTag/env2"), Texts{});
  EXPECT_EQ(Read(context, "sourceip"), Texts{});
}

TEST(RequestContextTest, NamesThatEndAlikeAreDifferentKeys) {
  RequestContext context;
  context.Add("aws:RequestTag/environment", "1");
  context.Add("ssm:resourceTag/environment", "2");
  context.Add("aws:PrincipalTag/environment", "3");
  EXPECT_EQ(Read(context, "aws:RequestTag/environment"), Texts{"1"});
  EXPECT_EQ(Read(context, "ssm:resourceTag/environment"), Texts{"2"});
  EXPECT_EQ(Read(context, "aws:PrincipalTag/environment"), Texts{"3"});
}

TEST(RequestContextTest, AListKeepsItsOrderAndMayBeEmpty) {
  RequestContext context;
  context.Add("aws:TagKeys", Texts{"b", "", "a"});
  context.Add("aws:Nothing", Texts{});
  EXPECT_EQ(Read(context, "aws:TagKeys"), (Texts{"b", "", "a"}));
  EXPECT_TRUE(context.Find(ContextKey("aws:Nothing")).empty());
}

TEST(RequestContextTest, TheFirstOfTwoKeysThatDifferInCaseCounts) {
  RequestContext context;
  context.Add("ssm:resourceTag/Env", "prod");
  context.Add("aws:TagKeys", Texts{"a", "b"});
  context.Add("ssm:resourceTag/env", "dev");
  context.Add("AWS:TagKeys", Texts{"c"});
  EXPECT_EQ(Read(context, "ssm:resourceTag/env"), Texts{"prod"});
  EXPECT_EQ(Read(context, "aws:TagKeys"), (Texts{"a", "b"}));
}

TEST(RequestContextTest, ClearForgetsEverythingAndFillingAgainAllocatesNothing) {
  RequestContext context;
  const Texts tags = {"env", "a-tag-key-that-is-longer-than-a-small-string"};
  const auto fill = [&] {
    context.Clear();
    context.Add("aws:PrincipalArn", "arn:aws:iam::123456789012:user/alice");
    context.Add("aws:TagKeys", tags);
  };
  fill();
  const uint64_t before = AllocationCounter::count();
  fill();
  EXPECT_EQ(AllocationCounter::count(), before);
  context.Clear();
  EXPECT_EQ(Read(context, "aws:PrincipalArn"), Texts{});
}

}  // namespace
}  // namespace relay::policy
