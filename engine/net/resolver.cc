#include "engine/net/resolver.h"

#include <netdb.h>

#include <utility>

namespace engine {

// A question is shared by the loop's thread and a worker. `op` belongs to the loop's thread; the
// worker writes `result`, and hands the question over before anybody reads it.
struct ResolveOp::Question {
  std::string host;
  uint16_t port = 0;
  ResolveOp* op = nullptr;
  Resolved result;
};

namespace {

Resolved Lookup(const std::string& host, uint16_t port) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_ADDRCONFIG | AI_NUMERICSERV;
  addrinfo* list = nullptr;
  const std::string service = std::to_string(port);
  int code = ::getaddrinfo(host.c_str(), service.c_str(), &hints, &list);
  if (code != 0) {
    // A machine with nothing but loopback has no "configured" address family (RFC 3493, 6.1).
    hints.ai_flags = AI_NUMERICSERV;
    code = ::getaddrinfo(host.c_str(), service.c_str(), &hints, &list);
  }
  if (code == EAI_AGAIN) return {ResolveError::kTemporary, {}};
  if (code != 0) return {ResolveError::kNotFound, {}};
  Resolved result;
  for (const addrinfo* entry = list; entry != nullptr; entry = entry->ai_next) {
    if (entry->ai_family != AF_INET && entry->ai_family != AF_INET6) continue;
    if (result.addresses.size() == Resolver::kAddressesMax) break;
    result.addresses.push_back(Address::FromKernel(entry->ai_addr, entry->ai_addrlen));
  }
  ::freeaddrinfo(list);
  if (result.addresses.empty()) result.error = ResolveError::kNotFound;
  return result;
}

}  // namespace

Resolver::Resolver(Loop& loop) : loop_(loop) {}

Resolver::~Resolver() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
    queue_.clear();
  }
  changed_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void Resolver::Resolve(ResolveOp& op, std::string_view host, uint16_t port) {
  CHECK(!op.in_flight());
  auto question = std::make_shared<Question>();
  question->host = std::string(host);
  question->port = port;
  question->op = &op;
  op.question_ = question;

  Address numeric;
  if (Address::Parse(host, port, numeric)) {
    question->result.addresses.push_back(numeric);
    return Answer(std::move(question));
  }
  {
    const std::lock_guard lock(mutex_);
    if (queue_.size() < kQueueMax) {
      queue_.push_back(std::move(question));
    }
  }
  if (question != nullptr) {
    question->result.error = ResolveError::kBusy;
    return Answer(std::move(question));
  }
  while (threads_.size() < kThreads) threads_.emplace_back([this] { Work(); });
  changed_.notify_one();
}

void Resolver::Cancel(ResolveOp& op) {
  if (!op.in_flight()) return;
  // The worker may be anywhere in the old question; its answer will find no op.
  auto canceled = std::make_shared<Question>();
  canceled->op = &op;
  canceled->result.error = ResolveError::kCanceled;
  op.question_->op = nullptr;
  op.question_ = canceled;
  Answer(std::move(canceled));
}

void Resolver::Work() {
  while (true) {
    std::shared_ptr<Question> question;
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [this] { return ending_ || !queue_.empty(); });
      if (ending_) return;
      question = std::move(queue_.front());
      queue_.pop_front();
    }
    question->result = Lookup(question->host, question->port);
    Answer(std::move(question));
  }
}

void Resolver::Answer(std::shared_ptr<Question> question) {
  {
    const std::lock_guard lock(mutex_);
    answers_.push_back(std::move(question));
  }
  loop_.Wake();
}

bool Resolver::has_answers() const {
  const std::lock_guard lock(mutex_);
  return !answers_.empty();
}

void Resolver::Deliver() {
  std::vector<std::shared_ptr<Question>> answers;
  {
    const std::lock_guard lock(mutex_);
    answers.swap(answers_);
  }
  for (const std::shared_ptr<Question>& question : answers) {
    ResolveOp* op = question->op;
    if (op == nullptr) continue;  // Canceled meanwhile.
    CHECK(op->question_ == question);
    op->question_ = nullptr;
    const Handler<Resolved> handler = op->handler_;
    handler(std::move(question->result));  // It may destroy the op.
  }
}

}  // namespace engine
