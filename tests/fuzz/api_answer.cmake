adit_fuzz(api_answer SOURCES api_answer_fuzz.cc DEPS client_core
  COVERS client/api_client.* client/relay_error.*)
