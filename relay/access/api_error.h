#pragma once

#include <string>
#include <utility>

namespace relay {

// ApiError is what an API answers instead of a result: a code that programs act upon, and a message
// for people.
struct ApiError {
  std::string code;
  std::string message;
  int status = 400;  // HTTP
};

// StoreFailure is the answer when the store does not work; the reason goes to the log, not out.
inline ApiError StoreFailure() {
  return {
      "InternalServerError",
      "The relay could not write to or read from its store, so the request was not carried out. "
      "Its log says why; try again later.",
      500};
}

}  // namespace relay
