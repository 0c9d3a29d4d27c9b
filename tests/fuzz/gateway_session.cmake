adit_fuzz(gateway_session SOURCES gateway_session_fuzz.cc DEPS relay_gateway engine_mux
  COVERS relay/gateway/gateway_session*.* relay/gateway/*conduit*.* relay/gateway/machine_handshake.*
         relay/gateway/program_stream.* relay/gateway/stream_input.*)
