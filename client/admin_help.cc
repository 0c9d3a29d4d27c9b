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

}  // namespace client
