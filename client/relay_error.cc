#include "client/relay_error.h"

#include <cstdlib>
#include <ctime>
#include <nlohmann/json.hpp>
#include <optional>

#include "client/say.h"
#include "client/xml_text.h"
#include "engine/http/amz_date.h"

namespace client {
namespace {

constexpr int64_t kSkewWorthTelling = 60;
constexpr size_t kIdSizeMax = 64;
constexpr size_t kMessageSizeMax = 2048;  // A relay's text is shown up to here.

// HttpDate reads "Tue, 24 Nov 2026 04:08:49 GMT" (RFC 9110, 5.6.7).
std::optional<int64_t> HttpDate(const std::string& text) {
  std::tm time{};
  const char* end = ::strptime(text.c_str(), "%a, %d %b %Y %H:%M:%S GMT", &time);
  if (end == nullptr || *end != '\0') return std::nullopt;
  return static_cast<int64_t>(::timegm(&time));
}

// TimeInParentheses reads the relay's clock from "Signature expired: ... (20261124T040849Z - 5
// min.)", as AWS words it.
std::optional<int64_t> TimeInParentheses(std::string_view message) {
  constexpr size_t kSize = sizeof("20261124T040849Z") - 1;
  const size_t open = message.find('(');
  if (open == std::string_view::npos) return std::nullopt;
  return engine::ParseAmzDate(message.substr(open + 1, kSize));
}

std::string Text(const nlohmann::json& object, const char* name) {
  const auto found = object.find(name);
  if (found == object.end() || !found->is_string()) return {};
  return found->get<std::string>().substr(0, kMessageSizeMax);
}

// BareCode takes what botocore takes: before the first ':', after the last '#'.
std::string BareCode(std::string type) {
  type = type.substr(0, type.find(':'));
  const size_t hash = type.rfind('#');
  return hash == std::string::npos ? type : type.substr(hash + 1);
}

// JsonCode is what the JSON protocol calls an error of the query protocol.
std::string JsonCode(std::string code) {
  struct Pair {
    std::string_view query;
    const char* json;
  };
  constexpr Pair kPairs[] = {{"SignatureDoesNotMatch", "InvalidSignatureException"},
                             {"InvalidClientTokenId", "UnrecognizedClientException"},
                             {"ExpiredToken", "ExpiredTokenException"},
                             {"AccessDenied", "AccessDeniedException"},
                             {"Throttling", "ThrottlingException"},
                             {"InvalidAction", "UnknownOperationException"}};
  for (const auto& [query, json] : kPairs) {
    if (code == query) return json;
  }
  return code;
}

// NextStep is what helps against an error of a name that was given: a line of its own, or nothing.
std::string NextStep(const ApiError& error) {
  struct Step {
    std::string_view code;
    std::string_view said;  // A part of the relay's own words.
    const char* text;
  };
  constexpr Step kSteps[] = {
      {"NoSuchEntity", "user with name", "`adit user list` shows those that there are"},
      {"NoSuchEntity", "group with name", "`aws iam list-groups` shows those that there are"},
      {"NoSuchEntity", "role with name", "`aws iam list-roles` shows those that there are"},
      {"NoSuchEntity", "Access Key", "`adit user keys NAME` shows those that a user has"},
      {"ValidationError", "'accessKeyId'", "`adit user keys NAME` shows those that a user has"},
      {"NoSuchEntity", "Policy ", "`adit policy list` shows those that there are"},
      {"EntityAlreadyExists", "User with name",
       "`adit user key NAME` makes one more key for that user, `adit policy attach` gives a "
       "policy"},
      {"LimitExceeded", "AccessKeysPerUser",
       "`adit user keys NAME` shows them, `adit user revoke NAME KEY` takes one away"},
      {"InvalidDocumentVersion", "", "`adit doc versions NAME` shows those that there are"},
      {"InvalidDocument", "does not exist", "`adit doc list` shows those that there are"},
  };
  for (const auto& [code, said, text] : kSteps) {
    if (error.code == code && error.message.find(said) != std::string::npos) {
      return std::string("\n") + text;
    }
  }
  return {};
}

}  // namespace

ApiError ParseApiError(const engine::HttpResponse& response, int64_t now) {
  ApiError error;
  error.status = response.status;
  const auto json = nlohmann::json::parse(response.body, nullptr, /*allow_exceptions=*/false);
  if (json.is_object()) {
    error.code = BareCode(Text(json, "__type"));
    error.message = Text(json, "message");
    if (error.message.empty()) error.message = Text(json, "Message");
  } else if (const auto code = XmlElement(response.body, "Code")) {
    error.code = JsonCode(code->substr(0, kMessageSizeMax));
    error.message = XmlElement(response.body, "Message").value_or("").substr(0, kMessageSizeMax);
  }
  error.request_id = std::string(response.headers.Get("x-amzn-RequestId").substr(0, kIdSizeMax));
  std::optional<int64_t> theirs = HttpDate(std::string(response.headers.Get("Date")));
  if (!theirs) theirs = TimeInParentheses(error.message);
  if (theirs) error.skew_seconds = now - *theirs;
  return error;
}

std::string SkewText(int64_t skew_seconds) {
  const int64_t amount = std::llabs(skew_seconds);
  const std::string number = amount < 120        ? std::to_string(amount) + " s"
                             : amount < 120 * 60 ? std::to_string(amount / 60) + " min"
                                                 : std::to_string(amount / 3600) + " h";
  return number + (skew_seconds < 0 ? " behind" : " ahead of");
}

std::string ApiErrorText(const ApiError& error, const Credentials& credentials) {
  const std::string key =
      "access key " + Printable(credentials.access_key_id) + " (from " + credentials.source + ")";
  const std::string said = error.message.empty() ? "" : ": " + Printable(error.message);
  if (error.code == "InvalidSignatureException") {
    const bool about_time = error.message.starts_with("Signature expired") ||
                            error.message.starts_with("Signature not yet current");
    if (about_time || std::llabs(error.skew_seconds) > 5 * kSkewWorthTelling) {
      const std::string skew = std::llabs(error.skew_seconds) < kSkewWorthTelling
                                   ? "not the same as"
                                   : SkewText(error.skew_seconds);
      return "the clock of this machine is " + skew +
             " the relay's, so the relay refused the signature\nset the clock (timedatectl "
             "set-ntp true) and try again";
    }
    return "the secret of " + key +
           " does not fit its id: the relay refused the signature\nlog in again with a fresh line, "
           "or look for a truncated secret";
  }
  if (error.code == "UnrecognizedClientException") {
    return "the relay does not know the " + key +
           "\nlog in again with a fresh line, or unset AWS_ACCESS_KEY_ID and AWS_PROFILE if this "
           "key is for something else";
  }
  if (error.code == "ExpiredTokenException") {
    return "the session token that goes with the " + key + " has expired; get a new one";
  }
  if (error.code == "AccessDeniedException") {
    const std::string id =
        error.request_id.empty() ? "" : " (request " + Printable(error.request_id) + ")";
    return "access denied" + said + "\nask whoever runs the relay to allow it for your user" + id;
  }
  if (error.code == "ThrottlingException") return "the relay is busy" + said + "; try again soon";
  if (error.code == "UnknownOperationException") {
    return "the relay does not know this call; it is probably older than this adit: update it";
  }
  if (error.code.empty()) {
    return "the answer has status " + std::to_string(error.status) +
           " and is none of an Adit relay; is the address right (--relay, ADIT_RELAY)?";
  }
  return "the relay answered " + Printable(error.code) + said + NextStep(error);
}

}  // namespace client
