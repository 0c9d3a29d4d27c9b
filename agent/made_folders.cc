#include "agent/made_folders.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "agent/file_error.h"

namespace agent {

MadeFolders::~MadeFolders() {
  for (; !paths_.empty(); paths_.pop_back()) ::rmdir(paths_.back().c_str());
}

absl::Status MadeFolders::Make(const std::string& path, unsigned mode) {
  if (::mkdir(path.c_str(), mode) == 0) {
    paths_.push_back(path);
  } else if (errno != EEXIST) {
    return FileError("could not make the folder", path, errno);
  }
  return absl::OkStatus();
}

}  // namespace agent
