adit_fuzz(client_hello SOURCES client_hello_fuzz.cc DEPS engine_tls)
adit_fuzz(tls_channel SOURCES tls_channel_fuzz.cc DEPS engine_tls)
adit_fuzz(record_opener SOURCES record_opener_fuzz.cc DEPS engine_tls)
