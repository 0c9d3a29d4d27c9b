adit_fuzz(invitation SOURCES invitation_fuzz.cc DEPS engine_wire)
