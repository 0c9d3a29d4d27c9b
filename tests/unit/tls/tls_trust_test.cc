// Goal: each side believes exactly the certificates that it should, and says by name what is wrong
// with any other.
// Method: handshakes in memory between contexts that differ from a good pair in one thing.

#include <fstream>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "engine/base/bytes.h"
#include "engine/tls/tls_context.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/temporary_folder.h"
#include "tests/unit/tls/tls_pair.h"

namespace engine::test {
namespace {

using ::testing::HasSubstr;

struct Result {
  TlsError client;
  TlsError server;
  std::string client_text;
  std::string server_text;
  std::string anchor_pem;
};

class TlsTrustTest : public ::testing::Test {
 protected:
  TlsServerOptions ServerOptions() const {
    return {.identity = authority_.ServerIdentity(),
            .client_authority_pem = authority_.Pem(),
            .protocols = {"adit/1", "http/1.1"},
            .clock = TestClock()};
  }
  TlsClientOptions ClientOptions() const {
    return {.trust = TlsTrust::Authority(authority_.Pem()),
            .identity = authority_.ClientIdentity(),
            .protocols = {"adit/1"},
            .clock = TestClock()};
  }

  Result Meet(const TlsServerOptions& server_options, const TlsClientOptions& client_options,
              std::string_view host = "relay.test") {
    const std::unique_ptr<TlsContext> server_context = Must(TlsContext::Server(server_options));
    const std::unique_ptr<TlsContext> client_context = Must(TlsContext::Client(client_options));
    return Meet(*server_context, *client_context, host);
  }

  Result Meet(const TlsContext& server_context, const TlsContext& client_context,
              std::string_view host = "relay.test") {
    TlsEnd server(server_context);
    TlsEnd client(client_context, host);
    Shake(client, server);
    if (client.channel.error() == TlsError::kNone) {
      EXPECT_TRUE(client.channel.handshake_done());
    }
    if (server.channel.error() == TlsError::kNone && client.channel.error() == TlsError::kNone) {
      EXPECT_TRUE(server.channel.handshake_done());
    }
    return {client.channel.error(), server.channel.error(), client.channel.error_text(),
            server.channel.error_text(), client.channel.anchor_pem()};
  }

