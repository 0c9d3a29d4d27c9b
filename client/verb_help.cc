// What --help shows of a command of two words.

#include "client/help_text.h"

namespace client {
namespace {

struct Verb {
  std::string_view command;
  std::string_view help;
};

constexpr Verb kVerbs[] = {
    {"audit lookup",
     "adit audit lookup: find events of the last 90 days\n"
     "\n"
     "Examples:\n"
     "  adit audit lookup --by EventName=StartSession         who opened sessions\n"
     "  adit audit lookup --by Username=alice -n 200          what alice did\n"
     "  adit audit lookup --by ResourceName=mi-0123456789abcdef0 --since 2026-11-27T00:00:00Z\n"
     "  adit audit lookup --by EventName=StartSession --json | jq -r .sourceIPAddress\n"
     "\n"
     "One key at a time, as CloudTrail has it. The newest come first.\n"},
    {"audit tail",
     "adit audit tail: the newest events, the newest last\n"
     "\n"
     "Examples:\n"
     "  adit audit tail\n"
     "  adit audit tail -f            go on with those that come\n"
     "  adit audit tail -n 100 --json | jq -r .eventName\n"},
    {"audit verify",
     "adit audit verify: is a folder of audit files whole\n"
     "\n"
     "Examples:\n"
     "  sudo adit audit verify /var/lib/adit-relay/audit --key 3f0c...\n"
     "  adit audit verify copy --first 120001        older files were moved away\n"
     "\n"
     "It needs no relay. It ends with 255, and a line for each, if a record was changed, removed\n"
     "or put elsewhere. The key is in the relay's log (audit_files public_key=): who can change "
     "the\n"
     "files can also change the key that lies beside them.\n"},
    {"doc list",
     "adit doc list: all session documents\n"
     "\n"
     "Examples:\n"
     "  adit doc list\n"
     "  adit doc list --json | jq -r .name\n"},
    {"doc show",
     "adit doc show: print a document as it was put\n"
     "\n"
     "Examples:\n"
     "  adit doc show Restart\n"
     "  adit doc show Restart --version 1 > restart-1.yaml\n"},
    {"doc put",
     "adit doc put: make a document, or a new version of it\n"
     "\n"
     "Examples:\n"
     "  adit doc put Restart restart.yaml\n"
     "  adit doc put Restart restart.yaml --no-default    sessions do not take it yet\n"
     "  adit doc put SSM-SessionManagerRunShell preferences.json\n"
     "                                                    the preferences of all shells\n"
     "  generate | adit doc put Restart -\n"
     "\n"
     "JSON or YAML: the file's name says which (.json, .yaml, .yml), else its first character.\n"},
    {"doc delete",
     "adit doc delete: delete a document, or one version of it\n"
     "\n"
     "Examples:\n"
     "  adit doc delete Restart\n"
     "  adit doc delete Restart --version 1       the default one cannot be deleted alone\n"},
    {"doc versions",
     "adit doc versions: the versions of a document\n"
     "\n"
     "Examples:\n"
     "  adit doc versions Restart\n"
     "  adit doc versions Restart --json\n"},
    {"doc default",
     "adit doc default: choose the version that new sessions take\n"
     "\n"
     "Examples:\n"
     "  adit doc default Restart 1                back to the first one\n"},
    {"policy list",
     "adit policy list: all policies, or those that somebody has\n"
     "\n"
     "Examples:\n"
     "  adit policy list\n"
     "  adit policy list --user alice             or --group, or --role\n"},
    {"policy show",
     "adit policy show: print a policy\n"
     "\n"
     "Examples:\n"
     "  adit policy show AditOperator             a good one to begin with\n"
     "  adit policy show dev > dev.json\n"},
    {"policy put",
     "adit policy put: make a policy, or replace it\n"
     "\n"
     "Examples:\n"
     "  adit policy put dev dev.json\n"
     "  adit policy show AditOperator | sed s/Operator/Dev/ | adit policy put dev -\n"
     "\n"
     "A policy is IAM's JSON. What somebody has who has it changes at once, and sessions that it\n"
     "allowed no more end. An action that no relay knows is accepted, as IAM does, with a "
     "warning.\n"},
    {"policy delete",
     "adit policy delete: delete a policy that nobody has\n"
     "\n"
     "Examples:\n"
     "  adit policy delete dev\n"
     "\n"
     "While somebody has it, it says who, and how to take it away.\n"},
    {"policy attach",
     "adit policy attach: give somebody a policy\n"
     "\n"
     "Examples:\n"
     "  adit policy attach dev --user alice\n"
     "  adit policy attach AditOperator --group ops\n"
     "  adit policy attach dev --role night\n"},
    {"policy detach",
     "adit policy detach: take a policy from somebody\n"
     "\n"
     "Examples:\n"
     "  adit policy detach dev --user alice       sessions that only it allowed end\n"},
    {"policy simulate",
     "adit policy simulate: would it be allowed, and by which statement\n"
     "\n"
     "Examples:\n"
     "  adit policy simulate --user alice --node db1\n"
     "                                            may she open a shell there, and why (not)\n"
     "  adit policy simulate --user alice --node db1 --document AWS-StartPortForwardingSession \\\n"
     "    --context adit:SessionType=Port --context adit:RemotePort=5432\n"
     "  adit policy simulate --user alice ssm:TerminateSession 'arn:aws:ssm:*:*:session/bob-*'\n"
     "  adit policy simulate --file dev.json ssm:TerminateSession\n"
     "                                            a policy that nobody has yet\n"
     "\n"
     "It ends with 0 when all is allowed, and with 1 when anything is not. A session needs the\n"
     "node and the document; --node asks for both.\n"},
    {"user add",
     "adit user add: make a user, with a key\n"
     "\n"
     "Examples:\n"
     "  adit user add alice                       asks for the policy\n"
     "  adit user add alice --policy AditOperator\n"
     "  adit user add alice --policy none         nothing yet; then: adit policy attach\n"
     "\n"
     "The line on standard output is a secret, shown once: alice pastes it into `adit login`.\n"
     "AditOperator opens sessions, AditAuditor only looks, AditAdmin may do everything.\n"},
    {"user list",
     "adit user list: all users\n"
     "\n"
     "Examples:\n"
     "  adit user list\n"
     "  adit user list --json | jq -r .name\n"},
    {"user delete",
     "adit user delete: delete a user, with keys and policies\n"
     "\n"
     "Examples:\n"
     "  adit user delete alice                    her sessions end\n"},
    {"user key",
     "adit user key: make one more key for a user\n"
     "\n"
     "Examples:\n"
     "  adit user key alice                       then: adit user revoke alice OLD-KEY\n"
     "\n"
     "A user has two keys at most, so that one can replace the other.\n"},
    {"user keys",
     "adit user keys: the keys of a user, without their secrets\n"
     "\n"
     "Examples:\n"
     "  adit user keys alice\n"
     "  adit user keys alice --json\n"},
    {"user revoke",
     "adit user revoke: delete a key, and end what it opened\n"
     "\n"
     "Examples:\n"
     "  adit user keys alice                      shows the ids\n"
     "  adit user revoke alice AKIAIOSFODNN7EXAMPLE\n"
     "\n"
     "The key that you use is deleted with --force alone.\n"},
    {"user mfa",
     "adit user mfa: ask a user for codes of a device, too\n"
     "\n"
     "Examples:\n"
     "  adit user mfa alice\n"
     "\n"
     "The device's secret is shown once, on the terminal, for an app that shows codes; two codes\n"
     "prove that it has it. Policies and roles look at aws:MultiFactorAuthPresent.\n"},
};

}  // namespace

std::string_view VerbHelp(std::string_view command) {
  for (const Verb& verb : kVerbs) {
    if (verb.command == command) return verb.help;
  }
  return {};
}

}  // namespace client
