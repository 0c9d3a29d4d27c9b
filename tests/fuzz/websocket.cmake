adit_fuzz(websocket SOURCES websocket_fuzz.cc DEPS engine_http
  COVERS engine/http/websocket_receiver.* engine/http/websocket_frames.*)
