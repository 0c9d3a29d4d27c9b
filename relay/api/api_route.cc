#include "relay/api/api_route.h"

#include <algorithm>

#include "relay/api/access_questions.h"
#include "relay/api/activations_api.h"
#include "relay/api/documents_api.h"
#include "relay/api/events_api.h"
#include "relay/api/nodes_api.h"
#include "relay/api/originals_api.h"
#include "relay/api/rejoin_api.h"
#include "relay/api/resume_api.h"
#include "relay/api/sealed_api.h"
#include "relay/api/sessions_api.h"
#include "relay/api/tagging_api.h"
#include "relay/iam/iam_routes.h"
#include "relay/keys/keys_api.h"
#include "relay/sts/sts_routes.h"

namespace relay {
namespace {

constexpr const char* kStartSessionAudited[] = {"Target", "DocumentName", "Reason", "Parameters"};
constexpr const char* kSessionAudited[] = {"SessionId"};
constexpr const char* kRejoinAudited[] = {"SessionId", "Lane", "Epoch"};
constexpr const char* kDescribeAudited[] = {"State", "Filters", "InstanceInformationFilterList",
                                            "MaxResults"};
constexpr const char* kLookupAudited[] = {"LookupAttributes", "StartTime", "EndTime",
                                          "EventCategory", "MaxResults"};
constexpr const char* kTargetAudited[] = {"Target"};
constexpr const char* kCreateActivationAudited[] = {
    "IamRole", "Description", "DefaultInstanceName", "RegistrationLimit", "ExpirationDate", "Tags"};
constexpr const char* kActivationAudited[] = {"ActivationId"};
constexpr const char* kInstanceAudited[] = {"InstanceId", "IamRole"};
constexpr const char* kTagsAudited[] = {"ResourceType", "ResourceId", "Tags", "TagKeys"};
constexpr const char* kEnrollNodeAudited[] = {"ActivationId", "Name", "HostName", "Platform",
                                              "AgentVersion"};

constexpr const char* kRegisterAudited[] = {"ActivationId", "Fingerprint", "PublicKeyType"};
constexpr const char* kInformationAudited[] = {"InstanceId",   "AgentVersion", "AgentStatus",
                                               "PlatformType", "PlatformName", "ComputerName"};
constexpr auto kNode = ApiRoute::Signer::kNode;
constexpr auto kNodeKey = ApiRoute::Signer::kNodeKey;

// Nothing(name) is what original agents call beside sessions.
constexpr ApiRoute Nothing(std::string_view name) {
  return {name, AnswerNothing, nullptr, kInstanceAudited, nullptr, kNode, true};
}

constexpr const char* kDocumentAudited[] = {
    "Name",        "Content",     "DocumentFormat", "DocumentVersion",
    "VersionName", "DisplayName", "Filters",        "DocumentFilterList",
    "TargetType",  "Tags",        "MaxResults"};

constexpr ApiRoute kSsmRoutes[] = {
    {"AmazonSSM.StartSession", StartSession, AskStartSession, kStartSessionAudited},
    {"AmazonSSM.ResumeSession", ResumeSession, AskOfSession, kSessionAudited},
    {"AmazonSSM.TerminateSession", TerminateSession, AskOfSession, kSessionAudited},
    {"AmazonSSM.DescribeSessions", DescribeSessions, nullptr, kDescribeAudited},
    {"AmazonSSM.GetConnectionStatus", GetConnectionStatus, AskOfTarget, kTargetAudited},
    {"AmazonSSM.DescribeInstanceInformation", DescribeInstanceInformation, nullptr,
     kDescribeAudited},
    {"AmazonSSM.CreateActivation", CreateActivation, AskCreateActivation, kCreateActivationAudited},
    {"AmazonSSM.DescribeActivations", DescribeActivations, nullptr, kDescribeAudited},
    {"AmazonSSM.DeleteActivation", DeleteActivation, nullptr, kActivationAudited},
    {"AmazonSSM.DeregisterManagedInstance", DeregisterManagedInstance, AskOfInstance,
     kInstanceAudited},
    {"AmazonSSM.UpdateManagedInstanceRole", UpdateManagedInstanceRole, AskOfInstance,
     kInstanceAudited},
    {"AmazonSSM.AddTagsToResource", AddTagsToResource, AskOfTagged, kTagsAudited},
    {"AmazonSSM.RemoveTagsFromResource", RemoveTagsFromResource, AskOfTagged, kTagsAudited},
    {"AmazonSSM.ListTagsForResource", ListTagsForResource, AskOfTagged, kTagsAudited},
    {"AmazonSSM.CreateDocument", CreateDocument, AskOfDocument, kDocumentAudited},
    {"AmazonSSM.UpdateDocument", UpdateDocument, AskOfDocument, kDocumentAudited},
    {"AmazonSSM.UpdateDocumentDefaultVersion", UpdateDocumentDefaultVersion, AskOfDocument,
     kDocumentAudited},
    {"AmazonSSM.DeleteDocument", DeleteDocument, AskOfDocument, kDocumentAudited},
    {"AmazonSSM.GetDocument", GetDocument, AskOfDocument, kDocumentAudited},
    {"AmazonSSM.DescribeDocument", DescribeDocument, AskOfDocument, kDocumentAudited},
    {"AmazonSSM.DescribeDocumentPermission", DescribeDocumentPermission, AskOfDocument,
     kDocumentAudited},
    {"AmazonSSM.ListDocuments", ListDocuments, nullptr, kDocumentAudited},
    {"AmazonSSM.ListDocumentVersions", ListDocumentVersions, AskOfDocument, kDocumentAudited},
    {"Adit.EnrollNode", EnrollNode, nullptr, kEnrollNodeAudited, HoldsActivation},
    {"Adit.OpenLane", OpenLane, AskOpenLane, kSessionAudited},
    {"Adit.SealSession", SealSession, nullptr, kSessionAudited, HoldsSessionToken},
    {"AmazonSSM.RegisterManagedInstance", RegisterManagedInstance, nullptr, kRegisterAudited,
     HoldsActivation},
    {"AmazonSSM.RequestManagedInstanceRoleToken",
     RequestManagedInstanceRoleToken,
     nullptr,
     {},
     nullptr,
     kNodeKey},
    {"AmazonSSM.UpdateManagedInstancePublicKey",
     UpdateManagedInstancePublicKey,
     nullptr,
     {},
     nullptr,
     kNodeKey},
    {"AmazonSSM.UpdateInstanceInformation", UpdateInstanceInformation, nullptr, kInformationAudited,
     nullptr, kNode},
    Nothing("AmazonSSM.ListAssociations"),
    Nothing("AmazonSSM.ListInstanceAssociations"),
    Nothing("AmazonSSM.PutComplianceItems"),
    Nothing("AmazonSSM.PutInventory"),
    Nothing("AmazonSSM.UpdateInstanceAssociationStatus"),
    {"Adit.Rejoin", Rejoin, nullptr, kRejoinAudited, HoldsRejoinKey, ApiRoute::Signer::kPrincipal,
     false, RejoinMeanwhile},
};

constexpr ApiRoute kCloudTrailRoutes[] = {
    {"com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101.LookupEvents", LookupEvents, nullptr,
     kLookupAudited},
};

constexpr ApiRoute kMessageRoutes[] = {
    {"EC2WindowsMessageDeliveryService.GetMessages",
     PollMessages,
     nullptr,
     {},
     nullptr,
     kNode,
     true},
    Nothing("EC2WindowsMessageDeliveryService.AcknowledgeMessage"),
    Nothing("EC2WindowsMessageDeliveryService.DeleteMessage"),
    Nothing("EC2WindowsMessageDeliveryService.FailMessage"),
    Nothing("EC2WindowsMessageDeliveryService.SendReply"),
};

std::span<const ApiService> Services() {
  using Protocol = ApiService::Protocol;
  static const ApiService services[] = {
      {"ssm", "ssm.amazonaws.com", Protocol::kJson, {}, {}, kSsmRoutes},
      {"cloudtrail", "cloudtrail.amazonaws.com", Protocol::kJson, {}, {}, kCloudTrailRoutes},
      {"kms", "kms.amazonaws.com", Protocol::kJson, {}, {}, keys::KeysRoutes()},
      {"ec2messages", "ec2messages.amazonaws.com", Protocol::kJson, {}, {}, kMessageRoutes},
      {"iam", "iam.amazonaws.com", Protocol::kQuery, "2010-05-08",
       "https://iam.amazonaws.com/doc/2010-05-08/", iam::IamRoutes()},
      {"sts", "sts.amazonaws.com", Protocol::kQuery, "2011-06-15",
       "https://sts.amazonaws.com/doc/2011-06-15/", sts::StsRoutes()},
  };
  return services;
}

}  // namespace

const ApiService* FindService(std::string_view name) {
  const auto services = Services();
  const auto found = std::ranges::find(services, name, &ApiService::name);
  return found == services.end() ? nullptr : &*found;
}

const ApiService* FindServiceOfTarget(std::string_view target) {
  for (const ApiService& service : Services()) {
    if (service.protocol != ApiService::Protocol::kJson) continue;
    if (FindRoute(service, target) != nullptr) return &service;
  }
  return nullptr;
}

const ApiRoute* FindRoute(const ApiService& service, std::string_view name) {
  const auto found = std::ranges::find(service.routes, name, &ApiRoute::name);
  return found == service.routes.end() ? nullptr : &*found;
}

}  // namespace relay
