#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"

namespace agent {

// MadeFolders are those that were made for something that may come to nothing: they go with it,
// unless they are kept, or somebody has put something into them.
class MadeFolders {
 public:
  MadeFolders() = default;
  ~MadeFolders();
  MadeFolders(const MadeFolders&) = delete;
  MadeFolders& operator=(const MadeFolders&) = delete;

  // Make makes a folder where there is none; its parents are there. An error's text is for people.
  absl::Status Make(const std::string& path, unsigned mode);
  void Keep() { paths_.clear(); }

 private:
  std::vector<std::string> paths_;  // Parents first.
};

}  // namespace agent
