adit_fuzz(verbatim_session SOURCES verbatim_session_fuzz.cc DEPS relay_originals relay_gateway
  COVERS relay/originals/verbatim_session*.* relay/originals/crossing.*)
