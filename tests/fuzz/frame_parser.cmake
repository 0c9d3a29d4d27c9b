adit_fuzz(frame_parser SOURCES frame_parser_fuzz.cc DEPS engine_mux)
