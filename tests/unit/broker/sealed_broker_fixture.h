// The broker's fixture, for tests of sealed sessions.

#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <variant>

#include "engine/crypto/base64.h"
#include "tests/unit/broker/broker_fixture.h"

namespace relay {

class SealedBrokerFixture : public BrokerFixture {
 protected:
  static StartRequest Wish() {
    StartRequest request = BrokerFixture::Wish();
    request.document = "AWS-StartPortForwardingSession";
    request.parameters = {{"portNumber", {"5432"}}};
    request.carriage = Carriage::kSealed;
    request.client_key = std::string(64, 'c');
    return request;
  }

  // Offer asks the node. What comes of it is in failure_ or offer_; an offer is started at once,
  // as the API does, unless starts_ is false.
  void Offer(const StartRequest& request = Wish(), int64_t now = kNow) {
    failure_.reset();
    offer_.reset();
    broker.OfferSession(request, now,
                        [this, calls = std::make_shared<int>(0)](
                            const std::variant<SealedOffer, StartFailure>& outcome, int64_t at) {
                          EXPECT_EQ(++*calls, 1);
                          if (const auto* failure = std::get_if<StartFailure>(&outcome)) {
                            failure_ = *failure;
                            return;
                          }
                          offer_ = std::get<SealedOffer>(outcome);
                          if (!starts_) return;
                          offer_->session.access = access_;
                          EXPECT_TRUE(broker.StartSealed(*offer_, at).ok());
                        });
  }
  bool is_open() const { return !failure_.has_value() && !offer_.has_value(); }

  static engine::SessionAnswer Consent(const std::string& session) {
    engine::SessionAnswer answer;
    answer.session_id = session;
    answer.session_key = std::string(64, 'a');
    answer.node_key = engine::crypto::EncodeBase64(engine::AsBytes(std::string(32, 'k')));
    answer.signature = engine::crypto::EncodeBase64(engine::AsBytes(std::string(64, 's')));
    return answer;
  }
  void Answer(const engine::SessionAnswer& answer, int64_t now = kNow) {
    broker.NodeAnswered(kNode, answer, now);
  }

  // Start does all of it and returns the session's id; Join lets its first lane be joined.
  std::string Start(int64_t now = kNow) {
    Offer(Wish(), now);
    const std::string id = plane.Told<engine::SessionOffer>().session_id;
    Answer(Consent(id), now);
    EXPECT_TRUE(offer_.has_value());
    return id;
  }
  std::string StartJoined() {
    const std::string id = Start();
    broker.LaneJoined({id, 0}, "192.0.2.7", kNow);
    return id;
  }
  static LaneEnd Ended(uint64_t to_node, uint64_t to_client, bool was_joined = true) {
    return {.was_joined = was_joined,
            .reason = "the client's connection was closed",
            .to_node_bytes = to_node,
            .to_client_bytes = to_client};
  }

  LaneFailure::Kind LaneFailureOf(const std::string& id, const std::string& who = kOwner) {
    const auto result = broker.OpenLane(id, who);
    EXPECT_TRUE(std::holds_alternative<LaneFailure>(result));
    return std::get<LaneFailure>(result).kind;
  }

  bool starts_ = true;
  std::string access_;  // Not empty: sessions outlive their lanes.
  std::optional<StartFailure> failure_;
  std::optional<SealedOffer> offer_;
};

}  // namespace relay
