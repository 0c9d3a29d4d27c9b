// Goal: temporary credentials prove a session as long as what it hangs on is there, and nobody can
// make or change them. Method: tokens issued and opened over a store, and requests signed with
// them.

#include "relay/access/session_tokens.h"

#include <gtest/gtest.h>

#include "engine/http/sigv4.h"
#include "relay/access/authenticate.h"
#include "relay/store/sqlite_store.h"
#include "tests/support/iam_user.h"
#include "tests/support/temporary_folder.h"

namespace relay {
namespace {

constexpr int64_t kNow = 1'700'000'000;

class SessionTokensTest : public testing::Test {
 protected:
  SessionTokensTest() {
    auto opened = SqliteStore::Open({.path = folder / "adit.db"}, engine::crypto::MasterKey{});
    EXPECT_TRUE(opened.ok()) << opened.status();
    store = *std::move(opened);
    AddAdministrator(*store, {.id = "AKIAADMIN", .user_name = "admin", .secret = "s"});
    EXPECT_TRUE(
        store->Iam()
            .AddEntity({.kind = IamKind::kRole, .id = "AROAOPS", .name = "ops", .path = "/x/"})
            .ok());
    authenticator.emplace(*store);
  }

  static TemporaryPrincipal RoleSession() {
    TemporaryPrincipal principal{.entity_id = "AROAOPS", .expires_unix_ms = (kNow + 900) * 1000};
    principal.session = {.role_arn = "arn:aws:iam::000000000000:role/x/ops",
                         .name = "alice",
                         .issued_unix_ms = kNow * 1000,
                         .mfa_unix_ms = std::nullopt,
                         .policies = {"{}"},
                         .policy_arns = {"arn:aws:iam::aws:policy/AditAuditor"},
                         .tags = {{"team", "db"}, {"note", "\xC3\xA9 \"x\""}},
                         .transitive_tag_keys = {"team"},
                         .source_identity = "alice@example"};
    return principal;
  }
  static TemporaryPrincipal UserSession() {
    TemporaryPrincipal principal{.entity_id = "AIDAadmin",
                                 .issuer_key_id = "AKIAADMIN",
                                 .expires_unix_ms = (kNow + 900) * 1000};
    principal.session.issued_unix_ms = kNow * 1000;
    principal.session.mfa_unix_ms = kNow * 1000 - 5;
    return principal;
  }
  const SessionTokens& tokens() const { return authenticator->tokens(); }

  std::variant<Caller, Refusal> Send(const TemporaryCredentials& credentials, int64_t time = kNow) {
    engine::HttpRequest request;
    request.headers.Add("Host", "relay");
    engine::Sign(request, {credentials.access_key_id, credentials.secret, credentials.token},
                 "adit", "ssm", time);
    return authenticator->Authenticate(request, "ssm", "192.0.2.1", time * 1000);
  }
  std::string CodeOf(const std::variant<Caller, Refusal>& result) {
    const auto* refusal = std::get_if<Refusal>(&result);
    return refusal == nullptr ? "" : refusal->error.code;
  }

