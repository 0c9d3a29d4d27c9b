// Goal: what an IAM request says is taken within its limits, and refused with AWS's codes beyond
// them. Method: members as the query protocol gives them, all texts, on both sides of each limit.

#include "relay/iam/iam_input.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace relay::iam {
namespace {

using Json = nlohmann::json;

// CodeOf returns the code of what `read` finds wrong, or "".
template <class Read>
std::string CodeOf(const Json& json, Read read) {
  IamInput input(json);
  read(input);
  return input.error().has_value() ? input.error()->code : "";
}

TEST(IamInput, NamesHaveAWSsCharactersAndSizes) {
  const auto read = [](IamInput& input) { input.Name("UserName", 64); };
  EXPECT_EQ(CodeOf({{"UserName", "a_+=,.@-Z9"}}, read), "");
  EXPECT_EQ(CodeOf({{"UserName", std::string(64, 'a')}}, read), "");
  for (const Json& wrong :
       {Json("a b"), Json("a/b"), Json("é"), Json(""), Json(std::string(65, 'a'))}) {
    EXPECT_EQ(CodeOf({{"UserName", wrong}}, read), "ValidationError") << wrong;
  }
  EXPECT_EQ(CodeOf(Json::object(), read), "ValidationError");
  EXPECT_EQ(CodeOf({{"UserName", {"list"}}}, read), "MalformedInput");
}

TEST(IamInput, PathsBeginAndEndWithASlash) {
  const auto read = [](IamInput& input) { input.Path(); };
  for (const char* good : {"/", "/a/", "/a/b/"}) EXPECT_EQ(CodeOf({{"Path", good}}, read), "");
  for (const char* wrong : {"a/", "/a", "/a b/"}) {
    EXPECT_EQ(CodeOf({{"Path", wrong}}, read), "ValidationError") << wrong;
  }
}

TEST(IamInput, TagsAreUniqueOursAndNotTooMany) {
  const auto read = [](IamInput& input) { input.Tags(); };
  const auto tag = [](const std::string& key) { return Json({{"Key", key}, {"Value", ""}}); };
  EXPECT_EQ(CodeOf({{"Tags", Json::array({tag("a"), tag("A")})}}, read), "InvalidInput");
  EXPECT_EQ(CodeOf({{"Tags", Json::array({tag("a"), tag("a")})}}, read), "InvalidInput");
  EXPECT_EQ(CodeOf({{"Tags", Json::array({tag("aws:a")})}}, read), "InvalidInput");
  Json many = Json::array();
  for (size_t i = 0; i < kTagsMax; ++i) many.push_back(tag("k" + std::to_string(i)));
  EXPECT_EQ(CodeOf({{"Tags", many}}, read), "");
  many.push_back(tag("more"));
  EXPECT_EQ(CodeOf({{"Tags", many}}, read), "ValidationError");
}

TEST(IamInput, ADocumentThatCannotBeReadIsMalformedAndBlanksDoNotCount) {
  const auto read = [](IamInput& input) {
    input.Document("PolicyDocument", policy::DocumentKind::kIdentity);
  };
  EXPECT_EQ(CodeOf({{"PolicyDocument", "{}"}}, read), "MalformedPolicyDocument");
  EXPECT_EQ(DocumentSize("{ \"a\":\n\t1 }"), 7U);
}

TEST(IamInput, NumbersKeepTheirBounds) {
  const auto read = [](IamInput& input) { input.Page("Users"); };
  for (const char* good : {"1", "1000"}) EXPECT_EQ(CodeOf({{"MaxItems", good}}, read), "");
  for (const char* wrong : {"0", "1001", "x", "1x", "99999999999999999999"}) {
    EXPECT_EQ(CodeOf({{"MaxItems", wrong}}, read), "ValidationError") << wrong;
  }
  EXPECT_EQ(CodeOf({{"Marker", "nobody's"}}, read), "ValidationError");
}

}  // namespace
}  // namespace relay::iam
