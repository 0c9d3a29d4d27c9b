// Goal: the plugin believes the authority that the user named for this endpoint, and no other
// relay's. Method: a configuration folder of the test's own, and a table as environment.

#include "client/plugin/plugin_access.h"

#include <gtest/gtest.h>

#include <map>
#include <optional>
#include <string>

#include "tests/support/temporary_folder.h"

namespace client {
namespace {

using Lists = std::vector<std::string>;

Environment Table(std::map<std::string, std::string> variables) {
  return [variables = std::move(variables)](const char* name) -> std::optional<std::string> {
    const auto found = variables.find(name);
    if (found == variables.end()) return std::nullopt;
    return found->second;
  };
}

TEST(PluginAccessTest, WhatLoginKeptCountsForItsOwnRelayAlone) {
  const TemporaryFolder folder;
  const Environment environment = Table({{"ADIT_CONFIG_DIR", folder.path()}});
  ASSERT_TRUE(SaveConfig(environment, {.relay = "relay.example.com:8443",
                                       .ca_pem = "PEM",
                                       .access_key_id = "AKID",
                                       .secret_access_key = "secret"})
                  .ok());
  const ClientConfig config = ConfigOf(environment, {"relay.example.com", 8443});
  EXPECT_EQ(config.ca_pem, "PEM");
  EXPECT_EQ(config.access_key_id, "AKID");
  EXPECT_EQ(ConfigOf(environment, {"relay.example.com", 443}).ca_pem, "");
  EXPECT_EQ(ConfigOf(environment, {"ssm.eu-west-1.amazonaws.com", 443}).access_key_id, "");
}

// Trap P20: the original knows SSL_CERT_FILE alone for its WebSocket.
TEST(PluginAccessTest, TheRelaysOwnAuthorityComesFirstAndThenTheNamedLists) {
  const Environment environment =
      Table({{"AWS_CA_BUNDLE", "/bundle.pem"}, {"SSL_CERT_FILE", "/list.pem"}});
  const PluginTrust lists = TrustOf(environment, {});
  EXPECT_EQ(lists.lists, (Lists{"/bundle.pem", "/list.pem"}));
  EXPECT_EQ(lists.ForTls().kind, engine::TlsTrust::Kind::kSystem) << "names must match";
  EXPECT_EQ(lists.ForTls().list_files, lists.lists);
  const PluginTrust own = TrustOf(environment, {.ca_pem = "PEM"});
  EXPECT_EQ(own.ForTls().kind, engine::TlsTrust::Kind::kAuthority);
  EXPECT_EQ(own.ForTls().authority_pem, "PEM");
  EXPECT_TRUE(TrustOf(Table({}), {}).ForTls().list_files.empty()) << "the machine's list";
}

}  // namespace
}  // namespace client
