adit_fuzz(http_head SOURCES http_head_fuzz.cc DEPS engine_http
  COVERS engine/http/message_parser.* engine/http/http_message.*)
