// The operations on session documents. Those that change something are in documents_api.cc, those
// that look in document_reads_api.cc.

#pragma once

#include "relay/access/access_case.h"
#include "relay/api/api_call.h"

namespace relay {

ApiOutcome CreateDocument(ApiContext& context, ApiCall& call);
ApiOutcome UpdateDocument(ApiContext& context, ApiCall& call);
ApiOutcome UpdateDocumentDefaultVersion(ApiContext& context, ApiCall& call);
ApiOutcome DeleteDocument(ApiContext& context, ApiCall& call);

ApiOutcome GetDocument(ApiContext& context, ApiCall& call);
ApiOutcome DescribeDocument(ApiContext& context, ApiCall& call);
// DescribeDocumentPermission: documents are shared with no other account, since there is none.
ApiOutcome DescribeDocumentPermission(ApiContext& context, ApiCall& call);
ApiOutcome ListDocuments(ApiContext& context, ApiCall& call);
ApiOutcome ListDocumentVersions(ApiContext& context, ApiCall& call);

// AskOfDocument: the document has to be allowed, whatever region and account an ARN names; of
// CreateDocument the tags are keys of the request.
void AskOfDocument(ApiContext& context, ApiCall& call, AccessQuestion& question);

}  // namespace relay
