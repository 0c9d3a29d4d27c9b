adit_fuzz(client_hello SOURCES client_hello_fuzz.cc DEPS engine_tls
  COVERS engine/tls/client_hello.*)
adit_fuzz(tls_channel SOURCES tls_channel_fuzz.cc DEPS engine_tls
  COVERS engine/tls/tls_channel.* engine/tls/tls_input.* engine/tls/tls_output.*)
adit_fuzz(record_opener SOURCES record_opener_fuzz.cc DEPS engine_tls
  COVERS engine/tls/record_opener.* engine/tls/record_format.*)
