#include "relay/sts/sts_routes.h"

#include "relay/sts/assume_role.h"
#include "relay/sts/sts_api.h"

namespace relay::sts {
namespace {

constexpr const char* kAssumeRoleAudited[] = {
    "RoleArn", "RoleSessionName", "DurationSeconds", "ExternalId",        "SourceIdentity",
    "Tags",    "Policy",          "PolicyArns",      "TransitiveTagKeys", "SerialNumber"};
constexpr const char* kSessionTokenAudited[] = {"DurationSeconds", "SerialNumber"};
constexpr const char* kAccessKeyAudited[] = {"AccessKeyId"};

// AskNothing is for what everybody may do who is there.
void AskNothing(ApiContext&, ApiCall&, AccessQuestion& question) { question.resources.clear(); }

constexpr ApiRoute kRoutes[] = {
    // It asks for itself: a code is looked at first, and several actions may have to be allowed.
    {"AssumeRole", AssumeRole, AskNothing, kAssumeRoleAudited},
    {"GetAccessKeyInfo", GetAccessKeyInfo, nullptr, kAccessKeyAudited},
    {"GetCallerIdentity", GetCallerIdentity, AskNothing},
    {"GetSessionToken", GetSessionToken, AskNothing, kSessionTokenAudited},
};

}  // namespace

std::span<const ApiRoute> StsRoutes() { return kRoutes; }

}  // namespace relay::sts
