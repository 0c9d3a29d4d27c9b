adit_fuzz(multiplexer SOURCES multiplexer_fuzz.cc DEPS engine_mux
  COVERS engine/mux/multiplexer*.* engine/mux/credit.* engine/mux/frame_fifo.* engine/mux/output_queue*.*
         engine/mux/sent_log.* engine/mux/stream.*)
