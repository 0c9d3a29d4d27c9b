adit_fuzz(invitation SOURCES invitation_fuzz.cc DEPS engine_wire
  COVERS engine/wire/invitation.* engine/wire/host_port.*)
