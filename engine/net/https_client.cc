#include "engine/net/https_client.h"

#include <algorithm>
#include <utility>

#include "engine/base/check.h"
#include "engine/http/http_client.h"
#include "engine/net/secure_connection.h"
#include "engine/tls/tls_channel.h"
#include "engine/wire/protocol_names.h"

namespace engine {

// Connection carries one call, and is then kept for another one, or closes by itself.
class HttpsClient::Connection final : private SecureConnection::Events,
                                      private HttpClientSession::Handler {
 public:
  Connection(HttpsClient& client, const Manner& manner)
      : client_(client),
        manner_(manner),
        connection_(std::make_unique<SecureConnection>(
            client.driver_.loop(), static_cast<SecureConnection::Events&>(*this))) {
    LoopDriver& driver = client.driver_;
    auto channel =
        std::make_unique<TlsChannel>(client.context_, driver.loop().buffers(), client.server_.host);
    if (!manner.offer.empty()) channel->Offer(manner.offer);
    connection_->Dial(driver.resolver(), client.server_.host, client.server_.port,
                      std::move(channel), manner.connect_max);
  }

  // Start gives it a call. Requires: it is new, or is_kept().
  void Start(uint64_t number, HttpRequest request, Done done) {
    number_ = number;
    request_ = std::move(request);
    done_ = std::move(done);
    if (kept_) Ask();
  }

  bool is_kept() const { return kept_ && session_->idle() && connection_->open(); }
  bool has(uint64_t number) const { return done_ != nullptr && number_ == number; }
  Socket socket() const { return connection_->socket(); }
  void Close() {
    cancelled_ = true;
    connection_->Close();
  }
  // Requires: is_kept().
  bool can_join() const { return connection_->channel().protocol() == kApiProtocol; }
  std::unique_ptr<SecureConnection> Give(SecureConnection::Events& events) {
    request_ = {};  // It is signed.
    connection_->ReplaceEvents(events);
    return std::move(connection_);
  }
  void Leave() {
    is_gone_ = true;
    Close();
  }

 private:
  void Ask() { session_->Ask(request_, client_.driver_.loop().Now()); }

  void OnSecured(SecureConnection&) override {
    session_ = std::make_unique<HttpClientSession>(*connection_,
                                                   static_cast<HttpClientSession::Handler&>(*this));
    connection_->SetProtocol(*session_);
    Ask();
  }

  void OnResponse(HttpResponse response) override {
    // One is enough for calls in a row.
    kept_ = !client_.closing_ && (kept_ || !client_.HasKept());
    if (!kept_) connection_->CloseAfterOutput();
    Finish({.kind = CallResult::Kind::kResponse,
            .response = std::move(response),
            .text = {},
            .anchor_pem = connection_->channel().anchor_pem()});
  }

  void OnFailure(HttpFailure failure, HttpError) override {
    Finish({.kind = CallResult::Kind::kBadAnswer,
            .response = {},
            .text = std::string(Describe(failure)),
            .anchor_pem = {}});
  }

  void Finish(CallResult result) {
    const Done done = std::exchange(done_, nullptr);
    done(std::move(result));
  }

  void OnClosed(SecureConnection&, const ConnectionEnd& end) override {
    HttpsClient& client = client_;
    const bool is_orderly = end.kind == ConnectionEnd::Kind::kClosedByPeer;
    if (done_ != nullptr && session_ == nullptr) {
      const bool is_tls = end.kind == ConnectionEnd::Kind::kHandshakeFailed;
      Finish({.kind = is_tls ? CallResult::Kind::kTls : CallResult::Kind::kUnreachable,
              .response = {},
              .text = is_gone_ ? "this machine has another address now; try again" : end.text,
              .anchor_pem = {}});
    } else if (done_ != nullptr && kept_ && is_orderly && !session_->heard_answer() &&
               !cancelled_) {
      client.Dial(number_, std::move(request_), std::exchange(done_, nullptr), manner_);
    } else if (session_ != nullptr) {
      session_->HandleEnd(is_orderly ? HttpClientSession::End::kOrderly
                                     : HttpClientSession::End::kCut);
    }
    std::erase_if(client.connections_, [this](const auto& each) { return each.get() == this; });
  }

  HttpsClient& client_;
  const Manner manner_;
  uint64_t number_ = 0;
  HttpRequest request_;
  Done done_;          // Null: no call.
  bool kept_ = false;  // A call was answered, and the next one may come.
  bool cancelled_ = false;
  bool is_gone_ = false;  // Its own address is.
  std::unique_ptr<HttpClientSession> session_;
  std::unique_ptr<SecureConnection> connection_;  // Null: it was given away.
};

HttpsClient::HttpsClient(LoopDriver& driver, const TlsContext& context, HostPort server)
    : driver_(driver), context_(context), server_(std::move(server)) {
  driver_.network().Add(static_cast<NetworkWatch::Listener&>(*this));
}

HttpsClient::~HttpsClient() {
  driver_.network().Remove(static_cast<NetworkWatch::Listener&>(*this));
  CHECK(joined());
}

uint64_t HttpsClient::Call(HttpRequest request, Done done) {
  return Call(std::move(request), std::move(done), Manner{});
}

uint64_t HttpsClient::Call(HttpRequest request, Done done, const Manner& manner) {
  CHECK(!closing_);
  const uint64_t number = ++call_count_;
  const auto kept =
      std::ranges::find_if(connections_, [](const auto& each) { return each->is_kept(); });
  if (kept != connections_.end()) {
    (*kept)->Start(number, std::move(request), std::move(done));
  } else {
    Dial(number, std::move(request), std::move(done), manner);
  }
  return number;
}

void HttpsClient::Dial(uint64_t number, HttpRequest request, Done done, const Manner& manner) {
  connections_.push_back(std::make_unique<Connection>(*this, manner));
  connections_.back()->Start(number, std::move(request), std::move(done));
}

bool HttpsClient::HasKept() const {
  return std::ranges::any_of(connections_, [](const auto& each) { return each->is_kept(); });
}

HttpsClient::Connections::const_iterator HttpsClient::FindJoinable() const {
  return std::ranges::find_if(connections_,
                              [](const auto& each) { return each->is_kept() && each->can_join(); });
}

std::unique_ptr<SecureConnection> HttpsClient::TakeKept(SecureConnection::Events& events) {
  const auto kept = FindJoinable();
  CHECK(kept != connections_.end());
  const auto place = connections_.begin() + (kept - connections_.cbegin());
  given_ = std::move(*place);
  connections_.erase(place);
  return given_->Give(events);
}

void HttpsClient::Cancel(uint64_t number) {
  for (const auto& connection : connections_) {
    if (connection->has(number)) connection->Close();
  }
}

void HttpsClient::CloseKept() {
  for (const auto& connection : connections_) {
    if (connection->is_kept()) connection->Close();
  }
}

void HttpsClient::OnNetworkChanged(bool) {
  CloseKept();
  for (const auto& connection : connections_) {
    const Footing footing = driver_.network().FootingOf(connection->socket());
    if (footing == Footing::kGone) connection->Leave();
  }
}

void HttpsClient::Close() {
  closing_ = true;
  for (const auto& connection : connections_) connection->Close();
}

CallResult CallAndWait(LoopDriver& driver, const TlsContext& context, const HostPort& server,
                       HttpRequest request, const bool& stops) {
  // Every wait of a connection has a deadline of its own, so this ends.
  constexpr Duration kWaitMax = std::chrono::seconds(1);
  CallResult result;
  bool done = false;
  HttpsClient client(driver, context, server);
  const uint64_t call = client.Call(std::move(request), [&](CallResult outcome) {
    result = std::move(outcome);
    done = true;
  });
  while (!done) {
    driver.RunOnce(kWaitMax);
    if (stops && !done) client.Cancel(call);
  }
  client.Close();
  while (!client.joined()) driver.RunOnce(kWaitMax);
  return result;
}

}  // namespace engine
