// Goal: the plugin understands every way in which an AWS CLI calls it, answers the installer's
// questions as scripts expect, and repeats no secret in an error. Method: command lines as the CLI
// of several years wrote them, and bent ones.

#include "client/plugin/plugin_arguments.h"

#include <gtest/gtest.h>

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "client/say.h"

namespace client {
namespace {

constexpr char kResponse[] =
    R"({"SessionId": "alice-2n7kq3v5x4m6t2h7d3c5b2a4ye", "TokenValue": "sEcReT==", )"
    R"("StreamUrl": "wss://sm.example.net:8443/v1/data-channel/alice-2n7?role=publish_subscribe", )"
    R"("ResponseMetadata": {"HTTPStatusCode": 200, "RetryAttempts": 0}})";
constexpr char kParameters[] = R"({"Target": "mi-0123456789abcdef0", "Reason": "x"})";

PluginTask Read(const std::vector<std::string>& arguments,
                std::map<std::string, std::string> variables = {}) {
  return ReadPluginArguments(arguments, [&](const char* name) -> std::optional<std::string> {
    const auto found = variables.find(name);
    if (found == variables.end()) return std::nullopt;
    return found->second;
  });
}

std::string ReplyText(const PluginTask& task) {
  const auto* reply = std::get_if<PluginReply>(&task);
  return reply == nullptr ? "a session" : std::to_string(reply->exit_code) + ":" + reply->text;
}

TEST(PluginArgumentsTest, TheInstallersQuestionsAreAnsweredAsScriptsExpect) {
  EXPECT_EQ(ReplyText(Read({})),
            "0:\nThe Session Manager plugin was installed successfully. Use the AWS CLI to start a "
            "session.\n\n");
  EXPECT_EQ(ReplyText(Read({"--version"})), "0:1.2.707.0\n");
  EXPECT_EQ(ReplyText(Read({"bogus\x1b"})),
            "0:\nUnknown operation bogus\\x1b. \nUse session-manager-plugin --version to check the "
            "version.\n\n");
  EXPECT_EQ(ReplyText(Read({kResponse, "eu-west-1", "StopSession"})), "0:Invalid Operation\n");
}

TEST(PluginArgumentsTest, TheCommandLineOfACliIsUnderstood) {
  const PluginTask task = Read(
      {kResponse, "eu-west-1", "StartSession", "ops", kParameters, "https://sm.example.net:8443"});
  const auto* start = std::get_if<PluginStart>(&task);
  ASSERT_NE(start, nullptr) << ReplyText(task);
  EXPECT_EQ(start->ticket.session_id, "alice-2n7kq3v5x4m6t2h7d3c5b2a4ye");
  EXPECT_EQ(start->ticket.token, "sEcReT==");
  EXPECT_EQ(start->ticket.stream.server, (engine::HostPort{"sm.example.net", 8443}));
  EXPECT_EQ(start->ticket.stream.host, "sm.example.net:8443");
  EXPECT_EQ(start->ticket.stream.target, "/v1/data-channel/alice-2n7?role=publish_subscribe");
  EXPECT_EQ(start->region, "eu-west-1");
  EXPECT_EQ(start->profile, "ops");
  EXPECT_EQ(start->request.target, "mi-0123456789abcdef0");
  EXPECT_EQ(start->endpoint.server, (engine::HostPort{"sm.example.net", 8443}));
  EXPECT_EQ(start->endpoint.target, "/");
}

TEST(PluginArgumentsTest, TheAnswerMayComeInAVariable) {
  const PluginTask task = Read(
      {kResponseVariable, "eu-west-1", "StartSession", "", kParameters, "https://sm.example.net"},
      {{kResponseVariable, kResponse}});
  const auto* start = std::get_if<PluginStart>(&task);
  ASSERT_NE(start, nullptr) << ReplyText(task);
  EXPECT_EQ(start->ticket.token, "sEcReT==");
  EXPECT_EQ(start->endpoint.host, "sm.example.net") << "no port where it is the scheme's";

  EXPECT_EQ(ReplyText(Read({kResponseVariable, "eu-west-1", "StartSession"})),
            "2:Cannot perform start session: the answer of StartSession is no JSON object\n");
}

TEST(PluginArgumentsTest, WhatAnOldCliLeavesOutIsMadeUp) {
  const PluginTask task = Read({kResponse, "cn-north-1", "StartSession"});
  const auto* start = std::get_if<PluginStart>(&task);
  ASSERT_NE(start, nullptr) << ReplyText(task);
  EXPECT_EQ(start->profile, "");
  EXPECT_EQ(start->request.target, "");
  EXPECT_EQ(start->endpoint.host, "ssm.cn-north-1.amazonaws.com.cn");
}

TEST(PluginArgumentsTest, AnAnswerThatLacksSomethingEndsWithTwoAndNoSecret) {
  const auto with = [](const std::string& response) {
    return ReplyText(Read({response, "eu-west-1", "StartSession"}));
  };
  const std::string begin = "2:Cannot perform start session: ";
  EXPECT_EQ(with(R"({"SessionId":"s","StreamUrl":"wss://h/x"})"),
            begin + "TokenValue is missing\n");
  EXPECT_EQ(with(R"({"TokenValue":"secret","StreamUrl":"wss://h/x"})"),
            begin + "SessionId is missing\n");
  EXPECT_EQ(with(R"({"SessionId":"s","TokenValue":"secret","StreamUrl":null})"),
            begin + "StreamUrl is missing\n");
  EXPECT_EQ(with(R"({"SessionId":"s","TokenValue":7,"StreamUrl":"wss://h/x"})"),
            begin + "TokenValue is no text\n");
  EXPECT_EQ(with(R"({"SessionId":"s\u001b[2J","TokenValue":"t","StreamUrl":"wss://h/x"})"),
            begin + "SessionId has bytes that cannot be printed\n");
  EXPECT_EQ(with(R"({"SessionId":")" + std::string(97, 's') +
                 R"(","TokenValue":"t","StreamUrl":"wss://h/x"})"),
            begin + "SessionId is too long\n");
  EXPECT_EQ(with(std::string(kSessionJsonSizeMax + 1, ' ')),
            begin + "the answer of StartSession is too long\n");
  EXPECT_EQ(ReplyText(Read({kResponse, "eu-west-1", "StartSession", "", "{}"})),
            begin + "Target is missing\n");
  EXPECT_EQ(ReplyText(Read({kResponse, "../x", "StartSession"})),
            begin + "the second argument is no region\n");
}

TEST(SecureUrlTest, OnlyEncryptedAddressesWithoutOddPartsPass) {
  const auto read = [](std::string_view url) {
    const auto parsed = engine::ParseSecureUrl("wss", url);
    if (!parsed.ok()) return TextOf(parsed.status());
    return engine::FormatHostPort(parsed->server) + " " + parsed->host + " " + parsed->target;
  };
  const std::string begin = "the address is not wss://HOST[:PORT]/PATH: ";
  EXPECT_EQ(read("wss://h.example/a?b=c&d"), "h.example:443 h.example /a?b=c&d");
  EXPECT_EQ(read("wss://[2001:db8::1]:8443/a"), "[2001:db8::1]:8443 [2001:db8::1]:8443 /a");
  EXPECT_EQ(read("wss://[2001:db8::1]/a"), "[2001:db8::1]:443 [2001:db8::1] /a");
  EXPECT_EQ(read("wss://h"), "h:443 h /");
  EXPECT_EQ(read("wss://h?x"), "h:443 h /?x");
  EXPECT_EQ(read("ws://h/a"), begin + "it begins with another scheme");
  EXPECT_EQ(read("wss://user@h/a"), begin + "it names a user");
  EXPECT_EQ(read("wss://h/a#b"), begin + "it has a fragment");
  EXPECT_EQ(read("wss://h/a b"), begin + "it has a space or such");
  EXPECT_EQ(read("wss://h/\r\nX: y"), begin + "it has a space or such");
  EXPECT_EQ(read("wss://" + std::string(engine::kUrlSizeMax, 'h')), begin + "it is too long");
  EXPECT_TRUE(read("wss://:1/").starts_with(begin));
  EXPECT_TRUE(read("wss://h:0/").starts_with(begin));
}

TEST(SessionResponseTest, WhatWasAskedForIsReadTolerantly) {
  const auto request = ParseSessionRequest(
      R"({"Target":"mi-1","DocumentName":"Doc","Parameters":{"a":["1"],"b":["2","3"],"c":4},"X":1})");
  ASSERT_TRUE(request.ok());
  EXPECT_EQ(request->document, "Doc");
  EXPECT_EQ(request->parameters, (std::map<std::string, std::string>{{"a", "1"}}));
  EXPECT_FALSE(ParseSessionRequest(R"({"Target":"mi-1","DocumentName":7})").ok());
}

TEST(SessionResponseTest, AResumedSessionMayBeOverOrGoOnElsewhere) {
  const auto over = ParseResumeResponse(R"({"SessionId":"s","TokenValue":null})");
  ASSERT_TRUE(over.ok());
  EXPECT_EQ(over->token, "");
  const auto on = ParseResumeResponse(R"({"TokenValue":"t","StreamUrl":"wss://h/x"})");
  ASSERT_TRUE(on.ok());
  EXPECT_EQ(on->token, "t");
  EXPECT_EQ(on->stream_url, "wss://h/x");
  EXPECT_FALSE(ParseResumeResponse("[]").ok());
}

}  // namespace
}  // namespace client
