// The store on SQLite: one file, write-ahead log, every commit on the disk before it is answered.

#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "engine/crypto/aead.h"
#include "relay/store/sqlite_database.h"
#include "relay/store/sqlite_document_store.h"
#include "relay/store/sqlite_iam_store.h"
#include "relay/store/store.h"

namespace relay {

class SqliteStore final : public Store {
 public:
  // Open opens or creates the store and brings it to the newest schema. FailedPrecondition: it was
  // made by a newer relay. PermissionDenied with kOtherMasterKey in the text: it is encrypted under
  // another master key; nothing was changed. Other errors are SqliteDatabase::Open's.
  static absl::StatusOr<std::unique_ptr<SqliteStore>> Open(const SqliteDatabase::Options& options,
                                                           const engine::crypto::MasterKey& key);
  ~SqliteStore() override;

  static constexpr std::string_view kOtherMasterKey = "another master key";

  // RotateMasterKey encrypts every secret anew under `new_key`, in one transaction.
  // PermissionDenied: `old_key` is not this store's. On any error the store stays under the old
  // key.
  absl::Status RotateMasterKey(const engine::crypto::MasterKey& old_key,
                               const engine::crypto::MasterKey& new_key);

  IamStore& Iam() override { return iam_; }
  DocumentStore& Documents() override { return documents_; }
  Sha256Digest DeriveKey(std::string_view purpose) const override;
  absl::Status AddAccessKey(const AccessKey& key) override;
  absl::StatusOr<AccessKey> FindAccessKey(std::string_view id) override;
  absl::StatusOr<bool> HasAccessKeys() override;
  absl::Status AddNode(const Node& node) override;
  absl::StatusOr<Node> FindNode(std::string_view id) override;
  absl::StatusOr<std::vector<Node>> ListNodes(std::string_view after_id, size_t count_max) override;
  absl::StatusOr<std::vector<std::string>> NodesNamed(std::string_view name,
                                                      size_t count_max) override;
  absl::Status UpdateNode(const Node& node) override;
  absl::Status DeleteNode(std::string_view id) override;
  absl::Status TouchNode(std::string_view id, int64_t last_seen_unix_ms) override;
  absl::Status AddActivation(const Activation& activation) override;
  absl::StatusOr<Activation> FindActivation(std::string_view id) override;
  absl::StatusOr<std::vector<Activation>> ListActivations(int64_t before_unix_ms,
                                                          std::string_view before_id,
                                                          size_t count_max) override;
  absl::Status DeleteActivation(std::string_view id) override;
  absl::Status CountRegistration(std::string_view activation_id) override;
  absl::Status AddSession(const Session& session) override;
  absl::StatusOr<Session> FindSession(std::string_view id) override;
  absl::StatusOr<std::vector<Session>> ListSessions(const SessionQuery& query) override;
  absl::Status SetSessionConnected(std::string_view id) override;
  absl::Status MoveSessionStart(std::string_view id, int64_t by_ms) override;
  absl::StatusOr<ClockBegin> FindClockBegin() override;
  absl::Status SetClockBegin(const ClockBegin& begin) override;
  absl::StatusOr<std::string> FindSessionAccess(std::string_view id) override;
  absl::StatusOr<uint64_t> FindSessionEpoch(std::string_view id) override;
  absl::Status SetSessionSealed(std::string_view id, std::string_view access) override;
  absl::Status RaiseSessionEpoch(std::string_view id, uint64_t epoch) override;
  absl::Status EndSession(const SessionEnd& end) override;
  absl::Status SetEndRecorded(std::string_view id, uint64_t bytes_in, uint64_t bytes_out) override;
  absl::StatusOr<std::vector<UnrecordedEnd>> ListUnrecordedEnds(size_t count_max) override;
  absl::Status AppendAudit(const AuditEvent& event) override;
  absl::StatusOr<std::vector<AuditEvent>> ListAudit(uint64_t after, size_t count_max) override;
  absl::StatusOr<uint64_t> LastAudit() override;
  absl::Status SkipAudit(uint64_t sequence) override;
  absl::StatusOr<std::vector<AuditEvent>> LookupAudit(const AuditQuery& query) override;
  absl::Status ForgetAudit(uint64_t sequence, int64_t before_unix_ms, uint64_t kept_max,
                           size_t count_max) override;
  absl::StatusOr<AuditMark> FindAuditMark() override;
  absl::Status SetAuditMark(const AuditMark& mark) override;

 protected:
  absl::Status DoBegin() override;
  absl::Status DoCommit() override;
  void DoRollback() override;
  absl::Status DoTouch() override;
  absl::Status DoSave() override;
  absl::Status DoRelease() override;
  void DoRollbackToSave() override;
  bool DoIsOpen() const override { return database_->in_transaction(); }

 private:
  SqliteStore(std::unique_ptr<SqliteDatabase> database, const engine::crypto::MasterKey& key);
  absl::Status CheckMasterKey();
  absl::Status EncryptAgain(const engine::crypto::MasterKey& new_key);

  std::unique_ptr<SqliteDatabase> database_;
  engine::crypto::MasterKey key_;
  SqliteIamStore iam_;
  SqliteDocumentStore documents_;
};

}  // namespace relay
