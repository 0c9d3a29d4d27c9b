adit_fuzz(api_input SOURCES api_input_fuzz.cc DEPS relay_api COVERS relay/api/api_input.*)
