#include "tests/unit/agent/lane_client.h"

#include <utility>

#include "engine/base/bytes.h"
#include "engine/base/check.h"
#include "tests/support/tls_credentials.h"

namespace agent {

using engine::test::Must;

TestTrust::TestTrust() {
  const engine::crypto::Issuer issuer{
      Must(engine::crypto::CreateAuthority(authority_key, "Test CA", kAlways)), authority_key};
  authority_pem = issuer.certificate.Pem();
  const engine::crypto::PrivateKey relay_key = engine::crypto::PrivateKey::Generate();
  relay = {Must(engine::crypto::IssueServer(
                    issuer, relay_key,
                    {"relay", {std::string(engine::kRelayInternalName)}, {"127.0.0.1", "10.0.0.1"}},
                    kAlways))
                   .Pem() +
               authority_pem,
           relay_key.Pem()};
  const engine::crypto::PrivateKey node_key = engine::crypto::PrivateKey::Generate();
  const std::string request = Must(engine::crypto::CreateSigningRequest(node_key, kNode));
  node = {Must(engine::crypto::IssueClient(issuer, request, kNode, kAlways)).Pem(), node_key.Pem()};
  relay_context = Must(engine::TlsContext::Server({.identity = relay,
                                                   .client_authority_pem = authority_pem,
                                                   .protocols = {"adit-join/1", "adit/1"}}));
  client_context = Must(engine::TlsContext::Client(
      {.trust = engine::TlsTrust::Authority(authority_pem), .protocols = {"adit-join/1"}}));
}

const TestTrust& SharedTrust() {
  static const TestTrust trust;
  return trust;
}

std::shared_ptr<engine::TlsContext> ClientKey::Inner(const std::string& session_key) const {
  engine::crypto::Sha256Digest node{};
  CHECK(engine::FromHex(session_key, node));
  const engine::TlsIdentity identity{
      Must(engine::crypto::CreateSessionCertificate(key, TestTrust::kAlways)).Pem(), key.Pem()};
  return Must(engine::TlsContext::Client(
      {.trust = engine::TlsTrust::PublicKey(node), .identity = identity, .protocols = {"adit/1"}}));
}

LaneClient::LaneClient(engine::LoopDriver& driver, engine::HostPort relay, std::string token,
                       std::shared_ptr<engine::TlsContext> inner, engine::Hello hello, bool wrapped)
    : driver_(driver), relay_(relay), inner_(inner), hello_(std::move(hello)) {
  connection_ = std::make_unique<engine::JoinedConnection>(
      driver, *SharedTrust().client_context, std::move(inner),
      engine::JoinedConnection::Options{
          .relay = std::move(relay), .token = std::move(token), .wrapped = wrapped},
      static_cast<engine::JoinedConnection::Events&>(*this));
}

LaneClient::~LaneClient() {
  EXPECT_TRUE(over());
  if (suspended()) multiplexer_->Disconnected(engine::CloseCode::kNormal, "the test is over");
}

void LaneClient::Return(const std::string& token, uint64_t epoch, Lie lie) {
  CHECK(suspended());
  epoch_ = epoch;
  lie_ = std::move(lie);
  goaway.reset();
  connection_ = std::make_unique<engine::JoinedConnection>(
      driver_, *SharedTrust().client_context, inner_,
      engine::JoinedConnection::Options{.relay = relay_, .token = token},
      static_cast<engine::JoinedConnection::Events&>(*this));
}

void LaneClient::SayResume(engine::JoinedConnection& connection) {
  exchange_ = std::make_unique<engine::JoinExchange>(
      connection, static_cast<engine::JoinExchange::Events&>(*this), engine::Instant::max());
  connection.SetProtocol(*exchange_);
  engine::Resume resume{.session_id = hello_.session_id,
                        .lane = answer->lane,
                        .epoch = epoch_,
                        .position = multiplexer_->received_position()};
  resume.proof = ProofOf(engine::ResumeSide::kClient, resume.position);
  if (lie_) lie_(resume, connection.channel());
  exchange_->Send(resume);
}

std::string LaneClient::ProofOf(engine::ResumeSide side, uint64_t position) {
  const engine::ResumeClaim claim{
      .side = side, .lane = answer->lane, .epoch = epoch_, .position = position};
  return inner_ == nullptr ? engine::ResumeProofThroughRelay(secret_, claim)
                           : engine::ResumeProof(secret_, claim, connection_->channel());
}

void LaneClient::OnMessage(const engine::ControlMessage& message) {
  const auto* said = std::get_if<engine::Resumed>(&message);
  ASSERT_NE(said, nullptr);
  EXPECT_EQ(said->proof, ProofOf(engine::ResumeSide::kNode, said->position));
  ASSERT_TRUE(multiplexer_->Resume(said->position, {}, *connection_, driver_.loop().Now()));
  connection_->ReplaceProtocol(*multiplexer_);
  ++resumed;
}

void LaneClient::OnSecured(engine::JoinedConnection& connection) {
  secured = true;
  if (multiplexer_ != nullptr) return SayResume(connection);
  if (inner_ != nullptr) secret_ = engine::ResumeSecretOf(connection.channel());
  engine::MultiplexerOptions options;
  if (resumes()) options.resume_bytes_max = engine::kResumeBytesMin;
  multiplexer_ = std::make_unique<engine::Multiplexer>(
      engine::Side::kConnected, options, static_cast<engine::LinkEvents&>(*this),
      driver_.loop().buffers(), driver_.loop().Now());
  multiplexer_->Attach(connection);
  connection.SetProtocol(*multiplexer_);
  if (hello_.role.empty()) return;
  EXPECT_TRUE(multiplexer_->SendControl(engine::kLinkStream, engine::Encode(hello_)));
}

void LaneClient::OnControl(engine::ByteView message) {
  engine::ControlMessage decoded;
  ASSERT_TRUE(engine::Decode(engine::AsText(message), decoded));
  if (const auto* hello = std::get_if<engine::Hello>(&decoded)) {
    answer = *hello;
    multiplexer_->PeerResumes(engine::HasFeature(*hello, engine::kFeatureResume));
  }
}

void LaneClient::OnGoaway(engine::CloseCode code, std::string_view text) {
  goaway = code;
  goaway_text = std::string(text);
}

void LaneClient::OnClosed(engine::JoinedConnection&, const engine::JoinEnd& why) {
  if (multiplexer_ != nullptr && multiplexer_->can_resume() && !leaves_) {
    if (!multiplexer_->suspended()) multiplexer_->Suspend();
    exchange_.reset();
    connection_.reset();  // Last: it made this call.
    return;
  }
  end = why;
  if (multiplexer_ != nullptr) {
    multiplexer_->Disconnected(engine::CloseCode::kConnectionReset, "the lane ended");
  }
}

PeerStream& LaneClient::Open(const engine::OpenRequest& request) {
  streams_.push_back(std::make_unique<PeerStream>());
  PeerStream& stream = *streams_.back();
  stream.multiplexer = multiplexer_.get();
  stream.pool = &driver_.loop().buffers();
  stream.id = multiplexer_->Open(engine::Priority::kBulk,
                                 engine::AsBytes(engine::EncodeOpen(request)), stream);
  EXPECT_NE(stream.id, engine::kLinkStream);
  return stream;
}

PeerStream& LaneClient::Tcp(const std::string& host, uint16_t port) {
  engine::TcpRequest request;
  request.host = host;
  request.port = port;
  return Open(request);
}

}  // namespace agent
