adit_fuzz(websocket SOURCES websocket_fuzz.cc DEPS engine_http)
