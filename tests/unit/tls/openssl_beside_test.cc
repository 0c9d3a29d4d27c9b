// Goal: BoringSSL inside the program and OpenSSL inside libpq do not meet.
// Method: this program links both. A handshake runs on ours, then OpenSSL, found through the
// dynamic linker as libpq finds it, makes a context and a random number. exported_symbols.cmake
// checks that the program offers the dynamic linker nothing of BoringSSL.

#include <dlfcn.h>
#include <libpq-fe.h>

#include <memory>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/unit/tls/tls_pair.h"

namespace engine::test {
namespace {

using ::testing::StartsWith;

void HandshakeOnOurs() {
  const TestAuthority authority;
  const std::unique_ptr<TlsContext> server_context =
      Must(TlsContext::Server({.identity = authority.ServerIdentity(),
                               .client_authority_pem = {},
                               .protocols = {},
                               .clock = TestClock()}));
  const std::unique_ptr<TlsContext> client_context =
      Must(TlsContext::Client({.trust = TlsTrust::Authority(authority.Pem()),
                               .identity = {},
                               .protocols = {},
                               .clock = TestClock()}));
  TlsEnd server(*server_context);
  TlsEnd client(*client_context, "relay.test");
  Shake(client, server);
  EXPECT_TRUE(server.channel.handshake_done());
}

template <class Function>
Function* Theirs(void* library, const char* name) {
  void* const symbol = dlsym(library, name);
  EXPECT_NE(symbol, nullptr) << name;
  return reinterpret_cast<Function*>(symbol);
}

TEST(OpensslBesideTest, EachLibraryWorksInTheOthersPresence) {
  PQinitOpenSSL(1, 1);
  HandshakeOnOurs();

  void* const tls = dlopen("libssl.so.3", RTLD_NOW | RTLD_NOLOAD);
  void* const crypto = dlopen("libcrypto.so.3", RTLD_NOW | RTLD_NOLOAD);
  ASSERT_NE(tls, nullptr) << "libpq brought no OpenSSL: then this test has no point";
  ASSERT_NE(crypto, nullptr);
  EXPECT_THAT(Theirs<const char*(int)>(crypto, "OpenSSL_version")(0), StartsWith("OpenSSL 3"));
  for (int i = 0; i < 3; ++i) {
    void* const method = Theirs<void*()>(tls, "TLS_client_method")();
    void* const context = Theirs<void*(void*)>(tls, "SSL_CTX_new")(method);
    ASSERT_NE(context, nullptr);
    void* const connection = Theirs<void*(void*)>(tls, "SSL_new")(context);
    EXPECT_NE(connection, nullptr);
    Theirs<void(void*)>(tls, "SSL_free")(connection);
    Theirs<void(void*)>(tls, "SSL_CTX_free")(context);
    unsigned char bytes[16];
    EXPECT_EQ(Theirs<int(unsigned char*, int)>(crypto, "RAND_bytes")(bytes, sizeof(bytes)), 1);
    HandshakeOnOurs();
  }
  dlclose(crypto);
  dlclose(tls);
}

TEST(OpensslBesideTest, TheDynamicLinkerFindsNothingOfOursUnderOpensslsNames) {
  void* const program = dlopen(nullptr, RTLD_NOW);
  ASSERT_NE(program, nullptr);
  Dl_info info;
  for (const char* name : {"SSL_new", "SSL_CTX_new", "EVP_EncryptInit_ex", "CRYPTO_free"}) {
    void* const symbol = dlsym(program, name);
    ASSERT_NE(symbol, nullptr) << name;
    ASSERT_NE(dladdr(symbol, &info), 0);
    EXPECT_NE(std::string(info.dli_fname).find(".so"), std::string::npos)
        << name << " comes from " << info.dli_fname;
  }
  dlclose(program);
}

}  // namespace
}  // namespace engine::test
