adit_fuzz(xml_text SOURCES xml_text_fuzz.cc DEPS client_core
  COVERS client/xml_text.* client/uri_text.*)
