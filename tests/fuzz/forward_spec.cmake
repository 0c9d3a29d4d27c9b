adit_fuzz(forward_spec SOURCES forward_spec_fuzz.cc DEPS client_core COVERS client/forward_spec.*)
