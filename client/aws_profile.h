// The profile files of the AWS command line, as far as a key for the relay is concerned.
//
//     credentials   [name]                    config   [default] or [profile name]
//                   aws_access_key_id = ...            the same members
//                   aws_secret_access_key = ...
//                   aws_session_token = ...
//                                                      role_arn = ...
//                                                      source_profile = ... or
//                                                      credential_source = Environment
//                                                      mfa_serial, external_id, role_session_name,
//                                                      duration_seconds = ...

#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace client {

struct AwsProfile {
  bool found = false;  // The section exists, with keys in it or not.
  std::string access_key_id;
  std::string secret_access_key;
  std::string session_token;
  // A role to assume, with the key of another profile or of the environment.
  std::string role_arn;
  std::string source_profile;
  std::string credential_source;
  std::string mfa_serial;
  std::string external_id;
  std::string role_session_name;
  std::string duration_seconds;
};

// AwsFile says which of the two a text is: they name their sections differently.
enum class AwsFile : uint8_t { kCredentials, kConfig };

// FindAwsProfile looks one profile up in a file's text. Lines it does not know are passed over, as
// the AWS tools do; the last of two equal members wins.
AwsProfile FindAwsProfile(std::string_view text, AwsFile file, std::string_view name);

}  // namespace client