  TemporaryFolder folder;
  std::unique_ptr<SqliteStore> store;
  std::optional<Authenticator> authenticator;
};

TEST_F(SessionTokensTest, ARolesSessionIsTheCallerWithAllThatItWasIssuedWith) {
  const auto issued = tokens().Issue("ASIAONE", RoleSession());
  ASSERT_TRUE(issued.ok()) << issued.status();
  EXPECT_EQ(issued->secret.size(), 40u);
  const auto result = Send(*issued);
  ASSERT_EQ(CodeOf(result), "");
  const Caller& caller = std::get<Caller>(result);
  EXPECT_EQ(caller.access_key_id, "ASIAONE");
  EXPECT_EQ(caller.principal, "arn:aws:sts::000000000000:assumed-role/ops/alice");
  EXPECT_EQ(caller.user_name, "alice");
  EXPECT_EQ(caller.UserId(), "AROAOPS:alice");
  ASSERT_TRUE(caller.temporary.has_value());
  const TemporarySession& session = *caller.temporary;
  EXPECT_EQ(session.role_arn, "arn:aws:iam::000000000000:role/x/ops");
  EXPECT_EQ(session.issued_unix_ms, kNow * 1000);
  EXPECT_EQ(session.mfa_unix_ms, std::nullopt);
  EXPECT_EQ(session.policies, std::vector<std::string>{"{}"});
  EXPECT_EQ(session.policy_arns.size(), 1u);
  ASSERT_EQ(session.tags.size(), 2u);
  EXPECT_EQ(session.tags[1].value, "\xC3\xA9 \"x\"");
  EXPECT_EQ(session.transitive_tag_keys, std::vector<std::string>{"team"});
  EXPECT_EQ(session.source_identity, "alice@example");
}

TEST_F(SessionTokensTest, AUsersOwnSessionIsTheUserWithTheTimeOfTheCode) {
  const auto result = Send(*tokens().Issue("ASIATWO", UserSession()));
  ASSERT_EQ(CodeOf(result), "");
  const Caller& caller = std::get<Caller>(result);
  EXPECT_EQ(caller.principal, "arn:aws:iam::000000000000:user/admin");
  EXPECT_EQ(caller.UserId(), "AIDAadmin");
  EXPECT_EQ(caller.temporary->mfa_unix_ms, kNow * 1000 - 5);
  EXPECT_EQ(caller.temporary->role_arn, "");
}

TEST_F(SessionTokensTest, ASessionThatIsOverIsExpired) {
  const TemporaryCredentials issued = *tokens().Issue("ASIAONE", RoleSession());
  EXPECT_EQ(CodeOf(Send(issued, kNow + 899)), "");
  EXPECT_EQ(CodeOf(Send(issued, kNow + 900)), "ExpiredTokenException");
}

TEST_F(SessionTokensTest, ATokenIsGoodForItsOwnKeyAndSecretAlone) {
  const TemporaryCredentials issued = *tokens().Issue("ASIAONE", RoleSession());
  TemporaryCredentials other = issued;
  other.access_key_id = "ASIATWO";
  EXPECT_EQ(CodeOf(Send(other)), "UnrecognizedClientException");
  other = issued;
  other.secret = tokens().Secret("ASIATWO");
  EXPECT_EQ(CodeOf(Send(other)), "InvalidSignatureException");
  other = issued;
  other.token.clear();
  EXPECT_EQ(CodeOf(Send(other)), "UnrecognizedClientException");
}

TEST_F(SessionTokensTest, ATokenThatIsChangedAnywhereIsUnrecognized) {
  const TemporaryCredentials issued = *tokens().Issue("ASIAONE", RoleSession());
  for (size_t i = 0; i < issued.token.size(); ++i) {
    TemporaryCredentials other = issued;
    other.token[i] = other.token[i] == 'A' ? 'B' : 'A';
    EXPECT_EQ(CodeOf(Send(other)), "UnrecognizedClientException") << i;
  }
}

TEST_F(SessionTokensTest, ASessionEndsWithItsRole) {
  const TemporaryCredentials issued = *tokens().Issue("ASIAONE", RoleSession());
  ASSERT_TRUE(store->Iam().DeleteEntity("AROAOPS").ok());
  EXPECT_EQ(CodeOf(Send(issued)), "UnrecognizedClientException");
  // One of the same name is another one.
  ASSERT_TRUE(
      store->Iam().AddEntity({.kind = IamKind::kRole, .id = "AROANEW", .name = "ops"}).ok());
  EXPECT_EQ(CodeOf(Send(issued)), "UnrecognizedClientException");
}

TEST_F(SessionTokensTest, AUsersOwnSessionEndsWithTheAccessKeyThatAskedForIt) {
  const TemporaryCredentials issued = *tokens().Issue("ASIATWO", UserSession());
  ASSERT_TRUE(store->Iam().SetAccessKeyActive("AKIAADMIN", false).ok());
  EXPECT_EQ(CodeOf(Send(issued)), "UnrecognizedClientException");
  ASSERT_TRUE(store->Iam().SetAccessKeyActive("AKIAADMIN", true).ok());
  EXPECT_EQ(CodeOf(Send(issued)), "");
  ASSERT_TRUE(store->Iam().DeleteAccessKey("AKIAADMIN").ok());
  EXPECT_EQ(CodeOf(Send(issued)), "UnrecognizedClientException");
}

TEST_F(SessionTokensTest, WhatDoesNotFitIntoARequestIsNotIssued) {
  TemporaryPrincipal principal = RoleSession();
  const auto with = [&](size_t size) {
    principal.session.policies = {std::string(size, 'p')};
    return tokens().Issue("ASIAONE", principal);
  };
  size_t size = 4'000;
  while (with(size + 1).ok()) ++size;
  EXPECT_EQ(with(size)->packed_percent, 100);
  EXPECT_LE(with(size)->token.size(), kSessionTokenSizeMax);
  EXPECT_EQ(CodeOf(Send(*with(size))), "");
  EXPECT_TRUE(absl::IsResourceExhausted(with(size + 1).status()));
}

TEST_F(SessionTokensTest, AnotherMasterKeyEndsEverySession) {
  const TemporaryCredentials issued = *tokens().Issue("ASIAONE", RoleSession());
  ASSERT_TRUE(store->RotateMasterKey({}, {std::byte{1}}).ok());
  authenticator.reset();
  authenticator.emplace(*store);
  EXPECT_EQ(CodeOf(Send(issued)), "UnrecognizedClientException");
}

}  // namespace
}  // namespace relay
