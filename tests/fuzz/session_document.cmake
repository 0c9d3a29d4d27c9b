adit_fuzz(session_document SOURCES session_document_fuzz.cc DEPS relay_documents
  COVERS relay/documents/command_template.* relay/documents/document_*.* relay/documents/placeholder.*
         relay/documents/resolve_document.* relay/documents/session_document.*)
