adit_fuzz(control SOURCES control_fuzz.cc DEPS engine_wire)
