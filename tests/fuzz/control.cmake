adit_fuzz(control SOURCES control_fuzz.cc DEPS engine_wire
  COVERS engine/wire/control*.* engine/wire/json_members.* engine/wire/session_plan.*)
