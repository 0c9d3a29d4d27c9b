#include "client/login_command.h"

#include <termios.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <utility>

#include "client/exit_code.h"
#include "client/relay_access.h"
#include "client/say.h"
#include "engine/wire/invitation.h"

namespace client {
namespace {

// SilentTerminal hides what is typed or pasted, as for a password, while it lives.
class SilentTerminal {
 public:
  SilentTerminal() {
    if (::tcgetattr(STDIN_FILENO, &before_) != 0) return;
    termios silent = before_;
    silent.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    silent.c_lflag |= ECHONL;
    changed_ = ::tcsetattr(STDIN_FILENO, TCSANOW, &silent) == 0;
  }
  ~SilentTerminal() {
    if (changed_) ::tcsetattr(STDIN_FILENO, TCSANOW, &before_);
  }
  SilentTerminal(const SilentTerminal&) = delete;
  SilentTerminal& operator=(const SilentTerminal&) = delete;

 private:
  termios before_{};
  bool changed_ = false;
};

// ReadLine takes one line off stdin, byte by byte: what follows it is not ours.
std::string ReadLine() {
  std::string line;
  char byte = 0;
  while (line.size() <= engine::kInvitationSizeMax) {
    const ssize_t count = ::read(STDIN_FILENO, &byte, 1);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0 || byte == '\n') break;
    line += byte;
  }
  return line;
}

std::string AskForLine() {
  if (::isatty(STDIN_FILENO) == 0) return ReadLine();
  Say("paste the line that begins with adit-login (it is not shown), then press Enter:");
  const SilentTerminal silent;
  return ReadLine();
}

// CheckKey makes one signed call. A key that may not list nodes is a good key all the same.
absl::Status CheckKey(RelayAccess& relay) {
  const absl::Status status = relay.api().ListNodes().status();
  return absl::IsPermissionDenied(status) ? absl::OkStatus() : status;
}

absl::StatusOr<std::string> Login(const CommonFlags& flags, const Environment& environment) {
  absl::StatusOr<engine::LoginInvitation> invitation = engine::ParseLoginInvitation(AskForLine());
  if (!invitation.ok()) return invitation.status();
  Credentials credentials{.access_key_id = invitation->access_key_id,
                          .secret_access_key = invitation->secret,
                          .session_token = "",
                          .source = "the pasted line"};
  auto relay =
      RelayAccess::OpenWith(flags, environment, invitation->relay,
                            engine::TlsTrust::Fingerprint(invitation->ca), std::move(credentials));
  if (!relay.ok()) return relay.status();
  const absl::Status status = CheckKey(**relay);
  if (!status.ok()) return status;

  const std::string name = engine::FormatHostPort(invitation->relay);
  const absl::StatusOr<std::string> path =
      SaveConfig(environment, {.relay = name,
                               .ca_pem = (*relay)->anchor_pem(),
                               .access_key_id = invitation->access_key_id,
                               .secret_access_key = invitation->secret});
  if (!path.ok()) return path.status();
  return "logged in to " + name + " as " + Printable(invitation->access_key_id) + " (" + *path +
         ")\nnow try: adit nodes";
}

}  // namespace

int RunLogin(const CommonFlags& flags, const Environment& environment) {
  const absl::StatusOr<std::string> done = Login(flags, environment);
  Say(done.ok() ? *done : TextOf(done.status()));
  return done.ok() ? 0 : kOwnFailure;
}

}  // namespace client
