// Goal: messages come back as they were sent; foreign JSON is refused or read, never an abort; and
// version N understands N-1 and N+1.
// Method: round trips, hand-written texts at each limit, and seeded damage to legal messages.

#include "engine/wire/control.h"

#include <gtest/gtest.h>

#include "engine/base/random.h"

namespace engine {
namespace {

template <class Message>
Message RoundTrip(const Message& message) {
  ControlMessage out;
  EXPECT_TRUE(Decode(Encode(message), out)) << Encode(message);
  EXPECT_TRUE(std::holds_alternative<Message>(out));
  return std::get<Message>(out);
}

template <class Request>
Request OpenRoundTrip(const Request& request) {
  OpenRequest out;
  EXPECT_TRUE(DecodeOpen(EncodeOpen(request), out)) << EncodeOpen(request);
  EXPECT_TRUE(std::holds_alternative<Request>(out));
  return std::get<Request>(out);
}

bool Decodes(std::string_view json) {
  ControlMessage out;
  return Decode(json, out);
}

bool DecodesOpen(std::string_view json) {
  OpenRequest out;
  return DecodeOpen(json, out);
}

constexpr std::string_view kKey =
    "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

TEST(Control, TheMessagesOfSealedSessionsComeBackAsTheyWereSent) {
  const SessionOffer offer = RoundTrip(SessionOffer{.session_id = "s-1",
                                                    .principal = "arn:x",
                                                    .run_as = "adit",
                                                    .client_key = std::string(kKey),
                                                    .join_token = "t",
                                                    .loop = 3,
                                                    .kind = "tcp",
                                                    .command = {},
                                                    .host = "db",
                                                    .port = 5432,
                                                    .idle_seconds_max = 60,
                                                    .seconds_max = 3600});
  EXPECT_EQ(offer.session_id, "s-1");
  EXPECT_EQ(offer.principal, "arn:x");
  EXPECT_EQ(offer.run_as, "adit");
  EXPECT_EQ(offer.client_key, kKey);
  EXPECT_EQ(offer.join_token, "t");
  EXPECT_EQ(offer.loop, 3u);
  EXPECT_EQ(offer.host, "db");
  EXPECT_EQ(offer.port, 5432);
  EXPECT_EQ(offer.idle_seconds_max, 60u);
  EXPECT_EQ(offer.seconds_max, 3600u);

  const SessionAnswer answer =
      RoundTrip(SessionAnswer{"s-1", std::string(kKey), "bm9kZQ==", "c2ln", {}});
  EXPECT_EQ(answer.session_key, kKey);
  EXPECT_EQ(answer.node_key, "bm9kZQ==");
  EXPECT_EQ(answer.signature, "c2ln");
  EXPECT_EQ(RoundTrip(SessionAnswer{"s-1", {}, {}, {}, "no"}).error, "no");

  EXPECT_EQ(RoundTrip(LaneOffer{"s-1", "t", 7}).loop, 7u);
  EXPECT_FALSE(RoundTrip(LaneOffer{"s-1", "t", 7}).lane.has_value());
  EXPECT_EQ(RoundTrip(LaneOffer{"s-1", "t", 7, 0}).lane, 0u);
  EXPECT_EQ(RoundTrip(SessionStop{"s-1", "why"}).reason, "why");
  EXPECT_EQ(RoundTrip(SessionOver{"s-1", "why"}).reason, "why");
  EXPECT_EQ(RoundTrip(SessionOver{"s-1", "why", 5, 7}).to_node_bytes, 5u);
  EXPECT_EQ(RoundTrip(SessionOver{"s-1", "why", 5, 7}).from_node_bytes, 7u);
  EXPECT_EQ(RoundTrip(SessionCheck{"s-1"}).session_id, "s-1");
  EXPECT_FALSE(Decodes(R"({"type":"session-check"})"));
  EXPECT_EQ(RoundTrip(LanesLost{"s-1"}).session_id, "s-1");
  EXPECT_EQ(RoundTrip(LanesLost{"s-1"}).join_token, "");
  EXPECT_EQ(RoundTrip(LanesLost{"s-1", "token"}).join_token, "token");
  EXPECT_FALSE(Decodes(R"({"type":"lanes-lost"})"));
  EXPECT_EQ(RoundTrip(Join{"t", false}).token, "t");
  EXPECT_FALSE(RoundTrip(Join{"t", false}).is_wrapped);
  EXPECT_TRUE(RoundTrip(Join{"t", true}).is_wrapped);
  RoundTrip(Joined{});
  const std::string proof(64, 'a');
  const Resume resume = RoundTrip(Resume{"s-1", 3, 7, uint64_t{1} << 40, proof});
  EXPECT_EQ(resume.lane, 3u);
  EXPECT_EQ(resume.epoch, 7u);
  EXPECT_EQ(resume.position, uint64_t{1} << 40);
  EXPECT_EQ(RoundTrip(Resumed{9, proof}).position, 9u);

  const StreamNews news = RoundTrip(StreamNews{"s-1", 9, true, "db:5432", "normal", 1, 2});
  EXPECT_EQ(news.serial, 9u);
  EXPECT_TRUE(news.is_closed);
  EXPECT_EQ(news.what, "db:5432");
  EXPECT_EQ(news.outcome, "normal");
  EXPECT_EQ(news.to_node_bytes, 1u);
  EXPECT_EQ(news.from_node_bytes, 2u);
}

TEST(Control, KeysOfStreamsSurviveTheWay) {
  EXPECT_EQ(RoundTrip(DataKeyRequest{7, "s-1", "a2V5", "Y2g="}).challenge, "Y2g=");
  EXPECT_EQ(RoundTrip(DataKeyAnswer{7, "cGxhaW4=", {}}).plaintext, "cGxhaW4=");
  EXPECT_EQ(RoundTrip(DataKeyAnswer{7, {}, "no"}).error, "no");
  EXPECT_FALSE(Decodes(Encode(DataKeyAnswer{7, {}, {}})));
  EXPECT_FALSE(Decodes(Encode(DataKeyAnswer{7, "cGxhaW4=", "no"})));
  EXPECT_FALSE(Decodes(Encode(DataKeyRequest{7, "s-1", {}, {}})));

  const GrantedRequest request{.key = StreamKey{.key_id = "alias/k",
                                                .data_key = "a2V5",
                                                .challenge = "Y2g=",
                                                .separates_output = true,
                                                .output_prefix = "o",
                                                .error_prefix = "e"}};
  OpenRequest decoded;
  ASSERT_TRUE(DecodeOpen(EncodeOpen(request), decoded));
  const StreamKey& key = *std::get<GrantedRequest>(decoded).key;
  EXPECT_EQ(key.key_id, "alias/k");
  EXPECT_EQ(key.data_key, "a2V5");
  EXPECT_EQ(key.challenge, "Y2g=");
  EXPECT_TRUE(key.separates_output);
  EXPECT_EQ(key.output_prefix + key.error_prefix, "oe");
  EXPECT_FALSE(DecodeOpen(R"({"type":"granted","key":{"key_id":"k"}})", decoded));
  EXPECT_FALSE(DecodeOpen(R"({"type":"granted","key":7})", decoded));
}

TEST(Control, AnOfferWithoutAllThatItNeedsIsRefused) {
  const SessionOffer good{.session_id = "s-1",
                          .client_key = std::string(kKey),
                          .join_token = "t",
                          .kind = "exec",
                          .command = "id"};
  EXPECT_TRUE(Decodes(Encode(good)));
  for (auto damage :
       {+[](SessionOffer& o) { o.session_id.clear(); },
        +[](SessionOffer& o) { o.client_key.pop_back(); },
        +[](SessionOffer& o) { o.client_key[0] = 'X'; },
        +[](SessionOffer& o) { o.join_token.clear(); }, +[](SessionOffer& o) { o.kind = "udp"; },
        +[](SessionOffer& o) { o.command.clear(); }, +[](SessionOffer& o) { o.kind = "tcp"; }}) {
    SessionOffer bad = good;
    damage(bad);
    EXPECT_FALSE(Decodes(Encode(bad))) << Encode(bad);
  }
  EXPECT_TRUE(Decodes(Encode(SessionAnswer{"s-1", {}, {}, {}, {}}))) << "of an inspected session";
  EXPECT_FALSE(Decodes(Encode(SessionAnswer{"s-1", "no key", {}, {}, {}})));
  EXPECT_FALSE(Decodes(Encode(SessionAnswer{{}, {}, {}, {}, {}})));
}

TEST(Control, EveryMessageComesBackAsItWasSent) {
  const Hello hello = RoundTrip(Hello{.version = 3,
                                      .version_min = 2,
                                      .features = {"a", "b"},
                                      .software = "adit/0.1.0",
                                      .role = "client",
                                      .session_id = "s-1",
                                      .session_token = "t",
                                      .node_name = "web",
                                      .platform = "Linux"});
  EXPECT_EQ(hello.version, 3u);
  EXPECT_EQ(hello.version_min, 2u);
  EXPECT_EQ(hello.features, (std::vector<std::string>{"a", "b"}));
  EXPECT_TRUE(HasFeature(hello, "b"));
  EXPECT_FALSE(HasFeature(hello, "ab"));
  EXPECT_FALSE(HasFeature(Hello{}, ""));
  EXPECT_EQ(hello.software, "adit/0.1.0");
  EXPECT_EQ(hello.role, "client");
  EXPECT_EQ(hello.session_id, "s-1");
  EXPECT_EQ(hello.session_token, "t");
  EXPECT_EQ(hello.node_name, "web");
  EXPECT_EQ(hello.platform, "Linux");

  EXPECT_EQ(RoundTrip(Resize{{132, 50}}).size.columns, 132);
  EXPECT_EQ(RoundTrip(Resize{{0, 0}}).size.rows, 0);
  EXPECT_EQ(RoundTrip(Signal{"INT"}).name, "INT");
  EXPECT_EQ(RoundTrip(Exit{.status = 255}).status, 255);
  EXPECT_EQ(RoundTrip(Exit{.signal = "KILL"}).signal, "KILL");
  EXPECT_EQ(RoundTrip(RenewCertificate{"pem"}).request_pem, "pem");
  EXPECT_EQ(RoundTrip(CertificateRenewed{"pem"}).certificate_pem, "pem");
  EXPECT_EQ(RoundTrip(Notice{"é漢🙂\n"}).text, "é漢🙂\n");
}

TEST(Control, EveryOpenRequestComesBackAsItWasSent) {
  const ShellRequest shell = OpenRoundTrip(ShellRequest{.session_id = "s",
                                                        .principal = "p",
                                                        .run_as = "adit",
                                                        .size = {132, 50},
                                                        .terminal = "xterm-256color"});
  EXPECT_EQ(shell.session_id, "s");
  EXPECT_EQ(shell.principal, "p");
  EXPECT_EQ(shell.run_as, "adit");
  EXPECT_EQ(shell.size.columns, 132);
  EXPECT_EQ(shell.size.rows, 50);
  EXPECT_EQ(shell.terminal, "xterm-256color");

  const ExecRequest exec =
      OpenRoundTrip(ExecRequest{.arguments = {"sh", "-c", "exit 7", ""}, .with_terminal = true});
  EXPECT_EQ(exec.arguments, (std::vector<std::string>{"sh", "-c", "exit 7", ""}));
  EXPECT_TRUE(exec.with_terminal);

  const TcpRequest tcp = OpenRoundTrip(TcpRequest{.host = "db", .port = 65'535});
  EXPECT_EQ(tcp.host, "db");
  EXPECT_EQ(tcp.port, 65'535);
}

TEST(Control, TextThatIsNotUtf8IsReplacedWhenSentAndRefusedWhenReceived) {
  EXPECT_EQ(RoundTrip(Notice{"a\xFF"
                             "b"})
                .text,
            "a\uFFFD"
            "b");
  EXPECT_FALSE(Decodes("{\"type\":\"notice\",\"text\":\"a\xFF\"}"));
}

TEST(Control, UnknownMembersAndFeaturesAreIgnored) {
  EXPECT_TRUE(Decodes(R"({"type":"resize","columns":1,"rows":2,"pixels":[1,{"x":null}]})"));
  EXPECT_TRUE(Decodes(
      R"({"type":"hello","version":1,"version_min":1,"role":"agent","features":["tomorrow"]})"));
}

TEST(Control, MembersOfTheWrongKindAreRefused) {
  EXPECT_FALSE(Decodes(R"({"type":"resize","columns":"80","rows":24})"));
  EXPECT_FALSE(Decodes(R"({"type":"resize","columns":80.0,"rows":24})"));
  EXPECT_FALSE(Decodes(R"({"type":"resize","columns":-1,"rows":24})"));
  EXPECT_FALSE(Decodes(R"({"type":"resize","columns":80})"));
  EXPECT_FALSE(Decodes(R"({"type":"resize","columns":10001,"rows":24})"));
  EXPECT_FALSE(Decodes(R"({"type":"exit","status":256})"));
  EXPECT_FALSE(Decodes(R"({"type":"exit","status":18446744073709551616})"));
  EXPECT_FALSE(Decodes(R"({"type":"signal","name":""})"));
  EXPECT_FALSE(Decodes(R"({"type":"signal","name":7})"));
  EXPECT_FALSE(Decodes(R"({"type":7})"));
  EXPECT_FALSE(Decodes(R"({"type":"tomorrow"})"));
  EXPECT_FALSE(Decodes(R"({"version":1})"));
  EXPECT_FALSE(Decodes(R"(["type"])"));
  EXPECT_FALSE(Decodes("null"));
  EXPECT_FALSE(Decodes(""));
  EXPECT_FALSE(Decodes("{} {}"));
  EXPECT_FALSE(DecodesOpen(R"({"type":"exec","arguments":[]})"));
  EXPECT_FALSE(DecodesOpen(R"({"type":"exec","arguments":[""]})"));
  EXPECT_FALSE(DecodesOpen(R"({"type":"exec","arguments":["a",1]})"));
  EXPECT_FALSE(DecodesOpen(R"({"type":"exec","arguments":["a"],"with_terminal":1})"));
  EXPECT_FALSE(DecodesOpen(R"({"type":"tcp","host":"a"})"));
  EXPECT_FALSE(DecodesOpen(R"({"type":"tcp","host":"a","port":0})"));
  EXPECT_FALSE(DecodesOpen(R"({"type":"tcp","host":"","port":1})"));
  EXPECT_FALSE(DecodesOpen(R"({"type":"hello"})"));
}

TEST(Control, TextsThatHoldNulAreRefused) {
  EXPECT_FALSE(DecodesOpen(R"({"type":"exec","arguments":["ls\u0000rm"]})"));
  EXPECT_FALSE(DecodesOpen(R"({"type":"tcp","host":"a\u0000b","port":1})"));
}

TEST(Control, NestingAndSizeHaveAMaximum) {
  const auto nested = [](size_t depth) {
    return R"({"type":"notice","text":"x","y":)" + std::string(depth - 1, '[') +
           std::string(depth - 1, ']') + "}";
  };
  EXPECT_TRUE(Decodes(nested(kJsonDepthMax)));
  EXPECT_FALSE(Decodes(nested(kJsonDepthMax + 1)));
  EXPECT_FALSE(Decodes(std::string(kControlSizeMax, '[')));
  EXPECT_TRUE(Decodes(R"({"type":"notice","text":"[[[[[[[[[[[[\"[[[[[["})"));

  const auto notice = [](size_t size) {
    std::string text = R"({"type":"notice","text":""})";
    return text.insert(text.size() - 2, size - text.size(), 'x');
  };
  EXPECT_TRUE(Decodes(notice(kControlSizeMax)));
  EXPECT_FALSE(Decodes(notice(kControlSizeMax + 1)));
}

TEST(Control, ExecHasAMaximumOfArguments) {
  EXPECT_EQ(
      OpenRoundTrip(ExecRequest{.arguments = std::vector<std::string>(kCommandArgumentsMax, "x")})
          .arguments.size(),
      kCommandArgumentsMax);
  EXPECT_FALSE(DecodesOpen(
      EncodeOpen(ExecRequest{.arguments = std::vector<std::string>(kCommandArgumentsMax + 1)})));
}

TEST(Control, AFailedDecodeLeavesTheOutputAlone) {
  ControlMessage out = Signal{"INT"};
  EXPECT_FALSE(Decode(R"({"type":"exit","status":"x"})", out));
  ASSERT_TRUE(std::holds_alternative<Signal>(out));
  EXPECT_EQ(std::get<Signal>(out).name, "INT");
}

Hello Speaks(uint32_t version, uint32_t version_min) {
  return {.version = version, .version_min = version_min, .role = "agent"};
}

TEST(Hello, VersionNWorksWithItsNeighbours) {
  // N is 5 and still speaks 4.
  EXPECT_EQ(AgreedVersion(Speaks(5, 4), Speaks(4, 3)), 4u);  // With N-1 ...
  EXPECT_EQ(AgreedVersion(Speaks(4, 3), Speaks(5, 4)), 4u);
  EXPECT_EQ(AgreedVersion(Speaks(5, 4), Speaks(6, 5)), 5u);  // ... with N+1 ...
  EXPECT_EQ(AgreedVersion(Speaks(6, 5), Speaks(5, 4)), 5u);
  EXPECT_EQ(AgreedVersion(Speaks(5, 4), Speaks(5, 4)), 5u);  // ... with itself ...
  EXPECT_EQ(AgreedVersion(Speaks(5, 4), Speaks(7, 6)), 0u);  // ... and not with N+2.
}

TEST(Hello, OfTheNextVersionIsUnderstoodByThisOne) {
  const Hello ours{.role = "relay"};
  ControlMessage theirs;
  ASSERT_TRUE(Decode(
      R"({"type":"hello","version":2,"version_min":1,"role":"agent","features":["resume","x"],)"
      R"("resume":{"epoch":3},"software":"adit-agent/9.0.0"})",
      theirs));
  EXPECT_EQ(AgreedVersion(ours, std::get<Hello>(theirs)), kProtocolVersion);
}

TEST(Hello, MustNameAVersionAndARole) {
  EXPECT_FALSE(Decodes(R"({"type":"hello","version":1,"version_min":1})"));
  EXPECT_FALSE(Decodes(R"({"type":"hello","version":1,"version_min":1,"role":""})"));
  EXPECT_FALSE(Decodes(R"({"type":"hello","version_min":1,"role":"agent"})"));
  EXPECT_FALSE(Decodes(R"({"type":"hello","version":0,"version_min":0,"role":"agent"})"));
  EXPECT_FALSE(Decodes(R"({"type":"hello","version":1,"version_min":2,"role":"agent"})"));
}

TEST(Control, DamagedMessagesNeverAbort) {
  const std::string legal = Encode(Hello{.features = {"a"}, .role = "agent", .platform = "Linux"});
  Random random(7);
  for (int i = 0; i < 20'000; ++i) {
    std::string text = legal;
    for (uint64_t damages = random.Range(1, 4); damages > 0; --damages) {
      const size_t at = random.Range(0, text.size() - 1);
      if (random.Chance(30)) {
        text.erase(at, random.Range(1, 8));
        if (text.empty()) text = "{";
      } else {
        text[at] = static_cast<char>(random.Range(0, 255));
      }
    }
    ControlMessage out;
    if (Decode(text, out)) {
      ControlMessage again;
      EXPECT_TRUE(Decode(Encode(out), again)) << text;
    }
  }
}

}  // namespace
}  // namespace engine
