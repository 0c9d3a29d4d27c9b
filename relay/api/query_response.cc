#include "relay/api/query_response.h"

#include <algorithm>
#include <iterator>
#include <nlohmann/json.hpp>

namespace relay {
namespace {

using Json = nlohmann::json;

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";
constexpr std::string_view kMapEntry = "entry";

void AppendText(std::string& out, std::string_view text) {
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\r':
        out += "&#xD;";
        break;
      default:
        if (static_cast<uint8_t>(c) < 0x20 && c != '\t' && c != '\n') {
          out += kReplacement;
        } else {
          out.push_back(c);
        }
    }
  }
}

void AppendElement(std::string& out, std::string_view name, const Json& value);

void AppendContent(std::string& out, const Json& value) {
  if (value.is_object()) {
    for (const auto& [name, member] : value.items()) {
      if (name == kMapEntry && member.is_array()) {
        for (const Json& entry : member) AppendElement(out, kMapEntry, entry);
      } else {
        AppendElement(out, name, member);
      }
    }
  } else if (value.is_array()) {
    for (const Json& member : value) AppendElement(out, "member", member);
  } else if (value.is_string()) {
    AppendText(out, *value.get_ptr<const std::string*>());
  } else {
    out += value.dump();
  }
}

void AppendElement(std::string& out, std::string_view name, const Json& value) {
  out.append("<").append(name).append(">");
  AppendContent(out, value);
  out.append("</").append(name).append(">");
}

engine::HttpResponse XmlResponse(int status, std::string body, std::string_view request_id) {
  engine::HttpResponse response;
  response.status = status;
  response.headers.Add("Content-Type", "text/xml");
  response.headers.Add("x-amzn-RequestId", request_id);
  response.body = std::move(body);
  return response;
}

struct QueryCode {
  std::string_view json_code;
  std::string_view code;
  int status;
};

constexpr QueryCode kQueryCodes[] = {
    {"AccessDeniedException", "AccessDenied", 403},
    {"MissingAuthenticationTokenException", "MissingAuthenticationToken", 403},
    {"IncompleteSignatureException", "IncompleteSignature", 400},
    {"InvalidSignatureException", "SignatureDoesNotMatch", 403},
    {"UnrecognizedClientException", "InvalidClientTokenId", 403},
    {"ExpiredTokenException", "ExpiredToken", 403},
    {"ThrottlingException", "Throttling", 400},
    {"ValidationException", "ValidationError", 400},
    {"UnknownOperationException", "InvalidAction", 400},
    {"InternalServerError", "ServiceFailure", 500},
};

const QueryCode* FindQueryCode(std::string_view json_code) {
  const auto found = std::ranges::find(kQueryCodes, json_code, &QueryCode::json_code);
  return found == std::end(kQueryCodes) ? nullptr : found;
}

}  // namespace

std::string_view QueryErrorCode(std::string_view json_code) {
  const QueryCode* known = FindQueryCode(json_code);
  return known == nullptr ? json_code : known->code;
}

engine::HttpResponse QueryResponse(std::string_view operation, std::string_view xml_namespace,
                                   const Json& output, std::string_view request_id) {
  const std::string name(operation);
  std::string body = "<" + name + "Response xmlns=\"" + std::string(xml_namespace) + "\">";
  AppendElement(body, name + "Result", output);
  AppendElement(body, "ResponseMetadata", {{"RequestId", request_id}});
  body += "</" + name + "Response>";
  return XmlResponse(200, std::move(body), request_id);
}

engine::HttpResponse QueryErrorResponse(const ApiError& error, std::string_view xml_namespace,
                                        std::string_view request_id) {
  const QueryCode* known = FindQueryCode(error.code);
  const int status = known == nullptr ? error.status : known->status;
  std::string body = "<ErrorResponse xmlns=\"" + std::string(xml_namespace) + "\">";
  AppendElement(body, "Error",
                {{"Type", status >= 500 ? "Receiver" : "Sender"},
                 {"Code", QueryErrorCode(error.code)},
                 {"Message", error.message}});
  AppendElement(body, "RequestId", request_id);
  body += "</ErrorResponse>";
  return XmlResponse(status, std::move(body), request_id);
}

}  // namespace relay
