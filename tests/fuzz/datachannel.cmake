adit_fuzz(agent_message SOURCES agent_message_fuzz.cc DEPS engine_datachannel)
adit_fuzz(agent_handshake SOURCES agent_handshake_fuzz.cc DEPS engine_datachannel)
adit_fuzz(smux SOURCES smux_fuzz.cc DEPS engine_datachannel)
adit_fuzz(control_payloads SOURCES control_payloads_fuzz.cc DEPS engine_datachannel)
