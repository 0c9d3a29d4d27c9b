adit_fuzz(session_response SOURCES session_response_fuzz.cc DEPS client_plugin
  COVERS client/plugin/plugin_arguments.* client/plugin/session_response.* engine/http/secure_url.*)
