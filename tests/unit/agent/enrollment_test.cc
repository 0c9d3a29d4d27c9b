// Goal: what a relay answers is believed as far as it makes sense, and its refusals are readable.
// Method: answers as text, and certificates made here.

#include "agent/enrollment.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "agent/certificate_renewal.h"
#include "agent/host_facts.h"
#include "engine/crypto/certificate.h"
#include "engine/crypto/key.h"

namespace agent {
namespace {

using engine::crypto::Certificate;
using engine::crypto::PrivateKey;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kNode[] = "mi-0123456789abcdef0";

TEST(EnrollmentTest, CompleteAnswerIsRead) {
  const absl::StatusOr<EnrollmentAnswer> answer = ReadEnrollmentAnswer(
      200,
      R"({"NodeId":"mi-1","Name":"n","Certificate":"C","CertificateAuthority":"A","Extra":1})");
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(answer->name, "n");
  EXPECT_EQ(answer->node_id, "mi-1");
  EXPECT_EQ(answer->certificate_pem, "C");
  EXPECT_EQ(answer->authority_pem, "A");
}

TEST(EnrollmentTest, RefusalHasTheRelaysReasonAndTheNextStep) {
  const absl::Status status =
      ReadEnrollmentAnswer(400,
                           R"({"__type":"InvalidActivation","message":"It has\u001b expired."})")
          .status();
  EXPECT_TRUE(absl::IsPermissionDenied(status));
  EXPECT_THAT(std::string(status.message()), HasSubstr("It has  expired."));
  EXPECT_THAT(std::string(status.message()), HasSubstr("new activation"));
}

TEST(EnrollmentTest, RefusalWithoutAReasonHasItsStatus) {
  EXPECT_THAT(std::string(ReadEnrollmentAnswer(502, "<html>").status().message()),
              HasSubstr("HTTP status 502"));
}

TEST(EnrollmentTest, AnswersThatMakeNoSenseAreErrors) {
  for (const char* body : {"", "[]", "{}", R"({"NodeId":1,"Certificate":[],"X":{}})", "{{{{"}) {
    EXPECT_TRUE(absl::IsInternal(ReadEnrollmentAnswer(200, body).status())) << body;
  }
}

class RenewalTest : public ::testing::Test {
 protected:
  static Certificate Issue(const PrivateKey& key, const std::string& name, int64_t from,
                           int64_t to) {
    const PrivateKey authority_key = PrivateKey::Generate();
    const engine::crypto::Issuer issuer{
        *engine::crypto::CreateAuthority(authority_key, "CA", {0, 4'000'000'000}), authority_key};
    const std::string request = *engine::crypto::CreateSigningRequest(key, "x");
    return *engine::crypto::IssueClient(issuer, request, name, {from, to});
  }
  RenewalTest() {
    state_.node_id = kNode;
    state_.private_key_pem = key_.Pem();
  }

  bool IsTaken(const Certificate& certificate, int64_t unix_now) const {
    return WithCertificate(state_, certificate.Pem(), unix_now).ok();
  }

  static constexpr engine::Duration kJustNow{};
  static constexpr engine::Duration kNever = engine::Duration::max();
  PrivateKey key_ = PrivateKey::Generate();
  NodeState state_;
};

TEST_F(RenewalTest, IsDueInTheLastThirdOfTheLife) {
  const std::string pem = Issue(key_, kNode, 1'000'000, 1'090'000).Pem();
  EXPECT_FALSE(RenewalIsDue(pem, 1'000'000, kNever));
  EXPECT_FALSE(RenewalIsDue(pem, 1'059'000, kNever));
  EXPECT_TRUE(RenewalIsDue(pem, 1'060'001, kJustNow));
  EXPECT_TRUE(RenewalIsDue(pem, 2'000'000, kJustNow));
  EXPECT_TRUE(RenewalIsDue("nonsense", 1'000'000, kJustNow));
}

TEST_F(RenewalTest, IsDueNowAndThenWhenTheCertificateBeginsLater) {
  const std::string pem = Issue(key_, kNode, 9'000'000, 9'090'000).Pem();
  EXPECT_TRUE(RenewalIsDue(pem, 1'000'000, kNever));
  EXPECT_FALSE(RenewalIsDue(pem, 1'000'000, kJustNow));
  EXPECT_FALSE(RenewalIsDue(pem, 1'000'000, kLaterPause - std::chrono::seconds(1)));
  EXPECT_TRUE(RenewalIsDue(pem, 1'000'000, kLaterPause));
  EXPECT_FALSE(RenewalIsDue(pem, 9'000'000 - kLaterSeconds, kNever)) << "clocks are never equal";
}

TEST_F(RenewalTest, CertificateForThisNodeAndKeyIsTaken) {
  EXPECT_TRUE(RenewalRequest(state_).ok());
  const absl::StatusOr<NodeState> renewed =
      WithCertificate(state_, Issue(key_, kNode, 1'000, 2'000).Pem(), 1'500);
  ASSERT_TRUE(renewed.ok()) << renewed.status();
  EXPECT_EQ(renewed->private_key_pem, state_.private_key_pem);
  EXPECT_THAT(renewed->certificate_pem, HasSubstr("BEGIN CERTIFICATE"));
  EXPECT_EQ(renewed->known_unix, 1'000);
}

// A relay whose clock says 1970 would take away what works.
TEST_F(RenewalTest, CertificateThatEndsNoLaterThanTheOneBeforeIsNotTaken) {
  state_.certificate_pem = Issue(key_, kNode, 1'000'000, 1'090'000).Pem();
  EXPECT_FALSE(IsTaken(Issue(key_, kNode, 0, 90'000), 1'001'000));
  EXPECT_FALSE(WithCertificate(state_, state_.certificate_pem, 1'001'000).ok());
  EXPECT_TRUE(IsTaken(Issue(key_, kNode, 1'001'000, 1'091'000), 1'001'000));
}

// It was made while the relay's clock was ahead, and would live until then.
TEST_F(RenewalTest, CertificateThatBeginsLaterIsReplacedByOneThatIsRight) {
  state_.certificate_pem = Issue(key_, kNode, 9'000'000, 9'090'000).Pem();
  state_.known_unix = 900'000;
  const Certificate right = Issue(key_, kNode, 999'700, 1'090'000);
  EXPECT_TRUE(IsTaken(right, 1'000'000));
  EXPECT_FALSE(IsTaken(right, 1'090'000)) << "it has ended";
  EXPECT_FALSE(IsTaken(right, 900'000)) << "it begins later, too";
  state_.known_unix = 1'000'001;
  EXPECT_FALSE(IsTaken(right, 1'000'000)) << "both clocks say what is known to be wrong";
  EXPECT_TRUE(IsTaken(Issue(key_, kNode, 9'001'000, 9'091'000), 1'000'000));
}

TEST_F(RenewalTest, CertificateOfAnotherNodeOrKeyIsNot) {
  EXPECT_FALSE(IsTaken(Issue(key_, "mi-other", 1'000, 2'000), 1'500));
  EXPECT_FALSE(IsTaken(Issue(PrivateKey::Generate(), kNode, 1'000, 2'000), 1'500));
  EXPECT_FALSE(WithCertificate(state_, "nonsense", 1'500).ok());
}

TEST(HostFactsTest, PlatformIsReadableText) {
  EXPECT_EQ(PrettyNameOf("A=1\nPRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nB=2\n"),
            "Debian GNU/Linux 12 (bookworm)");
  EXPECT_EQ(PrettyNameOf("PRETTY_NAME=Arch"), "Arch");
  EXPECT_EQ(PrettyNameOf(""), "");
  EXPECT_THAT(Platform(), HasSubstr("Linux"));
  EXPECT_THAT(HostName(), Not(HasSubstr(".")));
}

}  // namespace
}  // namespace agent
