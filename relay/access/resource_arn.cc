#include "relay/access/resource_arn.h"

#include "relay/store/iam_store.h"

namespace relay {
namespace {

std::string SsmArn(std::string_view account, std::string_view type, std::string_view name) {
  std::string arn = "arn:aws:ssm:";
  arn.append(kRegion).append(":").append(account).append(":").append(type).append("/").append(name);
  return arn;
}

}  // namespace

std::string NodeArn(std::string_view node_id) {
  return SsmArn(kAccountId, "managed-instance", node_id);
}

std::string ActivationArn(std::string_view activation_id) {
  return SsmArn(kAccountId, "activation", activation_id);
}

std::string SessionArn(std::string_view session_id) {
  return SsmArn(kAccountId, "session", session_id);
}

std::string DocumentArn(std::string_view name) {
  if (name.starts_with("arn:")) return std::string(name);
  return SsmArn(name.starts_with("AWS-") ? std::string_view() : kAccountId, "document", name);
}

std::string AssumedRoleArn(std::string_view role_name, std::string_view session_name) {
  std::string arn = "arn:aws:sts::";
  arn.append(kAccountId).append(":assumed-role/").append(role_name);
  return arn.append("/").append(session_name);
}

}  // namespace relay
