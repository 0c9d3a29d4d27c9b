adit_fuzz(sigv4_presigned SOURCES sigv4_presigned_fuzz.cc DEPS engine_http
  COVERS engine/http/sigv4.* engine/http/sigv4_proof.* engine/http/sigv4_text.* engine/http/amz_date.*)
