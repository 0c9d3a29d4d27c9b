adit_fuzz(cipher_packet SOURCES cipher_packet_fuzz.cc DEPS engine_wire
  COVERS engine/wire/cipher_packet.*)
