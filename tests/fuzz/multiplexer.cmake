adit_fuzz(multiplexer SOURCES multiplexer_fuzz.cc DEPS engine_mux)
