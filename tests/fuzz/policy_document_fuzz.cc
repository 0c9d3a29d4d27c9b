// Goal: no text makes the policy reader or a decision crash, and the index finds what is there.
// Method: the text as a document of each kind; one that is taken is asked about a request made of
// its own words, with the index and without.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "engine/base/check.h"
#include "relay/policy/evaluate.h"

namespace policy = relay::policy;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  for (const auto kind : {policy::DocumentKind::kIdentity, policy::DocumentKind::kTrust,
                          policy::DocumentKind::kResource}) {
    auto document = policy::PolicyDocument::Parse(text, kind);
    CHECK(document.ok() || !document.status().message().empty());
    if (!document.ok()) continue;
    policy::RequestContext context;
    for (const std::string& key : document->ContextKeys()) context.Add(key, text.substr(size / 2));
    const auto& first = document->statements()[0];
    const std::string action = first.actions[0].text().substr(0, policy::kActionSizeMax);
    const std::string resource = first.resources.empty() ? "*" : first.resources[0].text();
    const policy::Request request(action, resource, context, {.arn = text, .account = "1"});
    std::vector<policy::AttachedPolicy> attached;
    attached.push_back({"fuzz", std::make_shared<const policy::PolicyDocument>(*document)});
    const policy::PolicySet set(std::move(attached));
    const auto all = set.FindAll(request);
    for (const auto effect : {policy::Effect::kAllow, policy::Effect::kDeny}) {
      const bool is_there = std::any_of(all.begin(), all.end(), [&](const auto& found) {
        return found.statement().effect == effect;
      });
      CHECK(is_there == !set.Find(effect, request).empty());
    }
    policy::Evaluate({.identity = &set, .resource = &set, .trust = &set}, request);
  }
  return 0;
}
