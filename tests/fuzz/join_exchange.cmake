adit_fuzz(join_exchange SOURCES join_exchange_fuzz.cc DEPS engine_mux
  COVERS engine/mux/join_exchange.*)
