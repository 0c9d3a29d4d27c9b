#pragma once

#include <string>
#include <string_view>

#include "engine/base/time.h"
#include "engine/datachannel/agent_message.h"
#include "engine/datachannel/control_payloads.h"
#include "engine/mux/multiplexer.h"

namespace relay {

// OutwardConduit is what stands between Adit's streams of a session and the payloads of the
// session's data channel to an original agent. It does what AWS's clients do for their users.
class OutwardConduit {
 public:
  // Host is the session as its conduit sees it. Everything may be called from everywhere but its
  // destructor.
  class Host {
   public:
    virtual engine::Multiplexer& multiplexer() = 0;
    virtual engine::BufferPool& pool() = 0;
    // HasRoom says whether Send may be called, with 1 to kStreamPayloadMax bytes. When there is
    // room again, PumpInput is called.
    virtual bool HasRoom() const = 0;
    virtual void Send(engine::datachannel::PayloadType type, engine::ByteView payload) = 0;
    // InputWaits asks for a call of PumpInput.
    virtual void InputWaits() = 0;
    // OutputMayGoOn says that TakeOutput may take now what it refused; RetryOutput that it may be
    // so a little later: the pool had run dry.
    virtual void OutputMayGoOn() = 0;
    virtual void RetryOutput() = 0;
    // Leave ends the session at the agent: nobody wants anything of it any more.
    virtual void Leave() = 0;

   protected:
    ~Host() = default;
  };

  virtual ~OutwardConduit() = default;

  // Open takes a stream that was opened, and answers it now or later.
  virtual void Open(engine::StreamId id) = 0;

  // Start is called once, when the agent listens.
  virtual void Start() = 0;

  // TakeOutput returns whether it took the message; if not, the same one is offered again.
  virtual bool TakeOutput(engine::datachannel::PayloadType type, engine::ByteView payload) = 0;

  // PumpInput sends what waits, as far as there is room. Only after Start.
  virtual void PumpInput() = 0;

  // Finish says that the session is over at the agent, and all of its output was taken.
  virtual void Finish(const engine::datachannel::TaskComplete& task) = 0;

  // done is true when no stream of it is left.
  virtual bool done() const = 0;

  // Abandon ends every stream: the session is over otherwise. Leave is not called any more.
  virtual void Abandon(engine::CloseCode code, std::string_view why) = 0;
};

}  // namespace relay
