adit_fuzz(sigv4_chunks SOURCES sigv4_chunks_fuzz.cc DEPS engine_http)
