adit_fuzz(policy_document SOURCES policy_document_fuzz.cc DEPS relay_policy
  COVERS relay/policy/*.* relay/json/strict_json.*)
