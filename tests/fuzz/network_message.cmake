adit_fuzz(network_message SOURCES network_message_fuzz.cc DEPS engine_platform
  COVERS engine/platform/network_message.*)
