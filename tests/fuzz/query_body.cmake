adit_fuzz(query_body SOURCES query_body_fuzz.cc DEPS relay_api_call
  COVERS relay/api/query_body.* relay/api/query_response.*)
