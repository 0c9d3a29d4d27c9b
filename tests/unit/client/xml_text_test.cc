// Goal: what is asked for is found in IAM's and STS's answers, however they are nested, and XML
// that is cut or wrong gives less, never something else.

#include "client/xml_text.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "client/uri_text.h"

namespace client {
namespace {

using Views = std::vector<std::string_view>;

TEST(XmlTextTest, TheFirstElementOfANameIsRead) {
  EXPECT_EQ(XmlText("<a><Arn>x</Arn><Arn>y</Arn></a>", "Arn"), "x");
  EXPECT_EQ(XmlElement("<a></a>", "a"), "");
  EXPECT_EQ(XmlElement("<ab>x</ab>", "a"), std::nullopt);
}

TEST(XmlTextTest, ReferencesAreUndoneInTextAlone) {
  EXPECT_EQ(XmlText("<a>&lt;b&gt; &amp;amp; &quot;&apos;&#xD; &unknown;</a>", "a"),
            "<b> &amp; \"'\r &unknown;");
  EXPECT_EQ(XmlInner("<a>&lt;b&gt;</a>", "a"), "&lt;b&gt;");
}

TEST(XmlTextTest, AnElementEndsAtItsOwnEnd) {
  EXPECT_EQ(XmlInner("<m>1<m>2</m>3</m><m>4</m>", "m"), "1<m>2</m>3");
  const std::string nested =
      "<Results><member><Name>a</Name><Found><member>x</member><member>y</member></Found></member>"
      "<member><Name>b</Name></member></Results><Other><member>no</member></Other>";
  const Views members = XmlMembers(nested, "Results");
  ASSERT_EQ(members.size(), 2U);
  EXPECT_EQ(XmlMembers(members[0], "Found"), (Views{"x", "y"}));
  EXPECT_EQ(XmlText(members[1], "Name"), "b");
  EXPECT_TRUE(XmlMembers(nested, "Found ").empty());
}

TEST(XmlTextTest, WhatIsNotClosedIsNotThere) {
  EXPECT_EQ(XmlElement("<a>x", "a"), std::nullopt);
  EXPECT_EQ(XmlElement("x</a>", "a"), std::nullopt);
  EXPECT_EQ(XmlElement("<a><a>x</a>", "a"), std::nullopt);
  EXPECT_TRUE(XmlMembers("<L><member>1</member>", "L").empty());
  EXPECT_EQ(XmlMembers("<L><member>1</member><member>2</L>", "L"), (Views{"1"}));
}

TEST(UriTextTest, EscapesAreUndoneAndEverythingElseStays) {
  EXPECT_EQ(UriDecoded("%7B%22a%22%3A%20%22%C3%A9%22%7d"), "{\"a\": \"é\"}");
  EXPECT_EQ(UriDecoded("100%"), "100%");
  EXPECT_EQ(UriDecoded("%4"), "%4");
  EXPECT_EQ(UriDecoded("%zz%-1"), "%zz%-1");
}

}  // namespace
}  // namespace client
