// What the AWS CLI hands over as JSON: the answer of StartSession, and what was asked for.

#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "engine/http/secure_url.h"

namespace client {

inline constexpr size_t kSessionJsonSizeMax = 256 * 1024;  // Older CLIs hand over whole answers.
inline constexpr size_t kSessionTokenSizeMax = 4096;

// SessionTicket opens one data channel. ResumeSession answers the same.
struct SessionTicket {
  std::string session_id;  // Printable.
  std::string token;       // Secret.
  engine::SecureUrl stream;
};

// ParseSessionResponse reads what StartSession answered; members it does not know are passed over.
// Everything must be there. The error is for people and repeats no value.
absl::StatusOr<SessionTicket> ParseSessionResponse(std::string_view json);

// ResumedSession is what ResumeSession answered: without a token the session is over; without a
// stream the one of before still counts.
struct ResumedSession {
  std::string token;
  std::string stream_url;
};
absl::StatusOr<ResumedSession> ParseResumeResponse(std::string_view json);

// SessionRequest is what the user asked StartSession for.
struct SessionRequest {
  std::string target;                             // The machine, as the user named it.
  std::string document;                           // Empty: the shell's.
  std::map<std::string, std::string> parameters;  // Those that have exactly one value.
};
absl::StatusOr<SessionRequest> ParseSessionRequest(std::string_view json);

}  // namespace client
