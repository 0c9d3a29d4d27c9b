#include "client/login_command.h"

#include <unistd.h>

#include <cerrno>
#include <string>
#include <utility>

#include "client/exit_code.h"
#include "client/relay_access.h"
#include "client/say.h"
#include "client/terminal/terminal_question.h"
#include "engine/wire/invitation.h"

namespace client {
namespace {

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
  const SilentTerminal silent(STDIN_FILENO);
  return ReadLine();
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
  // Everybody may ask this, whatever else the key is allowed.
  const absl::StatusOr<Identity> identity = (*relay)->api().WhoAmI();
  if (!identity.ok()) return identity.status();

  const std::string name = engine::FormatHostPort(invitation->relay);
  const absl::StatusOr<std::string> path =
      SaveConfig(environment, {.relay = name,
                               .ca_pem = (*relay)->anchor_pem(),
                               .access_key_id = invitation->access_key_id,
                               .secret_access_key = invitation->secret});
  if (!path.ok()) return path.status();
  return "logged in to " + name + " as " + Printable(identity->arn) + " (" + *path +
         ")\nnow try: adit nodes";
}

}  // namespace

int RunLogin(const CommonFlags& flags, const Environment& environment) {
  const absl::StatusOr<std::string> done = Login(flags, environment);
  Say(done.ok() ? *done : TextOf(done.status()));
  return done.ok() ? 0 : kOwnFailure;
}

}  // namespace client
