adit_fuzz(agent_message SOURCES agent_message_fuzz.cc DEPS engine_datachannel
  COVERS engine/datachannel/agent_message.* engine/datachannel/agent_payloads.*)
adit_fuzz(agent_handshake SOURCES agent_handshake_fuzz.cc DEPS engine_datachannel
  COVERS engine/datachannel/agent_handshake.* engine/datachannel/agent_version.* engine/datachannel/json_object.*)
adit_fuzz(smux SOURCES smux_fuzz.cc DEPS engine_datachannel
  COVERS engine/datachannel/smux_*.* engine/datachannel/byte_fifo.*)
adit_fuzz(control_payloads SOURCES control_payloads_fuzz.cc DEPS engine_datachannel
  COVERS engine/datachannel/control_payloads.*)
