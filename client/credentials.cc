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
  std::optional<AwsProfile> with_role;
  for (const AwsFile file : {AwsFile::kCredentials, AwsFile::kConfig}) {
    const std::string& path = file == AwsFile::kCredentials ? files.credentials : files.config;
    if (::access(path.c_str(), F_OK) != 0) continue;
    absl::StatusOr<std::string> text = ReadSmallFile(path);
    if (!text.ok()) return text.status();
    AwsProfile found = FindAwsProfile(*text, file, name);
    found.found = found.found || result.found;
    // Roles stand in the config file, and before a key of the same profile.
    if (!found.role_arn.empty()) with_role = found;
    if (result.access_key_id.empty()) result = found;
    result.found = found.found;
  }
  if (!with_role.has_value()) return result;
  with_role->access_key_id = result.access_key_id;
  with_role->secret_access_key = result.secret_access_key;
  with_role->session_token = result.session_token;
  return *with_role;
}

// FromEnvironment returns the key of the variables, or nothing; with half of one, it is an error.
absl::StatusOr<std::optional<Credentials>> FromEnvironment(const Environment& environment) {
  const std::optional<std::string> id = environment("AWS_ACCESS_KEY_ID");
  const std::optional<std::string> secret = environment("AWS_SECRET_ACCESS_KEY");
  if (!id && !secret) return std::nullopt;
  if (!id || !secret) {
    return Failure(std::string(id ? "AWS_ACCESS_KEY_ID" : "AWS_SECRET_ACCESS_KEY") +
                   " is set without " + (id ? "AWS_SECRET_ACCESS_KEY" : "AWS_ACCESS_KEY_ID") +
                   "; set both, or neither");
  }
  return Credentials{.access_key_id = *id,
                     .secret_access_key = *secret,
                     .session_token = environment("AWS_SESSION_TOKEN").value_or(""),
                     .source = "AWS_ACCESS_KEY_ID",
                     .role = std::nullopt};
}

// WishOf reads the role of a profile that has one.
absl::StatusOr<RoleWish> WishOf(const AwsProfile& profile, const std::string& shown) {
  RoleWish wish{.role_arn = profile.role_arn,
                .session_name = profile.role_session_name,
                .external_id = profile.external_id,
                .mfa_serial = profile.mfa_serial};
  if (profile.duration_seconds.empty()) return wish;
  const std::string& text = profile.duration_seconds;
  const bool is_number = text.size() <= 6 && text.find_first_not_of("0123456789") == text.npos;
  if (!is_number) {
    return Failure(shown + " has duration_seconds '" + Printable(text) +
                   "', which is no number of seconds; write 3600 for an hour");
  }
  wish.duration_seconds = std::stoll(text);
  return wish;
}

std::string Shown(const std::string& name, const std::string& named_by) {
  return "profile '" + Printable(name) + "' (" + named_by + ")";
}

absl::StatusOr<Credentials> KeyOf(const AwsProfile& profile, const std::string& shown) {
  if (profile.access_key_id.empty() || profile.secret_access_key.empty()) {
    return Failure(shown +
                   " has neither aws_access_key_id with aws_secret_access_key nor a role_arn; "
                   "other ways to get a key (sso, credential_process) are not supported yet");
  }
  return Credentials{.access_key_id = profile.access_key_id,
                     .secret_access_key = profile.secret_access_key,
                     .session_token = profile.session_token,
                     .source = "AWS " + shown,
                     .role = std::nullopt};
}

absl::StatusOr<AwsProfile> ReadNamed(const AwsFiles& files, const std::string& name,
                                     const std::string& shown) {
  absl::StatusOr<AwsProfile> profile = ReadProfile(files, name);
  if (profile.ok() && !profile->found) {
    return Failure(shown + " is neither in " + files.credentials + " nor in " + files.config);
  }
  return profile;
}

absl::StatusOr<Credentials> FromProfile(const AwsFiles& files, const Environment& environment,
                                        const std::string& name, const std::string& named_by) {
  const std::string shown = Shown(name, named_by);
  absl::StatusOr<AwsProfile> profile = ReadNamed(files, name, shown);
  if (!profile.ok()) return profile.status();
  if (profile->role_arn.empty()) return KeyOf(*profile, shown);

  absl::StatusOr<RoleWish> wish = WishOf(*profile, shown);
  if (!wish.ok()) return wish.status();
  absl::StatusOr<Credentials> key =
      Failure(shown +
              " has a role_arn without a source; add source_profile = NAME, or "
              "credential_source = Environment");
  if (profile->credential_source == "Environment") {
    absl::StatusOr<std::optional<Credentials>> found = FromEnvironment(environment);
    if (!found.ok()) return found.status();
    if (!found->has_value()) {
      return Failure(shown +
                     " takes its key from the environment; set AWS_ACCESS_KEY_ID and "
                     "AWS_SECRET_ACCESS_KEY");
    }
    key = **std::move(found);
  } else if (!profile->credential_source.empty()) {
    return Failure(shown + " has credential_source '" + Printable(profile->credential_source) +
                   "'; only Environment is supported here");
  } else if (profile->source_profile == name) {
    key = KeyOf(*profile, shown);
  } else if (!profile->source_profile.empty()) {
    const std::string source =
        Shown(profile->source_profile, "source of '" + Printable(name) + "'");
    const absl::StatusOr<AwsProfile> from = ReadNamed(files, profile->source_profile, source);
    if (!from.ok()) return from.status();
    if (!from->role_arn.empty()) {
      return Failure(source +
                     " has a role_arn itself; a role that is assumed from a role is not "
                     "supported here: name a profile with a key");
    }
    key = KeyOf(*from, source);
  }
  if (!key.ok()) return key.status();
  key->role = *std::move(wish);
  return key;
}

}  // namespace

absl::StatusOr<Credentials> FindCredentials(const Environment& environment,
                                            const std::string& profile_flag,
                                            const ClientConfig& config) {
  const AwsFiles files = FindAwsFiles(environment);
  if (!profile_flag.empty()) return FromProfile(files, environment, profile_flag, "--profile");
  absl::StatusOr<std::optional<Credentials>> variables = FromEnvironment(environment);
  if (!variables.ok()) return variables.status();
  if (variables->has_value()) return **std::move(variables);
  if (const auto name = environment("AWS_PROFILE")) {
    return FromProfile(files, environment, *name, "AWS_PROFILE");
  }

  if (!config.access_key_id.empty() && !config.secret_access_key.empty()) {
    return Credentials{.access_key_id = config.access_key_id,
                       .secret_access_key = config.secret_access_key,
                       .session_token = "",
                       .source = "adit login",
                       .role = std::nullopt};
  }
  absl::StatusOr<AwsProfile> fallback = ReadProfile(files, "default");
  const bool has_key =
      fallback.ok() && !fallback->access_key_id.empty() && !fallback->secret_access_key.empty();
  if (has_key || (fallback.ok() && !fallback->role_arn.empty())) {
    return FromProfile(files, environment, "default", "no other key was named");
  }
  return Failure(
      "no access key: paste the line that begins with adit-login into `adit login`, or set "
      "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY");
}

}  // namespace client
