#include "client/credentials.h"

#include <unistd.h>

#include <optional>

#include "client/aws_profile.h"
#include "client/config_file.h"
#include "client/say.h"

namespace client {
namespace {

absl::Status Failure(const std::string& text) { return absl::UnauthenticatedError(text); }

struct AwsFiles {
  std::string credentials;
  std::string config;
};

AwsFiles FindAwsFiles(const Environment& environment) {
  const std::string folder = HomeFolder(environment) + "/.aws";
  return {
      .credentials = environment("AWS_SHARED_CREDENTIALS_FILE").value_or(folder + "/credentials"),
      .config = environment("AWS_CONFIG_FILE").value_or(folder + "/config")};
}

// ReadProfile looks into both files; as in the AWS tools, the credentials file wins.
absl::StatusOr<AwsProfile> ReadProfile(const AwsFiles& files, const std::string& name) {
  AwsProfile result;
  for (const AwsFile file : {AwsFile::kCredentials, AwsFile::kConfig}) {
    const std::string& path = file == AwsFile::kCredentials ? files.credentials : files.config;
    if (::access(path.c_str(), F_OK) != 0) continue;
    absl::StatusOr<std::string> text = ReadSmallFile(path);
    if (!text.ok()) return text.status();
    AwsProfile found = FindAwsProfile(*text, file, name);
    found.found = found.found || result.found;
    if (!found.access_key_id.empty()) return found;
    result = found;
  }
  return result;
}

absl::StatusOr<Credentials> FromProfile(const AwsFiles& files, const std::string& name,
                                        const std::string& named_by) {
  absl::StatusOr<AwsProfile> profile = ReadProfile(files, name);
  if (!profile.ok()) return profile.status();
  const std::string shown = "profile '" + Printable(name) + "' (" + named_by + ")";
  if (!profile->found) {
    return Failure(shown + " is neither in " + files.credentials + " nor in " + files.config);
  }
  if (profile->access_key_id.empty() || profile->secret_access_key.empty()) {
    return Failure(shown +
                   " has no aws_access_key_id with aws_secret_access_key; other ways to get a "
                   "key (sso, role, credential_process) are not supported yet");
  }
  return Credentials{.access_key_id = profile->access_key_id,
                     .secret_access_key = profile->secret_access_key,
                     .session_token = profile->session_token,
                     .source = "AWS " + shown};
}

}  // namespace

absl::StatusOr<Credentials> FindCredentials(const Environment& environment,
                                            const std::string& profile_flag,
                                            const ClientConfig& config) {
  const AwsFiles files = FindAwsFiles(environment);
  if (!profile_flag.empty()) return FromProfile(files, profile_flag, "--profile");

  const std::optional<std::string> id = environment("AWS_ACCESS_KEY_ID");
  const std::optional<std::string> secret = environment("AWS_SECRET_ACCESS_KEY");
  if (id && secret) {
    return Credentials{.access_key_id = *id,
                       .secret_access_key = *secret,
                       .session_token = environment("AWS_SESSION_TOKEN").value_or(""),
                       .source = "AWS_ACCESS_KEY_ID"};
  }
  if (id || secret) {
    return Failure(std::string(id ? "AWS_ACCESS_KEY_ID" : "AWS_SECRET_ACCESS_KEY") +
                   " is set without " + (id ? "AWS_SECRET_ACCESS_KEY" : "AWS_ACCESS_KEY_ID") +
                   "; set both, or neither");
  }
  if (const auto name = environment("AWS_PROFILE")) return FromProfile(files, *name, "AWS_PROFILE");

  if (!config.access_key_id.empty() && !config.secret_access_key.empty()) {
    return Credentials{.access_key_id = config.access_key_id,
                       .secret_access_key = config.secret_access_key,
                       .session_token = "",
                       .source = "adit login"};
  }
  absl::StatusOr<AwsProfile> fallback = ReadProfile(files, "default");
  if (fallback.ok() && !fallback->access_key_id.empty() && !fallback->secret_access_key.empty()) {
    return FromProfile(files, "default", "no other key was named");
  }
  return Failure(
      "no access key: paste the line that begins with adit-login into `adit login`, or set "
      "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY");
}

}  // namespace client
