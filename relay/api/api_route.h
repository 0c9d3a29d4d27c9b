// Which operations there are, and what each needs before it runs.
//
// To add one: a line in api_route.cc, or in the table of its service.

#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string_view>

#include "relay/access/access_case.h"
#include "relay/api/api_call.h"

namespace relay {

class Store;

struct ApiRoute {
  // With JSON, the whole of X-Amz-Target; in the query protocol, the Action.
  std::string_view name;
  ApiOutcome (*operation)(ApiContext& context, ApiCall& call);
  // Fills in what has to be allowed; null: the action, SERVICE:OPERATION, on everything ("*").
  void (*ask)(ApiContext& context, ApiCall& call, AccessQuestion& question) = nullptr;
  // The members of a request that go into its audit record. What is not named is not recorded: a
  // code or a key can never slip in.
  std::span<const char* const> audited = {};
  // Whether the body proves that the caller may ask; null: the signature has to.
  bool (*proof)(Store& store, const nlohmann::json& input, int64_t now_unix_ms) = nullptr;
  // Who may sign: whoever policies allow it; a node, of which policies do not speak, with the
  // credentials that it was given; or a node that has none yet, with its key; or either of the
  // first two, and then it is for the operation to say what a node may.
  enum class Signer : uint8_t { kPrincipal, kNode, kNodeKey, kEither } signer = Signer::kPrincipal;
  // A success is not worth a record: what comes every few seconds, and changes nothing.
  bool is_routine = false;
  // What does it while the store is down, without the store; its record waits. Null: it is refused.
  ApiOutcome (*meanwhile)(ApiContext& context, ApiCall& call) = nullptr;
};

// ApiService is what a signature is scoped to, and speaks one protocol.
struct ApiService {
  std::string_view name;    // "ssm": of the signature's scope, and of actions in policies.
  std::string_view source;  // "ssm.amazonaws.com": in audit records.
  enum class Protocol : uint8_t { kJson, kQuery } protocol;
  std::string_view version;        // Of the query protocol: Version=2010-05-08.
  std::string_view xml_namespace;  // Of its answers.
  std::span<const ApiRoute> routes;
};

// FindService returns the service of that name, or the one whose operations a JSON request's target
// names. Null: there is none.
const ApiService* FindService(std::string_view name);
const ApiService* FindServiceOfTarget(std::string_view target);

const ApiRoute* FindRoute(const ApiService& service, std::string_view name);

}  // namespace relay
