adit_fuzz(sigv4_presigned SOURCES sigv4_presigned_fuzz.cc DEPS engine_http)
