// What the user asked for, as plain values. cli.cc fills it, the command files obey it.

#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "client/client_config.h"

namespace client {

// CommonFlags are taken by every command.
struct CommonFlags {
  ConfigFlags config;   // --relay, --ca
  std::string profile;  // --profile
  std::string io;       // --io: auto, uring or epoll; empty: ADIT_IO, else auto.
};

// CarriageChoice is whether the relay may read a session.
enum class CarriageChoice : uint8_t {
  kInspected,
  kAsDocumented,      // Inspected, unless the document demands a sealed one.
  kSealedIfPossible,  // Else inspected, with a notice.
  kSealed,            // Else an error.
};

struct LoginOptions {};
struct ShellOptions {
  std::string node;
  std::string reason;
  std::string document;                 // Empty: the relay's preferences.
  std::vector<std::string> parameters;  // NAME=VALUE
  CarriageChoice carriage = CarriageChoice::kAsDocumented;
};
struct ExecOptions {
  std::string node;
  std::vector<std::string> command;
  bool with_terminal = false;
  std::string reason;
  CarriageChoice carriage = CarriageChoice::kAsDocumented;
};
struct ForwardOptions {
  std::string node;
  std::vector<std::string> forwards;
  std::string reason;
  CarriageChoice carriage = CarriageChoice::kSealedIfPossible;
  uint32_t lanes = 0;  // Of each session; 0: one, and one more beside bulk.
};
struct ProxyOptions {
  std::string node;
  std::string target;  // [HOST:]PORT
  std::string reason;
  CarriageChoice carriage = CarriageChoice::kSealedIfPossible;
};
// ForgetOptions removes a node's key from known_nodes.
struct ForgetOptions {
  std::string node;  // An id, or a name as it stands there.
};
enum class OutputFormat : uint8_t { kTable, kJson };
struct NodesOptions {
  OutputFormat format = OutputFormat::kTable;
};
struct SessionsOptions {
  OutputFormat format = OutputFormat::kTable;
  bool history = false;
};
struct WhoAmIOptions {
  OutputFormat format = OutputFormat::kTable;
};
struct TerminateOptions {
  std::string session;
};
struct AuditLookupOptions {
  std::string by;  // KEY=VALUE
  std::string since;
  std::string until;
  size_t count_max = 50;
  OutputFormat format = OutputFormat::kTable;
};
struct AuditTailOptions {
  size_t count = 10;
  bool follow = false;
  OutputFormat format = OutputFormat::kTable;
};
struct AuditVerifyOptions {
  std::string directory;
  std::string key;     // 64 hexadecimal digits; empty: the one in the directory.
  uint64_t first = 1;  // The record that the files begin with.
};
struct DocumentOptions {
  enum class Verb : uint8_t { kList, kShow, kPut, kDelete, kVersions, kDefault };
  Verb verb = Verb::kList;
  std::string name;
  std::string version;  // Empty: the default one; of kDelete, all.
  std::string file;     // Of kPut; "-": the standard input.
  bool keeps_default = false;
  OutputFormat format = OutputFormat::kTable;
};
struct ActivateOptions {
  std::string name;
  std::string description;
  std::string role;
  uint32_t limit = 1;
  std::string expires = "24h";
  std::vector<std::string> tags;  // KEY=VALUE
};
// IamSubject is whom a policy is given to, or asked of.
struct IamSubject {
  enum class Kind : uint8_t { kUser, kGroup, kRole };
  Kind kind = Kind::kUser;
  std::string name;  // Empty: nobody was named.
};
struct PolicyOptions {
  enum class Verb : uint8_t { kList, kShow, kPut, kDelete, kAttach, kDetach, kSimulate };
  Verb verb = Verb::kList;
  std::string name;
  std::string file;  // Of kPut, and of kSimulate instead of a subject; "-": the standard input.
  IamSubject subject;
  // Of kSimulate.
  std::string action;
  std::vector<std::string> resources;
  std::string node;
  std::string document;
  std::vector<std::string> context;  // KEY=VALUE
  OutputFormat format = OutputFormat::kTable;
};
struct UserOptions {
  enum class Verb : uint8_t { kAdd, kList, kDelete, kKey, kKeys, kRevoke, kMfa };
  Verb verb = Verb::kList;
  std::string name;
  std::string policy;      // Of kAdd; empty: ask.
  std::string key_id;      // Of kRevoke.
  bool is_forced = false;  // Of kRevoke: one's own key, too.
  OutputFormat format = OutputFormat::kTable;
};
struct ConfigureOptions {};
// HelpText is an answer to --help or --version: for stdout, and the end.
struct HelpText {
  std::string text;
};

using Command =
    std::variant<HelpText, LoginOptions, ShellOptions, ExecOptions, ForwardOptions, ProxyOptions,
                 ForgetOptions, NodesOptions, SessionsOptions, TerminateOptions, WhoAmIOptions,
                 AuditLookupOptions, AuditTailOptions, AuditVerifyOptions, DocumentOptions,
                 ActivateOptions, PolicyOptions, UserOptions, ConfigureOptions>;

struct CommandLine {
  CommonFlags common;
  Command command;
};

}  // namespace client
