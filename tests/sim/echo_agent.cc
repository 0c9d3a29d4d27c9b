#include "tests/sim/echo_agent.h"

#include <deque>
#include <utility>

namespace sim {
namespace {

// Echo sends back what comes, half-close included.
class Echo final : public engine::StreamEvents {
 public:
  Echo(engine::Multiplexer& mux, engine::StreamId id) : mux_(mux), id_(id) {}

  void OnData(engine::Channel, engine::BufferRef payload) override {
    waiting_.push_back(std::move(payload));
    Pump();
  }
  void OnWritable() override { Pump(); }
  void OnFinished() override {
    finished_ = true;
    Pump();
  }
  void OnClosed(engine::CloseCode, std::string_view) override { delete this; }

 private:
  void Pump() {
    while (!waiting_.empty()) {
      engine::BufferRef& front = waiting_.front();
      const size_t size = front.size();
      const size_t taken = mux_.Write(id_, engine::Channel::kMain, front.Share(0, size));
      mux_.Consume(id_, taken);
      if (taken < size) {
        front = front.Share(taken, size - taken);
        return;
      }
      waiting_.pop_front();
    }
    if (finished_) mux_.Finish(id_);
  }

  engine::Multiplexer& mux_;
  const engine::StreamId id_;
  std::deque<engine::BufferRef> waiting_;
  bool finished_ = false;
};

}  // namespace

void EchoAgent::OnOpen(engine::StreamId id, engine::Priority, engine::ByteView) {
  auto* echo = new Echo(*mux_, id);  // Deletes itself in OnClosed.
  if (!mux_->Accept(id, *echo)) delete echo;
}

}  // namespace sim
