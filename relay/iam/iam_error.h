// How IAM says what is wrong.

#pragma once

#include <string>
#include <utility>

#include "relay/access/api_error.h"

namespace relay::iam {

inline ApiError NoSuchEntity(std::string message) {
  return {"NoSuchEntity", std::move(message), 404};
}
inline ApiError AlreadyExists(std::string message) {
  return {"EntityAlreadyExists", std::move(message), 409};
}
inline ApiError LimitExceeded(std::string message) {
  return {"LimitExceeded", std::move(message), 409};
}
inline ApiError DeleteConflict(std::string message) {
  return {"DeleteConflict", std::move(message), 409};
}
inline ApiError InvalidInput(std::string message) { return {"InvalidInput", std::move(message)}; }
inline ApiError Invalid(std::string message) { return {"ValidationError", std::move(message)}; }

}  // namespace relay::iam
