#include "engine/net/resolver.h"

#include <netdb.h>

#include <algorithm>
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
  if (code != 0 && code != EAI_AGAIN) {
    // A machine with nothing but loopback has no "configured" address family (RFC 3493, 6.1). Name
    // servers that did not answer are not asked again: that takes as long once more.
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

// Known is what nobody has to be asked for: a numeric address, and where every machine finds itself
// (RFC 6761, 6.3). Else it is empty.
std::vector<Address> Known(std::string_view host, uint16_t port) {
  std::vector<Address> addresses(1);
  if (Address::Parse(host, port, addresses[0])) return addresses;
  if (host != "localhost") return {};
  addresses.resize(2);
  CHECK(Address::Parse("127.0.0.1", port, addresses[0]));
  CHECK(Address::Parse("::1", port, addresses[1]));
  return addresses;
}

}  // namespace

Resolver::Resolver(Loop& loop) : desk_(std::make_shared<Desk>(loop)) {}

Resolver::~Resolver() {
  std::array<bool, kThreads> is_looking_up;
  {
    const std::lock_guard lock(desk_->mutex);
    desk_->loop = nullptr;
    desk_->queue.clear();
    is_looking_up = desk_->is_looking_up;
  }
  desk_->changed.notify_all();
  for (size_t i = 0; i < threads_.size(); ++i) {
    is_looking_up[i] ? threads_[i].detach() : threads_[i].join();
  }
}

void Resolver::Resolve(ResolveOp& op, std::string_view host, uint16_t port) {
  CHECK(!op.in_flight());
  auto question = std::make_shared<Question>();
  question->host = std::string(host);
  question->port = port;
  question->op = &op;
  op.question_ = question;

  question->result.addresses = Known(host, port);
  if (!question->result.addresses.empty()) return desk_->Answer(std::move(question));
  {
    const std::lock_guard lock(desk_->mutex);
    if (desk_->queue.size() < kQueueMax) desk_->queue.push_back(std::move(question));
  }
  if (question != nullptr) {
    question->result.error = ResolveError::kBusy;
    return desk_->Answer(std::move(question));
  }
  while (threads_.size() < kThreads) {
    threads_.emplace_back([desk = desk_, thread = threads_.size()] { Work(desk, thread); });
  }
  desk_->changed.notify_one();
}

void Resolver::Cancel(ResolveOp& op) {
  if (!op.in_flight()) return;
  // The worker may be anywhere in the old question; its answer will find no op.
  auto canceled = std::make_shared<Question>();
  canceled->op = &op;
  canceled->result.error = ResolveError::kCanceled;
  op.question_->op = nullptr;
  op.question_ = canceled;
  desk_->Answer(std::move(canceled));
}

void Resolver::Remember(std::string_view host, uint16_t port, const Address& address) {
  if (!Known(host, port).empty()) return;
  std::erase_if(remembered_,
                [&](const Place& place) { return place.host == host && place.port == port; });
  if (remembered_.size() == kRememberedMax) remembered_.erase(remembered_.begin());
  remembered_.push_back({std::string(host), port, address, false});
}

const Resolver::Place* Resolver::FindPlace(std::string_view host, uint16_t port) const {
  const auto place = std::ranges::find_if(
      remembered_, [&](const Place& each) { return each.host == host && each.port == port; });
  return place == remembered_.end() ? nullptr : &*place;
}

std::optional<Address> Resolver::Recall(std::string_view host, uint16_t port) const {
  const Place* place = FindPlace(host, port);
  return place == nullptr ? std::nullopt : std::optional(place->address);
}

void Resolver::Doubt(std::string_view host, uint16_t port) {
  for (Place& place : remembered_) {
    if (place.host == host && place.port == port) place.is_doubted = true;
  }
}

bool Resolver::Trusts(std::string_view host, uint16_t port) const {
  const Place* place = FindPlace(host, port);
  return place != nullptr && !place->is_doubted;
}

void Resolver::Work(const std::shared_ptr<Desk>& desk, size_t thread) {
  while (true) {
    std::shared_ptr<Question> question;
    {
      std::unique_lock lock(desk->mutex);
      desk->is_looking_up[thread] = false;
      desk->changed.wait(lock, [&] { return desk->loop == nullptr || !desk->queue.empty(); });
      if (desk->loop == nullptr) return;
      question = std::move(desk->queue.front());
      desk->queue.pop_front();
      desk->is_looking_up[thread] = true;
    }
    question->result = Lookup(question->host, question->port);
    desk->AnswerAlike(std::move(question));
  }
}

void Resolver::Desk::Answer(std::shared_ptr<Question> question) {
  const std::lock_guard lock(mutex);
  answers.push_back(std::move(question));
}

void Resolver::Desk::AnswerAlike(std::shared_ptr<Question> question) {
  const std::lock_guard lock(mutex);
  if (loop == nullptr) return;
  std::erase_if(queue, [&](std::shared_ptr<Question>& waiting) {
    if (waiting->host != question->host || waiting->port != question->port) return false;
    waiting->result = question->result;
    answers.push_back(std::move(waiting));
    return true;
  });
  answers.push_back(std::move(question));
  loop->Wake();  // Under the lock: the loop goes soon after the resolver.
}

bool Resolver::has_answers() const {
  const std::lock_guard lock(desk_->mutex);
  return !desk_->answers.empty();
}

void Resolver::Deliver() {
  std::vector<std::shared_ptr<Question>> answers;
  {
    const std::lock_guard lock(desk_->mutex);
    answers.swap(desk_->answers);
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
