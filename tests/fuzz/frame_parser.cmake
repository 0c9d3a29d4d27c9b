adit_fuzz(frame_parser SOURCES frame_parser_fuzz.cc DEPS engine_mux
  COVERS engine/mux/frame_parser.* engine/wire/frame.*)
