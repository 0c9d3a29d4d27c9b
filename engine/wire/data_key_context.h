// What the data key of an encrypted session is bound to, as AWS's programs say it.

#pragma once

#include <map>
#include <string>
#include <string_view>

namespace engine {

// DataKeyContext is KMS's EncryptionContext: names and values that whoever opens a data key has to
// know. An empty challenge is left out.
inline std::map<std::string, std::string, std::less<>> DataKeyContext(std::string_view session_id,
                                                                      std::string_view target,
                                                                      std::string_view challenge) {
  std::map<std::string, std::string, std::less<>> context = {
      {"aws:ssm:SessionId", std::string(session_id)}, {"aws:ssm:TargetId", std::string(target)}};
  if (!challenge.empty()) context.emplace("aws:ssm:RandomChallenge", challenge);
  return context;
}

}  // namespace engine
