// Goal: every failure has a text with its cause and the next step, foreign text is harmless, and
// exit codes are those of a shell. Method: made-up answers, codes and tables.

#include <gtest/gtest.h>
#include <signal.h>

#include <string>

#include "client/dial_error.h"
#include "client/exit_code.h"
#include "client/forward_listener.h"
#include "client/port_owner.h"
#include "client/relay_error.h"
#include "client/say.h"
#include "client/sealed_text.h"
#include "client/session_end.h"
#include "client/table.h"
#include "engine/http/amz_date.h"
#include "engine/wire/session_plan.h"

namespace client {
namespace {

bool Has(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

const Credentials kKey{.access_key_id = "AKIAEXAMPLE",
                       .secret_access_key = "very secret",
                       .session_token = "",
                       .source = "adit login"};
constexpr int64_t kNow = 1'800'000'000;

std::string TextFor(const std::string& type, const std::string& message,
                    const std::string& date = "") {
  engine::HttpResponse response;
  response.status = 400;
  response.body = "{\"__type\":\"" + type + "\",\"message\":\"" + message + "\"}";
  if (!date.empty()) response.headers.Add("Date", date);
  const std::string text = ApiErrorText(ParseApiError(response, kNow), kKey);
  EXPECT_FALSE(Has(text, "very secret")) << text;
  return text;
}

TEST(ClientTextTest, AClockThatIsOffIsNamedWithTheAmount) {
  const std::string theirs = engine::AmzDate(kNow + 600);
  const std::string text = TextFor(
      "InvalidSignatureException",
      "Signature expired: 20270115T080000Z is now earlier than x (" + theirs + " - 5 min.)");
  EXPECT_TRUE(Has(text, "10 min behind")) << text;
  EXPECT_TRUE(Has(text, "timedatectl")) << text;
  const std::string ahead =
      TextFor("InvalidSignatureException", "Signature not yet current: x is still later than y (" +
                                               engine::AmzDate(kNow - 7200) + " + 5 min.)");
  EXPECT_TRUE(Has(ahead, "2 h ahead of")) << ahead;
}

TEST(ClientTextTest, TheDateHeaderTellsTheSkew) {
  const std::string text =
      TextFor("InvalidSignatureException", "no", "Fri, 15 Jan 2027 08:10:00 GMT");
  EXPECT_TRUE(Has(text, "10 min behind")) << text;
}

TEST(ClientTextTest, AWrongSecretAndAnUnknownKeyAreToldApart) {
  EXPECT_TRUE(
      Has(TextFor("InvalidSignatureException", "no match"), "secret of access key AKIAEXAMPLE"));
  const std::string unknown = TextFor("UnrecognizedClientException", "invalid");
  EXPECT_TRUE(Has(unknown, "does not know")) << unknown;
  EXPECT_TRUE(Has(unknown, "from adit login")) << unknown;
}

TEST(ClientTextTest, ADeniedCallShowsWhoWasDeniedWhat) {
  const std::string text = TextFor("com.amazon#AccessDeniedException:x",
                                   "User: arn:aws:iam::1:user/eve is not authorized");
  EXPECT_TRUE(Has(text, "access denied: User: arn:aws:iam::1:user/eve")) << text;
}

TEST(ClientTextTest, AnAnswerThatIsNoneOfARelayIsSaidToBe) {
  engine::HttpResponse response;
  response.status = 404;
  response.body = "<html>";
  EXPECT_TRUE(Has(ApiErrorText(ParseApiError(response, kNow), kKey), "none of an Adit relay"));
}

TEST(ClientTextTest, EveryCloseCodeHasItsText) {
  for (uint16_t code = 0; code <= 25; ++code) {
    const auto close_code = static_cast<engine::CloseCode>(code);
    EXPECT_FALSE(SessionEndText(close_code, "", "web-1").empty());
    EXPECT_TRUE(Has(RefusedText(close_code, "", "web-1", "db:5432"), "db:5432"));
    const std::string hostile = SessionEndText(close_code, "\x1B[2J\r\n",
                                               "we\x07"
                                               "b");
    EXPECT_EQ(hostile.find_first_of("\x1B\r\x07"), std::string::npos) << hostile;
  }
  EXPECT_TRUE(
      Has(SessionEndText(engine::CloseCode::kSessionEnded, "by admin", "web-1"), "by admin"));
  EXPECT_TRUE(Has(RefusedText(engine::CloseCode::kConnectionRefused, "", "web-1", "db:1"),
                  "nobody listens"));
}

TEST(ClientTextTest, WhoEndedASessionIsSaidByWhoKnows) {
  const auto ended = engine::CloseCode::kSessionEnded;
  EXPECT_TRUE(Has(SessionEndText(ended, "", "web-1"), "by an administrator or its owner"));
  const std::string lost =
      SessionEndText(ended, "The permission for this session has ended.", "web-1");
  EXPECT_EQ(lost, "the session on web-1 was ended: The permission for this session has ended.");
}

TEST(ClientTextTest, AGoodbyeSaysWhoWentAndPromisesNothing) {
  const auto stopping = engine::CloseCode::kShuttingDown;
  const std::string agent = SessionEndText(stopping, engine::kAgentStoppedText, "web-1");
  EXPECT_TRUE(Has(agent, "the agent on web-1 was told to stop")) << agent;
  EXPECT_TRUE(Has(agent, "nothing waits for it here")) << agent;
  EXPECT_TRUE(Has(agent, "`adit nodes`")) << agent;
  const std::string relay = SessionEndText(
      stopping, std::string(engine::kRelayStoppingText) + "; try again soon", "web-1");
  EXPECT_TRUE(Has(relay, "the relay is stopping")) << relay;
  EXPECT_FALSE(Has(relay, "agent")) << relay;
  const std::string other = SessionEndText(stopping, "bye", "web-1");
  EXPECT_TRUE(Has(other, "the relay or the agent on web-1 is stopping: bye")) << other;
  for (const std::string& text : {agent, relay, other}) EXPECT_FALSE(Has(text, "restarting"));
}

TEST(ClientTextTest, ADocumentThatOpensAPortSaysWhatToUse) {
  engine::SessionPlan plan = {.kind = engine::SessionKind::kTcp, .host = "localhost", .port = 80};
  const std::string text = NoProgramText(engine::AllowsOnlyText(plan), "web-1", "P");
  EXPECT_TRUE(Has(text, "adit forward web-1 0:80")) << text;
  EXPECT_TRUE(Has(text, "adit proxy web-1 80")) << text;
  plan.host = "db";
  EXPECT_TRUE(
      Has(NoProgramText(engine::AllowsOnlyText(plan), "web-1", "P"), "adit forward web-1 0:db:80"));
  plan.kind = engine::SessionKind::kExec;
  plan.command = "tcp uptime";
  EXPECT_EQ(NoProgramText(engine::AllowsOnlyText(plan), "web-1", "P"), "");
}

TEST(ClientTextTest, ALineOfTheShellInTheProgramsPlaceIsToldHowItIsRun) {
  EXPECT_TRUE(Has(UnsplitText("ls -la: command not found on the node", "db1", {"ls -la"}),
                  "adit exec db1 -- sh -c 'ls -la'"));
  EXPECT_TRUE(Has(UnsplitText("/bin/ls|wc: could not be started", "db1", {"/bin/ls|wc", "-l"}),
                  "-- sh -c '/bin/ls|wc -l'"));
  EXPECT_EQ(UnsplitText("lss: command not found on the node", "db1", {"lss", "a b"}), "");
  EXPECT_EQ(UnsplitText("the node could not become user x", "db1", {"ls -la"}), "");
}

TEST(ClientTextTest, WhatIsNotThereIsSaidWithTheCommandThatShowsWhatIs) {
  EXPECT_TRUE(
      Has(TextFor("NoSuchEntity", "The user with name bob cannot be found."), "`adit user list`"));
  EXPECT_TRUE(
      Has(TextFor("EntityAlreadyExists", "User with name bob already exists."), "`adit user key"));
  EXPECT_TRUE(
      Has(TextFor("InvalidDocument", "Document with name X does not exist."), "`adit doc list`"));
  EXPECT_FALSE(Has(TextFor("InvalidDocument", "It cannot be read."), "`adit"));
}

TEST(ClientTextTest, ATakenPortSaysByWhomAndWhatToDo) {
  const std::string taken =
      ListenErrorText(engine::IoError::kInUse, "127.0.0.1:5432", 5432, "postgres (pid 812)");
  EXPECT_TRUE(Has(taken, "taken by postgres (pid 812)")) << taken;
  EXPECT_TRUE(Has(taken, "15432")) << taken;
  EXPECT_TRUE(Has(ListenErrorText(engine::IoError::kDenied, "127.0.0.1:80", 80, ""),
                  "below 1024 need privilege"));
  EXPECT_TRUE(Has(ListenErrorText(engine::IoError::kInUse, "/tmp/s", 0, ""), "rm /tmp/s"));
}

TEST(ClientTextTest, ListeningSocketsAreFoundInTheKernelsTable) {
  const std::string table =
      "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout "
      "inode\n"
      "   0: 0100007F:1538 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 "
      "777 1 0\n"
      "   1: 0100007F:1538 0100007F:D431 01 00000000:00000000 00:00000000 00000000  1000        0 "
      "888 1 0\n"
      "garbage\n"
      "   2: 0100007F:1539 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 "
      "999";
  EXPECT_EQ(ListeningInodes(table, 5432), std::vector<uint64_t>{777});
  EXPECT_EQ(ListeningInodes(table, 5433), std::vector<uint64_t>{999});
  EXPECT_TRUE(ListeningInodes(table, 80).empty());
  EXPECT_TRUE(ListeningInodes("", 80).empty());
}

TEST(ClientTextTest, ExitCodesAreThoseOfAShell) {
  EXPECT_EQ(ExitCodeOf({.status = 0, .signal = ""}), 0);
  EXPECT_EQ(ExitCodeOf({.status = 7, .signal = ""}), 7);
  EXPECT_EQ(ExitCodeOf({.status = 255, .signal = ""}), 255);
  EXPECT_EQ(ExitCodeOf({.status = 0, .signal = "KILL"}), 137);
  EXPECT_EQ(ExitCodeOf({.status = 0, .signal = "TERM"}), 128 + SIGTERM);
  EXPECT_EQ(ExitCodeOf({.status = 0, .signal = "NOSUCH"}), 255);
  EXPECT_EQ(SignalName(SIGINT), "INT");
}

TEST(ClientTextTest, ForeignTextIsShownAndNotObeyed) {
  EXPECT_EQ(Printable("plain \xC3\xA9\xE6\xBC\xA2\xF0\x9F\x99\x82"),
            "plain \xC3\xA9\xE6\xBC\xA2\xF0\x9F\x99\x82");
  EXPECT_EQ(Printable("\x1B[31m\a\x7F"), "\\x1b[31m\\x07\\x7f");
  EXPECT_EQ(Printable("\xC2\x9B"
                      "0m"),
            "\\xc2\\x9b0m");
}

TEST(ClientTextTest, DialErrorsNameTheRelay) {
  for (const DialFailure failure :
       {DialFailure::kUnreachable, DialFailure::kHandshake, DialFailure::kEnded}) {
    EXPECT_TRUE(Has(DialErrorText(failure, "why", {"relay", 443}), "relay:443"));
    EXPECT_TRUE(Has(DialErrorText(failure, "why", {"relay", 443}), ": why"));
  }
}

TEST(ClientTextTest, ARelayThatDoesNotAnswerIsNotSaidToHaveANewCa) {
  const auto text = [](std::string_view detail) {
    return DialErrorText(DialFailure::kHandshake, detail, {"relay", 443});
  };
  EXPECT_TRUE(Has(text("TLS was not set up in time"), "does not answer on them: TLS"));
  EXPECT_FALSE(Has(text("TLS was not set up in time"), "log in again"));
  EXPECT_TRUE(Has(text("self-signed certificate"), "log in again"));
}

TEST(ClientTextTest, SealedSessionsSayWhatWhyAndWhatNext) {
  const engine::HostPort relay{"relay", 443};
  for (const ProofError error : {ProofError::kUnreadable, ProofError::kNotSigned}) {
    const std::string text = ProofErrorText(error, "web-1");
    EXPECT_TRUE(Has(text, "web-1")) << text;
    EXPECT_TRUE(Has(text, "nothing was sent")) << text;
  }
  EXPECT_TRUE(Has(NodeTlsText("web-1", relay, "why"), "web-1 through the relay relay:443: why"));
  EXPECT_TRUE(Has(NotSealedText("web-1", "old agent"), "web-1 (old agent)"));
  EXPECT_TRUE(Has(NotSealedText("web-1", ""), "leave out --sealed"));
  for (const std::string& line : {UnsealedText("web-1", "old agent"), WrappedText(relay)}) {
    EXPECT_FALSE(Has(line, "\n")) << "a notice is one line: " << line;
  }
  EXPECT_TRUE(Has(CutText("web-1", "Terminated by root."), "was ended: Terminated by root."));
}

TEST(ClientTextTest, ANameThatIsSaidToBeAnIdIsCalledByIt) {
  const KnownNodes::Node node{.id = "web-1", .name = "", .named_by_id = true};
  const KnownNodes::Meeting meeting{
      .kind = KnownNodes::Meeting::Kind::kOtherNode,
      .known = {.node_id = "mi-1", .fingerprint = "SHA256:a", .name = "web-1"},
      .kept = absl::OkStatus()};
  const std::string text = MeetingText(meeting, node, "SHA256:b", "/known_nodes");
  EXPECT_TRUE(Has(text, "the name web-1 belonged to another node")) << text;
  EXPECT_TRUE(Has(text, "adit forget mi-1")) << text;
  EXPECT_FALSE(Has(text, "by its id")) << text;
}

TEST(ClientTextTest, WhatARelaySaysOfANodeCannotDriveTheTerminal) {
  using Kind = KnownNodes::Meeting::Kind;
  const KnownNodes::Node node{.id = "mi-\x1B", .name = "we\rb", .named_by_id = false};
  for (const Kind kind : {Kind::kFirst, Kind::kOtherKey, Kind::kOtherNode}) {
    const KnownNodes::Meeting meeting{
        .kind = kind,
        .known = {.node_id = "mi-1", .fingerprint = "SHA256:a", .name = "web"},
        .kept = absl::OkStatus()};
    const std::string text = MeetingText(meeting, node, "SHA256:b", "/known_nodes");
    EXPECT_TRUE(Has(text, "SHA256:b")) << text;
    EXPECT_EQ(text.find_first_of("\x1B\r"), std::string::npos) << text;
  }
  EXPECT_EQ(MeetingText({}, node, "SHA256:b", ""), "");
  EXPECT_FALSE(Has(UnsealedText("a\x1B", "b\x1B"), "\x1B"));
  EXPECT_FALSE(Has(NodeTlsText("a\x1B", {"relay", 1}, "b\x1B"), "\x1B"));
}

TEST(ClientTextTest, TablesLineUpByCodePoints) {
  Table table({"A", "B"});
  table.AddRow({"\xC3\xA9\xC3\xA9", "x"});
  table.AddRow({"", "\x1B"});
  EXPECT_EQ(table.ToText(), "A   B\n\xC3\xA9\xC3\xA9  x\n-   \\x1b\n");
}

TEST(ClientTextTest, ATableThatGrowsHasItsHeadingsOnce) {
  Table table({"A", "B"});
  table.AddRow({"long", "x"});
  EXPECT_EQ(table.TakeText(), "A     B\nlong  x\n");
  table.AddRow({"y", "z"});
  EXPECT_EQ(table.TakeText(), "y     z\n");
  EXPECT_EQ(table.TakeText(), "");
}

}  // namespace
}  // namespace client
