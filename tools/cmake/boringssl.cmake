# BoringSSL: see tools/cmake; filled in with the dependency build.
