#include "bench/macro/calls/calls_caller.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "bench/macro/fleet/fleet_roll.h"
#include "engine/platform/wall_clock.h"
#include "engine/tls/tls_channel.h"

namespace calls {

using Json = nlohmann::json;
using Progress = engine::HttpMessageParser::Progress;

Caller::Caller(engine::LoopDriver& driver, const engine::TlsContext& context, const Wish& wish,
               engine::AwsCredentials credentials, uint64_t& left, Tally& tally)
    : driver_(driver),
      wish_(wish),
      credentials_(std::move(credentials)),
      left_(left),
      tally_(tally),
      context_(context),
      parser_(engine::HttpMessageParser::Kind::kResponse, engine::kHttpResponseBodySizeMax),
      connection_(driver.loop(), *this) {}

void Caller::Dial() {
  is_idle_ = false;
  connection_.Dial(
      driver_.resolver(), wish_.host, wish_.port,
      std::make_unique<engine::TlsChannel>(context_, driver_.loop().buffers(), wish_.host));
}

void Caller::OnSecured(engine::SecureConnection& connection) {
  connection.SetProtocol(*this);
  AskNext();
}

void Caller::OnClosed(engine::SecureConnection&, const engine::ConnectionEnd& end) {
  fleet::Die("a connection to the relay ended: " + end.text);
}

void Caller::AskNext() {
  if (!session_id_.empty()) {
    return Ask(Step::kEnd, Json({{"SessionId", std::exchange(session_id_, {})}}).dump());
  }
  is_idle_ = stopping_ || left_ == 0;
  if (is_idle_) return;
  --left_;
  // The reason makes each request another one: two equal ones have one signature.
  Json body = {{"Target", wish_.node_id},
               {"Adit", {{"Version", 1}}},
               {"Reason", credentials_.access_key_id + " " + std::to_string(++serial_) + " " +
                              std::to_string(reinterpret_cast<uintptr_t>(this))}};
  if (!wish_.document.empty()) body["DocumentName"] = wish_.document;
  if (!wish_.parameters.empty()) body["Parameters"] = Json::parse(wish_.parameters);
  Ask(Step::kStart, body.dump());
}

void Caller::Ask(Step step, std::string body) {
  step_ = step;
  engine::HttpRequest request;
  request.method = "POST";
  request.headers.Add("Host", wish_.host + ":" + std::to_string(wish_.port));
  request.headers.Add("Content-Type", "application/x-amz-json-1.1");
  request.headers.Add("X-Amz-Target", step == Step::kStart ? "AmazonSSM.StartSession"
                                                           : "AmazonSSM.TerminateSession");
  request.body = std::move(body);
  engine::Sign(request, credentials_, "adit", "ssm", engine::UnixNowMs() / 1000);
  output_ = engine::Serialize(request);
  sent_ = 0;
  asked_ = driver_.loop().Now();
  connection_.OutputReady();
}

void Caller::Receive(engine::BufferRef plaintext, engine::Instant now) {
  std::string_view bytes = engine::AsText(plaintext.bytes());
  while (!bytes.empty()) {
    bytes.remove_prefix(parser_.Consume(bytes));
    if (parser_.progress() == Progress::kFailed) fleet::Die("the relay's answer is not HTTP");
    if (parser_.progress() == Progress::kDone) Answered(parser_.TakeResponse(), now);
  }
}

void Caller::Answered(const engine::HttpResponse& response, engine::Instant now) {
  if (response.status != 200) {
    ++tally_.refused;
    if (tally_.first_refusal.empty()) tally_.first_refusal = response.body;
  } else if (step_ == Step::kStart) {
    ++tally_.started;
    tally_.start_durations_ns.push_back(
        std::chrono::duration_cast<std::chrono::nanoseconds>(now - asked_).count());
    if (wish_.ends_sessions) session_id_ = Json::parse(response.body)["SessionId"];
  } else {
    ++tally_.ended;
  }
  AskNext();
}

size_t Caller::GatherRecord(std::span<engine::ByteView> slices, engine::Instant) {
  gathered_ = std::min(output_.size() - sent_, engine::kRecordSizeMax);
  if (gathered_ == 0 || slices.empty()) return 0;
  slices[0] = engine::AsBytes(std::string_view(output_).substr(sent_, gathered_));
  return 1;
}

void Caller::RecordTaken() { sent_ += std::exchange(gathered_, 0); }

}  // namespace calls
