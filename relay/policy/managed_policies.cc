#include "relay/policy/managed_policies.h"

namespace relay::policy {
namespace {

constexpr std::string_view kAdmin = R"({
  "Version": "2012-10-17",
  "Statement": [
    {"Sid": "Everything", "Effect": "Allow", "Action": "*", "Resource": "*"}
  ]
}
)";

// One's own sessions are told by the tag that AWS gives each session, whose value is the starter's
// user id. By the session's name alone (session/${aws:username}-*) alice would also own the
// sessions of a user called alice-admin.
constexpr std::string_view kOperator = R"({
  "Version": "2012-10-17",
  "Statement": [
    {
      "Sid": "StartSessions",
      "Effect": "Allow",
      "Action": "ssm:StartSession",
      "Resource": [
        "arn:aws:ssm:*:*:managed-instance/*",
        "arn:aws:ssm:*:*:document/*"
      ]
    },
    {
      "Sid": "OwnSessions",
      "Effect": "Allow",
      "Action": ["ssm:ResumeSession", "ssm:TerminateSession"],
      "Resource": "arn:aws:ssm:*:*:session/*",
      "Condition": {
        "StringEquals": {"ssm:resourceTag/aws:ssmmessages:session-id": "${aws:userid}"}
      }
    },
    {
      "Sid": "EncryptSessions",
      "Effect": "Allow",
      "Action": "kms:GenerateDataKey",
      "Resource": "*"
    },
    {
      "Sid": "See",
      "Effect": "Allow",
      "Action": [
        "ssm:DescribeInstanceInformation",
        "ssm:DescribeSessions",
        "ssm:GetConnectionStatus",
        "ssm:DescribeDocument",
        "ssm:GetDocument",
        "ssm:ListDocuments",
        "ssm:ListDocumentVersions",
        "ssm:ListTagsForResource",
        "sts:GetCallerIdentity"
      ],
      "Resource": "*"
    }
  ]
}
)";

constexpr std::string_view kAuditor = R"({
  "Version": "2012-10-17",
  "Statement": [
    {
      "Sid": "ReadEverything",
      "Effect": "Allow",
      "Action": [
        "cloudtrail:LookupEvents",
        "iam:Get*",
        "iam:List*",
        "iam:Simulate*",
        "ssm:Describe*",
        "ssm:Get*",
        "ssm:List*",
        "sts:GetCallerIdentity"
      ],
      "Resource": "*"
    }
  ]
}
)";

constexpr ManagedPolicy kPolicies[] = {
    {"AditAdmin", "arn:aws:iam::aws:policy/AditAdmin", "May do everything.", kAdmin},
    {"AditOperator", "arn:aws:iam::aws:policy/AditOperator",
     "May start sessions on every node, and resume and end sessions of one's own.", kOperator},
    {"AditAuditor", "arn:aws:iam::aws:policy/AditAuditor",
     "May read everything, the audit trail included, and change nothing.", kAuditor},
};

}  // namespace

std::span<const ManagedPolicy> ManagedPolicies() { return kPolicies; }

}  // namespace relay::policy
