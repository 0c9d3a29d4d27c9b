adit_fuzz(original_node SOURCES original_node_fuzz.cc DEPS relay_originals relay_gateway engine_mux
  COVERS relay/originals/original_*.* relay/originals/outward_*.*)
