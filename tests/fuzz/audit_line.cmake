adit_fuzz(audit_line SOURCES audit_line_fuzz.cc DEPS engine_audit COVERS engine/audit/*.*)
