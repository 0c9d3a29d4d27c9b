// Goal: the pasted lines are read exactly, mistakes are named, and no error repeats the secret.
// Method: format after parse, then each member missing, twice, unknown and malformed.

#include "engine/wire/invitation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace engine {
namespace {

using testing::HasSubstr;
using testing::Not;

const std::string kDigest = "ca=sha256:" + std::string(64, 'a');
const std::string kEnrollLine =
    "adit-enroll relay=relay.example:443 " + kDigest + " id=8c2f-11 code=S3cretCode";
const std::string kLoginLine =
    "adit-login relay=[::1]:8443 " + kDigest + " key=AKIAX secret=S3cret/Key+=";

std::string EnrollError(std::string_view line) {
  const auto parsed = ParseEnrollInvitation(line);
  return parsed.ok() ? "" : std::string(parsed.status().message());
}

TEST(Invitation, EnrollLineIsRead) {
  const auto parsed = ParseEnrollInvitation(kEnrollLine);
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_EQ(parsed->relay, (HostPort{"relay.example", 443}));
  EXPECT_EQ(parsed->ca[31], std::byte{0xAA});
  EXPECT_EQ(parsed->activation_id, "8c2f-11");
  EXPECT_EQ(parsed->code, "S3cretCode");
  EXPECT_EQ(FormatInvitation(*parsed), kEnrollLine);
}

TEST(Invitation, LoginLineIsRead) {
  const auto parsed = ParseLoginInvitation(kLoginLine);
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_EQ(parsed->relay, (HostPort{"::1", 8443}));
  EXPECT_EQ(parsed->access_key_id, "AKIAX");
  EXPECT_EQ(parsed->secret, "S3cret/Key+=");
  EXPECT_EQ(FormatInvitation(*parsed), kLoginLine);
}

TEST(Invitation, BlanksAndLineEndsAroundItAreIgnored) {
  EXPECT_EQ(EnrollError("  " + kEnrollLine + " \r\n"), "");
  EXPECT_EQ(EnrollError("adit-enroll  code=c id=i " + kDigest + "\trelay=r:1"), "");
}

TEST(Invitation, ErrorsNameTheMemberAndTheNextStep) {
  EXPECT_THAT(EnrollError(""), HasSubstr("it is empty"));
  EXPECT_THAT(EnrollError("hello"), HasSubstr("does not begin with"));
  EXPECT_THAT(EnrollError(kLoginLine), HasSubstr("which is for `adit login`"));
  EXPECT_THAT(EnrollError("adit-enroll relay=r:1 " + kDigest + " id=i"),
              HasSubstr("code= is missing"));
  EXPECT_THAT(EnrollError("adit-enroll"), HasSubstr("relay= is missing"));
  EXPECT_THAT(EnrollError(kEnrollLine + " id=i"), HasSubstr("id= is there twice"));
  EXPECT_THAT(EnrollError(kEnrollLine + " key=k"), HasSubstr("does not know"));
  EXPECT_THAT(EnrollError(kEnrollLine + " word"), HasSubstr("not NAME=VALUE"));
  EXPECT_THAT(EnrollError("adit-enroll relay=r " + kDigest + " id=i code=c"),
              HasSubstr("relay= is not HOST:PORT"));
  EXPECT_THAT(EnrollError("adit-enroll relay=r:1 ca=sha256:ab id=i code=c"),
              HasSubstr("64 hexadecimal digits"));
  EXPECT_THAT(EnrollError("adit-enroll relay=r:1 ca=" + std::string(64, 'a') + " id=i code=c"),
              HasSubstr("64 hexadecimal digits"));
  EXPECT_THAT(EnrollError("adit-enroll relay=r:1 " + kDigest + " id= code=c"),
              HasSubstr("id= is empty"));
  EXPECT_THAT(EnrollError(kEnrollLine + std::string(1'024, 'x')), HasSubstr("longer than 1024"));
  EXPECT_THAT(EnrollError("adit-enroll relay=r:1 " + kDigest + " id=i"),
              HasSubstr("copy the whole line"));
}

TEST(Invitation, NoErrorRepeatsTheSecret) {
  for (const std::string& line : std::initializer_list<std::string>{
           kEnrollLine + " x=1", kEnrollLine + "\x01", kEnrollLine + " code=S3cretCode",
           "adit-enroll S3cretCode", "adit-enroll relay=S3cretCode id=i",
           "adit-enroll cod=S3cretCode", "S3cretCode"}) {
    EXPECT_NE(EnrollError(line), "") << line;
    EXPECT_THAT(EnrollError(line), Not(HasSubstr("S3cretCode"))) << line;
  }
}

}  // namespace
}  // namespace engine
