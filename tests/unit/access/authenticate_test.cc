// Goal: only who has the secret, signs all that matters, and signs now, is the caller; everyone
// else hears the code that AWS would answer. Method: a good request, and one change at a time.

#include "relay/access/authenticate.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <optional>

#include "engine/http/amz_date.h"
#include "engine/http/sigv4.h"
#include "engine/http/sigv4_proof.h"
#include "relay/store/sqlite_store.h"
#include "tests/support/temporary_folder.h"

namespace relay {
namespace {

using engine::HttpRequest;

constexpr int64_t kNow = 1'700'000'000;  // 20231114T221320Z

class AuthenticateTest : public testing::Test {
 protected:
  AuthenticateTest() {
    auto opened = SqliteStore::Open({.path = folder / "adit.db"}, engine::crypto::MasterKey{});
    EXPECT_TRUE(opened.ok()) << opened.status();
    store = *std::move(opened);
    AccessKey key{
        .id = "AKIAGOOD", .user_name = "admin", .principal = "arn:admin", .secret = "good-secret"};
    EXPECT_TRUE(store->AddAccessKey(key).ok());
    key.id = "AKIAOFF";
    key.active = false;
    EXPECT_TRUE(store->AddAccessKey(key).ok());
    authenticator.emplace(*store);
  }

  static HttpRequest Unsigned() {
    HttpRequest request;
    request.method = "POST";
    request.headers.Add("Host", "relay.example:8443");
    request.headers.Add("Content-Type", "application/x-amz-json-1.1");
    request.headers.Add("X-Amz-Target", "AmazonSSM.DescribeSessions");
    request.headers.Add("User-Agent", "not signed");
    request.body = R"({"State": "Active"})";
    return request;
  }
  static HttpRequest Signed(int64_t time = kNow, std::string id = "AKIAGOOD",
                            std::string secret = "good-secret", std::string token = "",
                            std::string service = "ssm") {
    HttpRequest request = Unsigned();
    engine::Sign(request, {std::move(id), std::move(secret), std::move(token)}, "adit", service,
                 time);
    return request;
  }
  // Result is the caller's ARN, or code and message of the error.
  std::string Result(const HttpRequest& request) {
    const auto result = authenticator->Authenticate(request, "ssm", "192.0.2.1", kNow * 1000);
    if (const auto* caller = std::get_if<Caller>(&result)) return caller->principal;
    const ApiError& error = std::get<Refusal>(result).error;
    return error.code + ": " + error.message;
  }
  static HttpRequest Replace(HttpRequest request, const char* from, const std::string& to) {
    std::string header(request.headers.Get("authorization"));
    header.replace(header.find(from), std::string(from).size(), to);
    request.headers.Set("Authorization", header);
    return request;
  }

