#include "client/help_text.h"

namespace client {

const std::string_view kDocHelp =
    "adit doc: session documents, which say what a session may be\n"
    "\n"
    "Examples:\n"
    "  adit doc list\n"
    "  adit doc put Restart restart.yaml        make it, or a new version that sessions take\n"
    "  adit doc show Restart\n"
    "  adit doc versions Restart\n"
    "  adit doc default Restart 1               back to the first version\n"
    "  adit doc put SSM-SessionManagerRunShell preferences.json\n"
    "                                           the preferences of all shells\n"
    "\n"
    "Documents are JSON or YAML, schema 1.0, as AWS Session Manager has them. The file's name "
    "says\n"
    "which (.json, .yaml, .yml), else its first character. A session under a document:\n"
    "adit shell NODE --document Restart --parameter unit=nginx\n";

const std::string_view kActivateHelp =
    "adit activate: a line that enrols a new node\n"
    "\n"
    "Examples:\n"
    "  adit activate --name db1                 one node, within 24 hours\n"
    "  adit activate --limit 20 --expires 7d --tag env=dev\n"
    "  adit activate --name db1 | ssh db1 sudo adit-agent enroll --state /var/lib/adit-agent\n"
    "\n"
    "The line is a secret, and goes to standard output alone. Paste it on the node into\n"
    "  sudo adit-agent enroll --state /var/lib/adit-agent\n";

const std::string_view kPolicyHelp =
    "adit policy: who may do what, and why\n"
    "\n"
    "Examples:\n"
    "  adit policy put dev dev.json             make it, or replace it\n"
    "  adit policy attach dev --user alice      or --group, or --role\n"
    "  adit policy list --user alice\n"
    "  adit policy simulate --user alice --node db1\n"
    "                                           may she open a shell there, and why (not)\n"
    "  adit policy simulate --user alice --node db1 --document AWS-StartPortForwardingSession \\\n"
    "    --context adit:SessionType=Port --context adit:RemotePort=5432\n"
    "  adit policy simulate --file dev.json ssm:TerminateSession\n"
    "\n"
    "Policies are IAM's JSON. AditAdmin, AditOperator and AditAuditor are there from the "
    "beginning.\n"
    "simulate ends with 0 when all is allowed, and with 1 when anything is not; a line for each\n"
    "says which statement decides, or that none allows it. The session document counts, too.\n";

const std::string_view kUserHelp =
    "adit user: who there is, and with which keys\n"
    "\n"
    "Examples:\n"
    "  adit user add alice --policy AditOperator   prints the line that alice pastes into adit "
    "login\n"
    "  adit user list\n"
    "  adit user key alice                         one more key; then revoke the old one\n"
    "  adit user keys alice\n"
    "  adit user revoke alice AKIA...              what was opened with it ends\n"
    "  adit user mfa alice                         a device that shows codes, for policies and "
    "roles\n"
    "                                              that look at aws:MultiFactorAuthPresent\n"
    "  adit user delete alice\n"
    "\n"
    "Without --policy it is asked for: AditOperator opens sessions, AditAuditor only looks,\n"
    "AditAdmin may do everything, none is nothing yet. A key is shown once, on standard output.\n";

const std::string_view kConfigureHelp =
    "adit configure: say which relay and which key, on the terminal\n"
    "\n"
    "Examples:\n"
    "  adit configure               asks for what is not kept yet, and for what may change\n"
    "  adit --relay relay.example.com:443 --ca ca.pem configure\n"
    "\n"
    "Who has a line that begins with adit-login uses `adit login`. The secret is not shown while "
    "it\n"
    "is typed. Nothing is kept unless the relay takes the key.\n";

}  // namespace client
