adit_fuzz(api_answer SOURCES api_answer_fuzz.cc DEPS client_core)
