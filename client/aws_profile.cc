#include "client/aws_profile.h"

namespace client {
namespace {

struct Member {
  std::string_view key;
  std::string AwsProfile::*value;
};

constexpr Member kMembers[] = {{"aws_access_key_id", &AwsProfile::access_key_id},
                               {"aws_secret_access_key", &AwsProfile::secret_access_key},
                               {"aws_session_token", &AwsProfile::session_token},
                               {"role_arn", &AwsProfile::role_arn},
                               {"source_profile", &AwsProfile::source_profile},
                               {"credential_source", &AwsProfile::credential_source},
                               {"mfa_serial", &AwsProfile::mfa_serial},
                               {"external_id", &AwsProfile::external_id},
                               {"role_session_name", &AwsProfile::role_session_name},
                               {"duration_seconds", &AwsProfile::duration_seconds}};

std::string_view Trim(std::string_view text) {
  constexpr std::string_view kBlank = " \t\r";
  const size_t begin = text.find_first_not_of(kBlank);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlank) - begin + 1);
}

// SectionName returns the profile that a header line "[...]" names, or nothing.
std::string_view SectionName(std::string_view line, AwsFile file) {
  const size_t end = line.find(']');
  if (end == std::string_view::npos) return {};
  std::string_view name = Trim(line.substr(1, end - 1));
  if (file == AwsFile::kCredentials || name == "default") return name;
  constexpr std::string_view kPrefix = "profile";
  if (!name.starts_with(kPrefix)) return {};
  name.remove_prefix(kPrefix.size());
  if (name.empty() || (name[0] != ' ' && name[0] != '\t')) return {};
  return Trim(name);
}

}  // namespace

AwsProfile FindAwsProfile(std::string_view text, AwsFile file, std::string_view name) {
  AwsProfile profile;
  bool inside = false;
  while (!text.empty()) {
    const size_t line_end = text.find('\n');
    const std::string_view raw = text.substr(0, line_end);
    text.remove_prefix(line_end == std::string_view::npos ? text.size() : line_end + 1);
    const std::string_view line = Trim(raw);
    if (line.empty() || line[0] == '#' || line[0] == ';') continue;
    if (line[0] == '[') {
      inside = SectionName(line, file) == name;
      profile.found = profile.found || inside;
      continue;
    }
    // An indented line belongs to a nested member, such as "s3 =", and is none of ours.
    if (!inside || raw[0] == ' ' || raw[0] == '\t') continue;
    const size_t equals = line.find('=');
    if (equals == std::string_view::npos) continue;
    const std::string_view key = Trim(line.substr(0, equals));
    const std::string_view value = Trim(line.substr(equals + 1));
    for (const auto& [known, member] : kMembers) {
      if (key == known) profile.*member = value;
    }
  }
  return profile;
}

}  // namespace client
