adit_fuzz(sigv4_authorization SOURCES sigv4_authorization_fuzz.cc DEPS engine_http
  COVERS engine/http/sigv4.* engine/http/sigv4_proof.* engine/http/sigv4_text.*)
