#include "client/help_text.h"

namespace client {

const std::string_view kTopHelp =
    "adit: a shell, a command or a port on a machine without an inbound port\n"
    "\n"
    "Examples:\n"
    "  adit login                               paste the line that the relay printed\n"
    "  adit nodes                               which machines there are\n"
    "  adit shell web-1                         a shell\n"
    "  adit exec web-1 -- journalctl -n 20      one command, with its exit code\n"
    "  adit forward web-1 5432:db.internal:5432\n"
    "                                           a port of yours to a port behind web-1\n"
    "  adit proxy web-1 22                      for ssh: its ProxyCommand\n"
    "  adit audit tail                          what was done, and by whom\n"
    "  adit activate --name db2                 a line that enrols one more node\n"
    "  adit user add alice                      a user, and the line with which she logs in\n"
    "  adit policy simulate --user alice --node db2\n"
    "                                           may she, and which statement says so\n"
    "  adit whoami                              who the relay takes your key for\n"
    "\n"
    "forward and proxy are sealed: encrypted from here to the node, so that the relay cannot read\n"
    "what passes. shell and exec are inspected: it can, unless the session's document demands a\n"
    "sealed one. --sealed and --inspected choose.\n"
    "\n"
    "Exit codes: the remote program's own; 128 + n when signal n ended it; 255 for a failure of\n"
    "adit itself, with the cause on stderr.\n"
    "\n"
    "Environment: ADIT_RELAY (HOST:PORT), ADIT_CA (PEM file), ADIT_CONFIG_DIR, ADIT_IO,\n"
    "ADIT_PATIENCE (seconds that a session may be without a connection; a day), and\n"
    "AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN, AWS_PROFILE.\n";

const std::string_view kLoginHelp =
    "adit login: keep a relay's address, its CA and your key\n"
    "\n"
    "Examples:\n"
    "  adit login                   then paste the line that begins with adit-login\n"
    "  adit login < invitation.txt\n"
    "\n"
    "The line is read from standard input, because every user can read a command line. A relay "
    "with\n"
    "another CA than the line says is refused before the key is used.\n";

const std::string_view kShellHelp =
    "adit shell: a shell on a node\n"
    "\n"
    "Examples:\n"
    "  adit shell web-1\n"
    "  adit shell mi-0123           the beginning of a name or id is enough\n"
    "  echo uptime | adit shell web-1\n"
    "                               without a terminal here: 80x24 there, nothing raw here\n"
    "  adit shell --sealed web-1    so that the relay cannot read along\n"
    "  adit shell web-1 --document Restart --parameter unit=nginx\n"
    "                               what a session document of the relay's says\n"
    "\n"
    "Escapes at the start of a line: ~. ends the session, ~^Z suspends adit, ~# shows the "
    "session,\n"
    "~R changes its connection, ~? helps, ~~ is one ~.\n";

const std::string_view kExecHelp =
    "adit exec: run one command on a node\n"
    "\n"
    "Examples:\n"
    "  adit exec web-1 -- uptime\n"
    "  adit exec web-1 -- sh -c 'exit 7'; echo $?\n"
    "  tar c site | adit exec web-1 -- tar x -C /srv\n"
    "  adit exec -t web-1 -- htop   with a terminal\n"
    "  adit exec --sealed web-1 -- cat /etc/shadow\n"
    "                               so that the relay cannot read along\n"
    "\n"
    "The command is not passed through a shell: arguments arrive as they were given. Standard "
    "input,\n"
    "output and error are the command's own, byte for byte.\n";

const std::string_view kForwardHelp =
    "adit forward: a port here that leads to a port at or behind a node\n"
    "\n"
    "Examples:\n"
    "  adit forward web-1 8080:80                  localhost:8080 to port 80 of web-1 itself\n"
    "  adit forward web-1 5432:db.internal:5432    to a database that web-1 can reach\n"
    "  adit forward web-1 0:5432                   any free port; it is printed\n"
    "  adit forward web-1 8080:80 5432:db:5432     several at once\n"
    "  adit forward -L '[::1]:8080:80' web-1       as ssh -L, IPv6 in brackets\n"
    "  adit forward web-1 /tmp/db.sock:db:5432     a UNIX-domain socket here\n"
    "\n"
    "Form: [BIND:]LOCAL:[HOST:]PORT. Without BIND only this machine can connect; '*' lets "
    "everybody.\n"
    "Ends with Ctrl-C. The node connects to PORT when somebody connects here, and not before: a\n"
    "port where nobody listens is said then, on stderr, and the connection here is reset.\n"
    "\n"
    "Bytes are encrypted from here to the node, and the relay cannot read them. Where relay or "
    "agent\n"
    "are too old for that, one line says so, and the relay can; --sealed makes that an error, as\n"
    "it always is for a node that was reached sealed before, and\n"
    "--inspected asks for it. The node's key is noted at first contact, as ssh notes a host's, "
    "and\n"
    "another one is refused later: see `adit forget --help`.\n"
    "\n"
    "A session begins with one connection to the relay and gets a second one when bulk runs, so "
    "that\n"
    "new connections need not wait behind it. --lanes N opens N at once.\n";

const std::string_view kProxyHelp =
    "adit proxy: one connection to a port at or behind a node, on standard input and output\n"
    "\n"
    "In ~/.ssh/config, and then as ever: ssh web-1, scp, rsync, git, sshfs ...\n"
    "  Host web-1 db1\n"
    "    ProxyCommand adit proxy %h %p\n"
    "\n"
    "Examples:\n"
    "  ssh -o ProxyCommand='adit proxy %h %p' root@web-1\n"
    "  printf 'GET / HTTP/1.0\\r\\n\\r\\n' | adit proxy web-1 80\n"
    "  adit proxy web-1 db.internal:5432           a host that web-1 can reach\n"
    "\n"
    "Every byte passes as it is, and each direction ends by itself. Sealed as `adit forward` is.\n"
    "Ends with 0 when the connection ended in order, with 255 and the cause on stderr otherwise.\n";

const std::string_view kForgetHelp =
    "adit forget: forget the key by which a node is known\n"
    "\n"
    "Examples:\n"
    "  adit forget web-1\n"
    "  adit forget mi-0123456789abcdef0\n"
    "\n"
    "For a node that was set up anew and is refused because it shows another key. First compare:\n"
    "`sudo adit-agent fingerprint` on that machine prints the right one. The keys are in the file\n"
    "known_nodes of the configuration folder, one line each: NODE-ID SHA256:FINGERPRINT NAME.\n";

const std::string_view kNodesHelp =
    "adit nodes: the machines that the relay knows\n"
    "\n"
    "Examples:\n"
    "  adit nodes\n"
    "  adit nodes --json | jq -r 'select(.online) | .name'\n";

const std::string_view kSessionsHelp =
    "adit sessions: who is where\n"
    "\n"
    "Examples:\n"
    "  adit sessions                sessions that are open now\n"
    "  adit sessions --history      those that have ended\n"
    "  adit sessions --json\n";

const std::string_view kTerminateHelp =
    "adit terminate: end a session\n"
    "\n"
    "Examples:\n"
    "  adit terminate admin-2n7kq3v5x4m6t2h7d3c5b2a4ye    an id that `adit sessions` shows\n";

const std::string_view kAuditHelp =
    "adit audit: what was done, and whether its record is whole\n"
    "\n"
    "Examples:\n"
    "  adit audit tail -f                                   what is done now\n"
    "  adit audit lookup --by EventName=StartSession        who opened sessions\n"
    "  adit audit lookup --by ResourceName=mi-0123456789abcdef0 --since 2026-11-27T00:00:00Z\n"
    "  adit audit verify /var/lib/adit-relay/audit --key 3f0c...\n"
    "\n"
    "lookup and tail ask the relay, which finds events of the last 90 days. verify needs no "
    "relay:\n"
    "it reads audit files and ends with 255, and a line for each, if a record was changed, "
    "removed\n"
    "or put elsewhere. Give it the key that the relay wrote to its log (audit_files public_key=):\n"
    "who can change the files can also change the key that lies beside them.\n";

const std::string_view kWhoAmIHelp =
    "adit whoami: who the relay takes your key for\n"
    "\n"
    "Examples:\n"
    "  adit whoami\n"
    "  adit --profile night whoami     as the role of that profile\n"
    "  adit whoami --json | jq -r .arn\n"
    "\n"
    "The key is the first of: --profile; AWS_ACCESS_KEY_ID with AWS_SECRET_ACCESS_KEY (and\n"
    "AWS_SESSION_TOKEN); AWS_PROFILE; what `adit login` kept; the profile default. A profile of\n"
    "~/.aws/config may name a role, which is then assumed and kept until it ends:\n"
    "  [profile night]\n"
    "  role_arn = arn:aws:iam::000000000000:role/night\n"
    "  source_profile = default\n"
    "Instead of source_profile: credential_source = Environment. If the role wants a code:\n"
    "  mfa_serial = arn:aws:iam::000000000000:mfa/alice\n";

}  // namespace client
