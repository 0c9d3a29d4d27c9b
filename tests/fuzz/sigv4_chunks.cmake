adit_fuzz(sigv4_chunks SOURCES sigv4_chunks_fuzz.cc DEPS engine_http
  COVERS engine/http/sigv4_chunks.*)
