adit_fuzz(escape_watch SOURCES escape_watch_fuzz.cc DEPS client_core COVERS client/terminal/escape_watch.*)
