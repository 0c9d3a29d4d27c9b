#include "relay/store/iam_store.h"

namespace relay {
namespace {

std::string ArnOf(std::string_view type, std::string_view path, std::string_view name) {
  std::string arn = "arn:aws:iam::";
  arn.append(kAccountId).append(":").append(type).append(path).append(name);
  return arn;
}

}  // namespace

std::string IamEntity::Arn() const {
  switch (kind) {
    case IamKind::kUser:
      return ArnOf("user", path, name);
    case IamKind::kGroup:
      return ArnOf("group", path, name);
    case IamKind::kRole:
      return ArnOf("role", path, name);
  }
  return {};
}

std::string IamPolicy::Arn() const { return ArnOf("policy", path, name); }

std::string IamMfaDevice::SerialNumber() const { return ArnOf("mfa", path, name); }

}  // namespace relay