  TemporaryFolder folder;
  std::unique_ptr<SqliteStore> store;
  std::optional<Authenticator> authenticator;
};

using testing::Test;

#define EXPECT_STARTS(text, start) EXPECT_EQ((text).substr(0, std::string(start).size()), start)

TEST_F(AuthenticateTest, AGoodSignatureGivesTheCaller) {
  const auto result = authenticator->Authenticate(Signed(), "ssm", "192.0.2.1", kNow * 1000);
  const auto* caller = std::get_if<Caller>(&result);
  ASSERT_NE(caller, nullptr);
  EXPECT_EQ(caller->access_key_id, "AKIAGOOD");
  EXPECT_EQ(caller->user_name, "admin");
  EXPECT_EQ(caller->principal, "arn:admin");
}

TEST_F(AuthenticateTest, AnyRegionIsTaken) {
  HttpRequest request = Unsigned();
  engine::Sign(request, {"AKIAGOOD", "good-secret", ""}, "us-east-1", "ssm", kNow);
  EXPECT_EQ(Result(request), "arn:admin");
}

TEST_F(AuthenticateTest, NoSignatureIsMissing) {
  EXPECT_EQ(Result(Unsigned()),
            "MissingAuthenticationTokenException: Request is missing Authentication Token");
}

TEST_F(AuthenticateTest, AMalformedHeaderIsIncomplete) {
  HttpRequest request = Signed();
  request.headers.Set("Authorization", "Basic YTpi");
  EXPECT_STARTS(Result(request), "IncompleteSignatureException: ");
  EXPECT_STARTS(Result(Replace(Signed(), "Signature=", "Sig=")), "IncompleteSignatureException: ");
}

TEST_F(AuthenticateTest, AnUnknownOrInactiveKeyIsUnrecognized) {
  const std::string expected =
      "UnrecognizedClientException: The security token included in the request is invalid.";
  EXPECT_EQ(Result(Signed(kNow, "AKIANOBODY")), expected);
  EXPECT_EQ(Result(Signed(kNow, "AKIAOFF")), expected);
}

TEST_F(AuthenticateTest, ATokenThatIsNotThisRelaysIsUnrecognized) {
  EXPECT_STARTS(Result(Signed(kNow, "ASIANOBODY", "s", "TOKEN")), "UnrecognizedClientException: ");
  EXPECT_STARTS(Result(Signed(kNow, "AKIAGOOD", "good-secret", "TOKEN")),
                "UnrecognizedClientException: ");
}

TEST_F(AuthenticateTest, AWrongSecretOrAChangedRequestIsAMismatch) {
  const std::string expected =
      "InvalidSignatureException: The request signature we calculated does not match";
  EXPECT_STARTS(Result(Signed(kNow, "AKIAGOOD", "other-secret")), expected);
  const std::function<void(HttpRequest&)> changes[] = {
      [](HttpRequest& r) { r.body += " "; },
      [](HttpRequest& r) { r.body.clear(); },
      [](HttpRequest& r) { r.method = "PUT"; },
      [](HttpRequest& r) { r.target = "/other"; },
      [](HttpRequest& r) { r.target = "/?a=b"; },
      [](HttpRequest& r) { r.headers.Set("Host", "elsewhere"); },
      [](HttpRequest& r) { r.headers.Set("X-Amz-Target", "AmazonSSM.StartSession"); },
      [](HttpRequest& r) { r.headers.Set("Content-Type", "text/plain"); },
      [](HttpRequest& r) { r.headers.Set("X-Amz-Date", engine::AmzDate(kNow + 1)); },
  };
  for (const auto& change : changes) {
    HttpRequest request = Signed();
    change(request);
    EXPECT_STARTS(Result(request), expected);
  }
  const std::string signature(Signed()
                                  .headers.Get("authorization")
                                  .substr(Signed().headers.Get("authorization").size() - 64));
  std::string other = signature;
  other[63] = other[63] == 'a' ? 'b' : 'a';
  EXPECT_STARTS(Result(Replace(Signed(), signature.c_str(), other)), expected);
}

TEST_F(AuthenticateTest, TheHashThatTheSenderClaimsIsNotBelieved) {
  for (const std::string& hash : {std::string("UNSIGNED-PAYLOAD"), engine::crypto::HexSha256({})}) {
    HttpRequest request = Unsigned();
    request.headers.Add("X-Amz-Content-Sha256", hash);
    // Sign for that hash, as a sender does that wants another body accepted.
    const std::string body = std::exchange(request.body, "");
    engine::Sign(request, {"AKIAGOOD", "good-secret", ""}, "adit", "ssm", kNow);
    request.body = body;
    EXPECT_STARTS(Result(request), "InvalidSignatureException: ");
  }
}

TEST_F(AuthenticateTest, BodiesThatAreSignedInChunksAreProvenChunkByChunk) {
  const auto request_of = [](const std::string& length) {
    HttpRequest request = Unsigned();
    request.headers.Add("X-Amz-Content-Sha256", engine::kSigV4ChunkedPayload);
    request.headers.Add("X-Amz-Decoded-Content-Length", length);
    const std::vector<std::string> names = {"content-type",
                                            "host",
                                            "x-amz-content-sha256",
                                            "x-amz-date",
                                            "x-amz-decoded-content-length",
                                            "x-amz-target"};
    const engine::SigV4Scope scope{engine::AmzDate(kNow).substr(0, 8), "adit", "ssm"};
    request.headers.Set("X-Amz-Date", engine::AmzDate(kNow));
    const std::string canonical = engine::CanonicalRequest(request, engine::SigV4Form::kHeader,
                                                           names, engine::kSigV4ChunkedPayload);
    const std::string signature = engine::SigV4Signature(
        "good-secret", scope, engine::StringToSign(engine::AmzDate(kNow), scope, canonical));
    request.headers.Set("Authorization", "AWS4-HMAC-SHA256 Credential=AKIAGOOD/" + scope.Text() +
                                             ", SignedHeaders=content-type;host;"
                                             "x-amz-content-sha256;x-amz-date;"
                                             "x-amz-decoded-content-length;x-amz-target, "
                                             "Signature=" +
                                             signature);
    engine::SigV4ChunkedBody chunked{.payload = "{}", .chunks = {}};
    const std::string date = engine::AmzDate(kNow);
    const engine::SigV4ChunkSeed seed{"good-secret", scope, date, signature};
    const std::string first = engine::ChunkSignature(seed, signature, "{}");
    chunked.chunks = {{2, first}, {0, engine::ChunkSignature(seed, first, "")}};
    return std::pair(std::move(request), std::move(chunked));
  };
  const auto result = [&](const HttpRequest& request, const engine::SigV4ChunkedBody* chunked) {
    const auto found =
        authenticator->Authenticate(request, "ssm", "192.0.2.1", kNow * 1000, chunked);
    if (const auto* caller = std::get_if<Caller>(&found)) return caller->principal;
    return std::get<Refusal>(found).error.code;
  };
  auto [request, chunked] = request_of("2");
  EXPECT_EQ(result(request, &chunked), "arn:admin");
  EXPECT_EQ(result(request, nullptr), "InvalidSignatureException") << "a body that is no chunks";
  engine::SigV4ChunkedBody other = chunked;
  other.payload = "[]";
  EXPECT_EQ(result(request, &other), "InvalidSignatureException");
  auto [longer, same] = request_of("3");
  EXPECT_EQ(result(longer, &same), "InvalidSignatureException") << "shorter than was said";
}

TEST_F(AuthenticateTest, BodiesThatAreSignedInOtherPiecesAreRefusedWithTheReason) {
  for (const char* hash : {"UNSIGNED-PAYLOAD", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER",
                           "STREAMING-UNSIGNED-PAYLOAD-TRAILER"}) {
    HttpRequest request = Unsigned();
    request.headers.Add("X-Amz-Content-Sha256", hash);
    engine::Sign(request, {"AKIAGOOD", "good-secret", ""}, "adit", "ssm", kNow);
    EXPECT_STARTS(Result(request), "InvalidSignatureException: X-Amz-Content-Sha256 is '");
  }
}

// Trap P30: what is signed is the Host header as it came, with its port.
TEST_F(AuthenticateTest, HeadersThatMatterMustBeSigned) {
  const auto without = [&](const char* name) { return Result(Replace(Signed(), name, "")); };
  EXPECT_STARTS(without("host;"), "IncompleteSignatureException: 'Host' must be");
  EXPECT_STARTS(without("x-amz-date;"), "IncompleteSignatureException: 'x-amz-date' must be");
  EXPECT_STARTS(without(";x-amz-target"), "IncompleteSignatureException: 'x-amz-target' must be");
  EXPECT_STARTS(without("content-type;"), "IncompleteSignatureException: 'content-type' must be");
  HttpRequest request = Signed();
  request.headers.Add("X-Amz-Security-Token", "added later");
  EXPECT_STARTS(Result(request), "IncompleteSignatureException: 'x-amz-security-token' must be");
}

TEST_F(AuthenticateTest, HeadersThatTwoReadersCouldTakeDifferentlyMustBeThereOnce) {
  for (const char* name : {"Authorization", "Host", "X-Amz-Date", "X-Amz-Target", "Content-Type"}) {
    HttpRequest request = Signed();
    request.headers.Add(name, request.headers.Get(name));
    EXPECT_STARTS(Result(request), "IncompleteSignatureException: Header '");
  }
}

TEST_F(AuthenticateTest, TheDateMustBeThereAndReadable) {
  HttpRequest request = Signed();
  request.headers.Set("X-Amz-Date", "yesterday");
  EXPECT_STARTS(Result(request), "IncompleteSignatureException: Date must be");
  HttpRequest without = Unsigned();
  without.headers.Set("Authorization",
                      "AWS4-HMAC-SHA256 Credential=AKIAGOOD/20231114/adit/ssm/aws4_request, "
                      "SignedHeaders=content-type;host;x-amz-target, Signature=" +
                          std::string(64, 'a'));
  EXPECT_STARTS(Result(without), "IncompleteSignatureException: Authorization header requires");
}

TEST_F(AuthenticateTest, ASkewOfTenMinutesIsRefusedBothWaysInAwssWords) {
  EXPECT_EQ(Result(Signed(kNow - 600)),
            "InvalidSignatureException: Signature expired: 20231114T220320Z is now earlier than "
            "20231114T220820Z (20231114T221320Z - 5 min.)");
  EXPECT_EQ(Result(Signed(kNow + 600)),
            "InvalidSignatureException: Signature not yet current: 20231114T222320Z is still later "
            "than 20231114T221820Z (20231114T221320Z + 5 min.)");
}

TEST_F(AuthenticateTest, FiveMinutesAreTakenAndASecondMoreIsNot) {
  EXPECT_EQ(Result(Signed(kNow - 300)), "arn:admin");
  EXPECT_EQ(Result(Signed(kNow + 300)), "arn:admin");
  EXPECT_STARTS(Result(Signed(kNow - 301)), "InvalidSignatureException: Signature expired");
  EXPECT_STARTS(Result(Signed(kNow + 301)), "InvalidSignatureException: Signature not yet");
}

TEST_F(AuthenticateTest, AnotherScopeIsRefused) {
  EXPECT_STARTS(Result(Signed(kNow, "AKIAGOOD", "good-secret", "", "s3")),
                "InvalidSignatureException: Credential should be scoped to correct service: 'ssm'");
  EXPECT_STARTS(Result(Replace(Signed(), "aws4_request", "aws5_request")),
                "InvalidSignatureException: Credential should be scoped with a valid terminator");
  EXPECT_STARTS(Result(Replace(Signed(), "/20231114/", "/20231113/")),
                "InvalidSignatureException: Date in Credential scope");
}

TEST_F(AuthenticateTest, BodiesOfEverySizeAreHashed) {
  for (const size_t size :
       {size_t{0}, size_t{1}, size_t{63}, size_t{64}, size_t{65536}, size_t{1} << 20}) {
    HttpRequest request = Unsigned();
    request.body = std::string(size, 'b');
    engine::Sign(request, {"AKIAGOOD", "good-secret", ""}, "adit", "ssm", kNow);
    EXPECT_EQ(Result(request), "arn:admin") << size;
    request.body += 'b';
    EXPECT_STARTS(Result(request), "InvalidSignatureException: ");
  }
}

TEST_F(AuthenticateTest, ADateHeaderThatIsNotSignedIsRefused) {
  HttpRequest request = Signed();
  std::string header(request.headers.Get("authorization"));
  request = Unsigned();
  request.headers.Add("Date", engine::AmzDate(kNow));
  request.headers.Add("Authorization", header);
  EXPECT_STARTS(Result(Replace(request, ";x-amz-date", "")),
                "IncompleteSignatureException: 'date' must be");
}

HttpRequest Presigned(int64_t seconds, const std::string& target = "/?State=Active") {
  HttpRequest request;
  request.target = target;
  request.headers.Add("Host", "relay.example:8443");
  engine::Presign(request, {"AKIAGOOD", "good-secret", ""}, "adit", "ssm", kNow - 60, seconds);
  return request;
}

TEST_F(AuthenticateTest, APresignedAddressCountsForAsLongAsItSays) {
  EXPECT_EQ(Result(Presigned(60)), "arn:admin");
  EXPECT_STARTS(
      Result(Presigned(59)),
      "InvalidSignatureException: Signature expired: 20231114T221220Z is now earlier than "
      "20231114T221221Z (20231114T221320Z - 59 s)");
  HttpRequest request = Presigned(60);
  request.target.replace(request.target.find("Active"), 6, "Closed");
  EXPECT_STARTS(Result(request), "InvalidSignatureException: The request signature");
}

TEST_F(AuthenticateTest, APresignedAddressCountsForAQuarterOfAnHourAtMost) {
  const auto after = [&](int64_t seconds) {
    const auto result = authenticator->Authenticate(Presigned(604'800), "ssm", "192.0.2.1",
                                                    (kNow - 60 + seconds) * 1000);
    return std::holds_alternative<Caller>(result);
  };
  EXPECT_TRUE(after(900));
  EXPECT_FALSE(after(901));
}

TEST_F(AuthenticateTest, ASignatureIsTakenAgainFromItsFirstAddressAlone) {
  const HttpRequest request = Signed();
  EXPECT_EQ(Result(request), "arn:admin");
  EXPECT_EQ(Result(request), "arn:admin");
  const auto copied = authenticator->Authenticate(request, "ssm", "198.51.100.7", kNow * 1000);
  const auto* refusal = std::get_if<Refusal>(&copied);
  ASSERT_NE(refusal, nullptr);
  EXPECT_EQ(refusal->error.code, "InvalidSignatureException");
  EXPECT_EQ(refusal->first_source, "192.0.2.1");
  EXPECT_EQ(refusal->access_key_id, "AKIAGOOD");
  EXPECT_EQ(Result(request), "arn:admin");
}

TEST_F(AuthenticateTest, AWrongSignatureDoesNotTakeTheAddressOfARightOne) {
  HttpRequest wrong = Signed();
  wrong.body += " ";
  EXPECT_TRUE(std::holds_alternative<Refusal>(
      authenticator->Authenticate(wrong, "ssm", "198.51.100.7", kNow * 1000)));
  EXPECT_EQ(Result(Signed()), "arn:admin");
}

// Equal is true when two requests mean the same to whoever reads them: the case of a header's name
// and the space around its value do not count.
bool Equal(const HttpRequest& left, const HttpRequest& right) {
  const auto canonical = [](const HttpRequest& request) {
    const auto read = engine::ReadProof(request);
    const auto* proof = std::get_if<engine::SigV4Proof>(&read);
    if (proof == nullptr) return std::string();
    return engine::CanonicalRequest(request, proof->form, proof->authorization.signed_headers,
                                    request.body) +
           proof->authorization.access_key_id + proof->authorization.scope.Text() +
           proof->authorization.signature + std::string(request.headers.Get("authorization"));
  };
  return canonical(left) == canonical(right);
}

TEST_F(AuthenticateTest, AByteThatIsChangedAnywhereInASignedRequestIsRefused) {
  const HttpRequest header = Signed();
  const HttpRequest presigned = Presigned(300, "/?Action=GetCallerIdentity&Version=2011-06-15");
  size_t refused = 0;
  for (const HttpRequest& good : {header, presigned}) {
    ASSERT_EQ(Result(good), "arn:admin");
    const auto mutate = [&](std::string HttpRequest::*part) {
      for (size_t i = 0; i < (good.*part).size(); ++i) {
        for (const char flip : {'\x01', '\x20', '\x40', '\x0f'}) {
          HttpRequest request = good;
          (request.*part)[i] ^= flip;
          if (Equal(request, good)) continue;
          EXPECT_NE(Result(request), "arn:admin") << request.target << request.body;
          ++refused;
        }
        HttpRequest shorter = good;
        (shorter.*part).erase(i, 1);
        if (Equal(shorter, good)) continue;
        EXPECT_NE(Result(shorter), "arn:admin") << i;
      }
    };
    mutate(&HttpRequest::method);
    mutate(&HttpRequest::target);
    mutate(&HttpRequest::body);
    for (const engine::HttpHeader& signed_header : good.headers.all()) {
      if (signed_header.name == "User-Agent") continue;  // Not signed.
      for (size_t i = 0; i < signed_header.value.size(); ++i) {
        for (const char flip : {'\x01', '\x20', '\x40', '\x0f'}) {
          std::string value = signed_header.value;
          value[i] ^= flip;
          HttpRequest request = good;
          request.headers.Set(signed_header.name, value);
          EXPECT_NE(Result(request), "arn:admin") << signed_header.name << ": " << value;
          ++refused;
        }
      }
    }
  }
  EXPECT_GT(refused, 1'500u);
}

}  // namespace
}  // namespace relay