  TestAuthority authority_;
  TestAuthority other_{"Test CA"};  // The same name, another key.
};

TEST_F(TlsTrustTest, AGoodPairMeets) {
  const Result result = Meet(ServerOptions(), ClientOptions());
  EXPECT_EQ(result.client, TlsError::kNone) << result.client_text;
  EXPECT_EQ(result.server, TlsError::kNone) << result.server_text;
}

TEST_F(TlsTrustTest, AClientWithoutACertificateIsLetIn) {
  TlsClientOptions options = ClientOptions();
  options.identity.reset();
  const Result result = Meet(ServerOptions(), options);
  EXPECT_EQ(result.client, TlsError::kNone);
  EXPECT_EQ(result.server, TlsError::kNone);
}

TEST_F(TlsTrustTest, AClientCertificateOfAnotherAuthorityIsRefusedByName) {
  TlsClientOptions options = ClientOptions();
  options.identity = other_.ClientIdentity();
  const Result result = Meet(ServerOptions(), options);
  EXPECT_EQ(result.server, TlsError::kOtherAuthority);
  EXPECT_THAT(result.server_text, HasSubstr("signed by another authority"));
  EXPECT_EQ(result.client, TlsError::kCertificateRefused);
  EXPECT_THAT(result.client_text, HasSubstr("authority that is not trusted"));
}

TEST_F(TlsTrustTest, AServerOfAnotherAuthorityIsRefusedByName) {
  TlsServerOptions options = ServerOptions();
  options.identity = other_.ServerIdentity();
  const Result result = Meet(options, ClientOptions());
  EXPECT_EQ(result.client, TlsError::kOtherAuthority);
  EXPECT_EQ(result.server, TlsError::kCertificateRefused);
}

TEST_F(TlsTrustTest, AnExpiredCertificateIsRefusedOnEitherSide) {
  const crypto::Validity past = {kTestNow - 10 * kTestDay, kTestNow - 1};
  TlsClientOptions client = ClientOptions();
  client.identity = authority_.ClientIdentity("mi-1", past);
  EXPECT_EQ(Meet(ServerOptions(), client).server, TlsError::kCertificateExpired);
  TlsServerOptions server = ServerOptions();
  server.identity = authority_.ServerIdentity({"relay", {"relay.test"}, {}}, past);
  const Result result = Meet(server, ClientOptions());
  EXPECT_EQ(result.client, TlsError::kCertificateExpired);
  EXPECT_THAT(result.client_text, HasSubstr("clock"));
}

TEST_F(TlsTrustTest, AServersCertificateOfTomorrowIsRefused) {
  const crypto::Validity future = {kTestNow + kTestDay, kTestNow + 2 * kTestDay};
  TlsServerOptions server = ServerOptions();
  server.identity = authority_.ServerIdentity({"relay", {"relay.test"}, {}}, future);
  EXPECT_EQ(Meet(server, ClientOptions()).client, TlsError::kCertificateNotYetValid);
}

TEST_F(TlsTrustTest, AServersCertificateMayBeValidAtTheSecondClockInstead) {
  const auto at = [](int64_t time) { return [time] { return time; }; };
  const int64_t away = 400 * kTestDay;
  for (const int64_t first : {kTestNow - away, kTestNow + away}) {
    TlsClientOptions client = ClientOptions();
    client.clock = at(first);
    EXPECT_NE(Meet(ServerOptions(), client).client, TlsError::kNone);
    client.second_clock = at(kTestNow);
    EXPECT_EQ(Meet(ServerOptions(), client).client, TlsError::kNone);
    client.second_clock = at(first);
    EXPECT_NE(Meet(ServerOptions(), client).client, TlsError::kNone);
    TlsServerOptions stranger = ServerOptions();
    stranger.identity = other_.ServerIdentity();
    client.second_clock = at(kTestNow);
    EXPECT_EQ(Meet(stranger, client).client, TlsError::kOtherAuthority);
  }
}

TEST_F(TlsTrustTest, AClientsCertificateOfTomorrowIsTaken) {
  TlsClientOptions client = ClientOptions();
  client.identity =
      authority_.ClientIdentity("mi-1", {kTestNow + kTestDay, kTestNow + 2 * kTestDay});
  EXPECT_EQ(Meet(ServerOptions(), client).server, TlsError::kNone);
}

TEST_F(TlsTrustTest, AClientsCertificateOfTomorrowByAnotherAuthorityIsRefused) {
  TlsClientOptions client = ClientOptions();
  client.identity = TestAuthority("Another").ClientIdentity(
      "mi-1", {kTestNow + kTestDay, kTestNow + 2 * kTestDay});
  EXPECT_EQ(Meet(ServerOptions(), client).server, TlsError::kOtherAuthority);
}

TEST_F(TlsTrustTest, ACertificateIsGoodFromItsFirstSecondToBeforeItsLast) {
  for (const crypto::Validity validity :
       {crypto::Validity{kTestNow, kTestNow + 5}, crypto::Validity{kTestNow - 5, kTestNow + 1}}) {
    TlsServerOptions server = ServerOptions();
    server.identity = authority_.ServerIdentity({"relay", {"relay.test"}, {}}, validity);
    EXPECT_EQ(Meet(server, ClientOptions()).client, TlsError::kNone);
  }
}

TEST_F(TlsTrustTest, ANodesCertificateNeverPosesAsTheRelay) {
  TlsServerOptions options = ServerOptions();
  options.identity = authority_.ClientIdentity("adit-relay.internal");
  EXPECT_EQ(Meet(options, ClientOptions()).client, TlsError::kWrongPurpose);
}

TEST_F(TlsTrustTest, TheRelaysCertificateNeverPosesAsANode) {
  TlsClientOptions options = ClientOptions();
  options.identity = authority_.ServerIdentity();
  const Result result = Meet(ServerOptions(), options);
  EXPECT_EQ(result.server, TlsError::kWrongPurpose);
  EXPECT_EQ(result.client, TlsError::kCertificateRefused);
}

TEST_F(TlsTrustTest, TheAuthoritysOwnCertificateIsNotAServers) {
  TlsServerOptions options = ServerOptions();
  options.identity = {authority_.Pem(), authority_.issuer().key.Pem()};
  EXPECT_EQ(TlsContext::Server(options).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(TlsTrustTest, NamesAndAddressesOfTheCertificateAreAccepted) {
  TlsServerOptions options = ServerOptions();
  options.identity =
      authority_.ServerIdentity({"x", {"relay.test", "*.wild.test"}, {"127.0.0.1", "2001:db8::1"}});
  for (const char* host :
       {"relay.test", "RELAY.test", "a.wild.test", "127.0.0.1", "2001:db8:0:0::1"}) {
    EXPECT_EQ(Meet(options, ClientOptions(), host).client, TlsError::kNone) << host;
  }
  for (const char* host : {"relay.test.evil", "x", "a.b.wild.test", "127.0.0.2", "::1", ""}) {
    const Result result = Meet(options, ClientOptions(), host);
    EXPECT_EQ(result.client, TlsError::kWrongHost) << host;
    EXPECT_THAT(result.client_text, HasSubstr("another name"));
    EXPECT_EQ(result.server, TlsError::kCertificateRefused);
  }
}

TEST_F(TlsTrustTest, ARelaysSelfMadeCertificateIsGoodUnderAnyName) {
  TlsServerOptions options = ServerOptions();
  options.identity = authority_.ServerIdentity({"relay", {"adit-relay.internal"}, {}});
  for (const char* host : {"203.0.113.7", "my-relay.example", "localhost"}) {
    EXPECT_EQ(Meet(options, ClientOptions(), host).client, TlsError::kNone) << host;
  }
}

TEST_F(TlsTrustTest, FirstContactTakesExactlyThePromisedAuthorityAndHandsItOut) {
  TlsClientOptions options = ClientOptions();
  options.trust = TlsTrust::Fingerprint(authority_.issuer().certificate.fingerprint());
  const Result result = Meet(ServerOptions(), options);
  EXPECT_EQ(result.client, TlsError::kNone) << result.client_text;
  EXPECT_EQ(result.anchor_pem, authority_.Pem());

  // What was handed out is the trust of the next contact.
  options.trust = TlsTrust::Authority(result.anchor_pem);
  EXPECT_EQ(Meet(ServerOptions(), options).client, TlsError::kNone);
}

TEST_F(TlsTrustTest, FirstContactRefusesAnotherAuthorityBeforeAnythingIsSent) {
  TlsClientOptions options = ClientOptions();
  options.trust = TlsTrust::Fingerprint(other_.issuer().certificate.fingerprint());
  const Result result = Meet(ServerOptions(), options);
  EXPECT_EQ(result.client, TlsError::kFingerprintMismatch);
  EXPECT_EQ(result.anchor_pem, "");
}

TEST_F(TlsTrustTest, FirstContactRefusesAChainThatOnlyCarriesThePromisedAuthority) {
  // A man in the middle appends the right authority to a chain of his own.
  TlsServerOptions options = ServerOptions();
  options.identity = other_.ServerIdentity();
  options.identity.certificate_chain_pem += authority_.Pem();
  TlsClientOptions client = ClientOptions();
  client.trust = TlsTrust::Fingerprint(authority_.issuer().certificate.fingerprint());
  const Result result = Meet(options, client);
  EXPECT_EQ(result.client, TlsError::kOtherAuthority);
  EXPECT_EQ(result.anchor_pem, "");
}

TEST_F(TlsTrustTest, AServersOwnCertificateCanBeTheAnchor) {
  const TlsServerOptions options = ServerOptions();
  TlsClientOptions client = ClientOptions();
  client.trust = TlsTrust::Authority(
      Must(crypto::Certificate::FromPem(options.identity.certificate_chain_pem)).Pem());
  EXPECT_EQ(Meet(options, client).client, TlsError::kNone);
  EXPECT_EQ(Meet(ServerOptions(), client).client, TlsError::kOtherAuthority) << "a renewed one";
}

TEST_F(TlsTrustTest, ThePublicAuthoritiesDoNotKnowOurs) {
  TlsClientOptions options = ClientOptions();
  options.trust = TlsTrust::System();
  const absl::StatusOr<std::unique_ptr<TlsContext>> client = TlsContext::Client(options);
  if (!client.ok()) {
    EXPECT_EQ(client.status().code(), absl::StatusCode::kNotFound) << "a machine without a list";
    return;
  }
  const std::unique_ptr<TlsContext> server = Must(TlsContext::Server(ServerOptions()));
  EXPECT_EQ(Meet(*server, **client).client, TlsError::kOtherAuthority);
}

TEST_F(TlsTrustTest, ListsThatAreNamedStandForTheMachinesOwn) {
  const TemporaryFolder folder;
  std::ofstream(folder / "other.pem") << "# a comment\n" << other_.Pem();
  std::ofstream(folder / "both.pem") << other_.Pem() << authority_.Pem();
  TlsClientOptions options = ClientOptions();
  options.trust = TlsTrust::Lists({folder / "other.pem"});
  EXPECT_EQ(Meet(ServerOptions(), options).client, TlsError::kOtherAuthority);
  options.trust = TlsTrust::Lists({folder / "other.pem", folder / "both.pem"});
  EXPECT_EQ(Meet(ServerOptions(), options).client, TlsError::kNone);

  std::ofstream(folder / "none.pem") << "nothing";
  for (const char* name : {"none.pem", "absent.pem"}) {
    options.trust = TlsTrust::Lists({folder / name});
    EXPECT_EQ(TlsContext::Client(options).status().code(), absl::StatusCode::kNotFound);
  }
}

// Two ends that were told each other's key: certificates without names, purposes or an authority.
class TlsKeyTrustTest : public TlsTrustTest {
 protected:
  struct Side {
    explicit Side(crypto::Validity validity = kTestYear)
        : identity{Must(crypto::CreateSessionCertificate(key, validity)).Pem(), key.Pem()} {}
    crypto::PrivateKey key = crypto::PrivateKey::Generate();
    TlsIdentity identity;
  };
  static TlsServerOptions Server(const Side& own, const Side& client) {
    return {.identity = own.identity,
            .client_public_key = client.key.PublicFingerprint(),
            .protocols = {"adit/1"},
            .clock = TestClock()};
  }
  static TlsClientOptions Client(const Side& own, const Side& server) {
    return {.trust = TlsTrust::PublicKey(server.key.PublicFingerprint()),
            .identity = own.identity,
            .protocols = {"adit/1"},
            .clock = TestClock()};
  }
  const Side client_, server_, other_side_;
};

TEST_F(TlsKeyTrustTest, TheRightKeysMeetUnderAnyName) {
  const Result result = Meet(Server(server_, client_), Client(client_, server_), "anybody.test");
  EXPECT_EQ(result.client, TlsError::kNone) << result.client_text;
  EXPECT_EQ(result.server, TlsError::kNone) << result.server_text;
}

TEST_F(TlsKeyTrustTest, TimesDoNotMatter) {
  const Side old({kTestNow - 2 * kTestDay, kTestNow - kTestDay});
  const Result result = Meet(Server(old, client_), Client(client_, old));
  EXPECT_EQ(result.client, TlsError::kNone) << result.client_text;
}

TEST_F(TlsKeyTrustTest, AServerWithAnotherKeyIsRefused) {
  const Result result = Meet(Server(server_, client_), Client(client_, other_side_));
  EXPECT_EQ(result.client, TlsError::kOtherKey);
  EXPECT_THAT(result.client_text, HasSubstr("another key"));
}

TEST_F(TlsKeyTrustTest, AClientWithAnotherKeyIsRefused) {
  EXPECT_EQ(Meet(Server(server_, other_side_), Client(client_, server_)).server,
            TlsError::kOtherKey);
}

TEST_F(TlsKeyTrustTest, AClientWithoutAKeyIsRefused) {
  TlsClientOptions options = Client(client_, server_);
  options.identity.reset();
  EXPECT_NE(Meet(Server(server_, client_), options).server, TlsError::kNone);
}

TEST_F(TlsKeyTrustTest, AnothersCertificateWithoutItsKeyCannotBeShown) {
  TlsServerOptions options = Server(server_, client_);
  options.identity.certificate_chain_pem = other_side_.identity.certificate_chain_pem;
  EXPECT_FALSE(TlsContext::Server(options).ok());
}

TEST_F(TlsKeyTrustTest, AnAuthorityAndAKeyTogetherAreAMistake) {
  TlsServerOptions options = Server(server_, client_);
  options.client_authority_pem = authority_.Pem();
  EXPECT_EQ(TlsContext::Server(options).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(TlsTrustTest, NoCommonProtocolIsNamedOnBothSides) {
  TlsClientOptions options = ClientOptions();
  options.protocols = {"adit/99"};
  const Result result = Meet(ServerOptions(), options);
  EXPECT_EQ(result.server, TlsError::kNoCommonProtocol);
  EXPECT_EQ(result.client, TlsError::kNoCommonProtocol);
  EXPECT_THAT(result.client_text, HasSubstr("ALPN"));
}

TEST_F(TlsTrustTest, AServerThatKnowsNoProtocolsIsRefused) {
  TlsServerOptions options = ServerOptions();
  options.protocols.clear();
  EXPECT_EQ(Meet(options, ClientOptions()).client, TlsError::kNoCommonProtocol);
}

TEST_F(TlsTrustTest, AClientWithoutProtocolsIsServedWithNone) {
  TlsClientOptions options = ClientOptions();
  options.protocols.clear();
  const Result result = Meet(ServerOptions(), options);
  EXPECT_EQ(result.client, TlsError::kNone);
  EXPECT_EQ(result.server, TlsError::kNone);
}

TEST_F(TlsTrustTest, ReloadIsForNewConnectionsAndAFailedOneChangesNothing) {
  const std::unique_ptr<TlsContext> server = Must(TlsContext::Server(ServerOptions()));
  const std::unique_ptr<TlsContext> client = Must(TlsContext::Client(ClientOptions()));
  TlsEnd old_server(*server);
  TlsEnd old_client(*client, "relay.test");

  TlsServerOptions options = ServerOptions();
  options.identity = other_.ServerIdentity();
  ASSERT_TRUE(server->Reload(options).ok());
  EXPECT_EQ(Meet(*server, *client).client, TlsError::kOtherAuthority);
  Shake(old_client, old_server);
  EXPECT_TRUE(old_server.channel.handshake_done());

  options.identity.private_key_pem = "nonsense";
  EXPECT_EQ(server->Reload(options).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(Meet(*server, *client).client, TlsError::kOtherAuthority);
}

TEST_F(TlsTrustTest, AKeyOfAnotherCertificateIsRefusedAtTheStart) {
  TlsServerOptions options = ServerOptions();
  options.identity.private_key_pem = crypto::PrivateKey::Generate().Pem();
  const absl::Status status = TlsContext::Server(options).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr("does not belong"));
}

}  // namespace
}  // namespace engine::test
