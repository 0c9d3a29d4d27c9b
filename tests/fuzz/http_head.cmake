adit_fuzz(http_head SOURCES http_head_fuzz.cc DEPS engine_http)
