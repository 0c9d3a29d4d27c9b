// The roll: one file with the identities of all agents of a fleet, mapped by every process of it.
//
//     "adit-fleet-roll 1\n"  authority's certificate (PEM)  NUL
//     and for each agent:    certificate (PEM)  NUL  private key (PEM)  NUL

#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace fleet {

// Identity is one agent's; the views point into the roll.
struct Identity {
  std::string_view certificate_pem;
  std::string_view key_pem;
};

class Roll {
 public:
  // Write makes the file (mode 0600); `records` are certificate and key of each agent in the form
  // above. It dies when that fails.
  static void Write(const std::string& path, std::string_view authority_pem,
                    const std::vector<std::string>& records);
  static std::string Record(std::string_view certificate_pem, std::string_view key_pem);

  // Maps the file; dies when it is no roll. It stays mapped for the life of the process.
  explicit Roll(const std::string& path);

  std::string_view authority_pem() const { return authority_pem_; }
  size_t size() const { return identities_.size(); }
  const Identity& operator[](size_t index) const { return identities_[index]; }

 private:
  std::string_view authority_pem_;
  std::vector<Identity> identities_;
};

// Die prints the text on standard error and ends the program with 1.
[[noreturn]] void Die(const std::string& text);

}  // namespace fleet
