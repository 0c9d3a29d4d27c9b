// What --help shows before the options of a command: examples first, since they are what most
// people look for.

#pragma once

#include <string_view>

namespace client {

extern const std::string_view kTopHelp;
extern const std::string_view kLoginHelp;
extern const std::string_view kShellHelp;
extern const std::string_view kExecHelp;
extern const std::string_view kForwardHelp;
extern const std::string_view kProxyHelp;
extern const std::string_view kForgetHelp;
extern const std::string_view kNodesHelp;
extern const std::string_view kSessionsHelp;
extern const std::string_view kTerminateHelp;
extern const std::string_view kAuditHelp;
extern const std::string_view kWhoAmIHelp;
// VerbHelp is that of a command of two words, such as "policy put"; see verb_help.cc.
std::string_view VerbHelp(std::string_view command);
// In admin_help.cc.
extern const std::string_view kDocHelp;
extern const std::string_view kActivateHelp;
extern const std::string_view kPolicyHelp;
extern const std::string_view kUserHelp;
extern const std::string_view kConfigureHelp;

}  // namespace client
