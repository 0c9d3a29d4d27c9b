#pragma once

#include <string>
#include <string_view>

#include "engine/base/time.h"
#include "engine/datachannel/agent_message.h"
#include "engine/mux/multiplexer.h"
#include "engine/wire/control.h"

namespace relay {

// Conduit is what stands between the payloads of an AWS client's session and Adit's streams; there
// is one for each kind of session. It does what an agent of AWS's does for its clients.
class Conduit {
 public:
  // Host is the session as its conduit sees it. Everything may be called from everywhere but its
  // destructor.
  class Host {
   public:
    virtual engine::Multiplexer& multiplexer() = 0;
    virtual engine::BufferPool& pool() = 0;
    virtual engine::Instant Now() const = 0;
    // HasRoom says whether Send may be called, with 1 to kStreamPayloadMax bytes. When there is
    // room again, PumpOutput is called.
    virtual bool HasRoom() const = 0;
    virtual void Send(engine::datachannel::PayloadType type, engine::ByteView payload) = 0;
    // InputMayGoOn says that TakeInput may take now what it refused.
    virtual void InputMayGoOn() = 0;
    // OutputWaits asks for a call of PumpOutput.
    virtual void OutputWaits() = 0;
    // KeyProven says that the client has shown that it holds the session's data key: it is told
    // that the handshake is complete.
    virtual void KeyProven() {}
    // Exited says how the program ended, which the client may want to end with as well.
    virtual void Exited(const engine::Exit&) {}
    // Finish ends the session after all that was sent. `output` is shown to the client's user;
    // empty: it says only that it exits. `reason` is for the records.
    virtual void Finish(std::string output, std::string_view reason) = 0;

   protected:
    ~Host() = default;
  };

  virtual ~Conduit() = default;

  // Start is called once, when the client knows the kind of session and streams can be opened.
  virtual void Start() = 0;

  // TakeInput returns whether it took the message; if not, the same one is offered again.
  virtual bool TakeInput(engine::datachannel::PayloadType type, engine::ByteView payload) = 0;

  // PumpOutput sends what waits, as far as there is room.
  virtual void PumpOutput() = 0;

  virtual engine::Instant NextDeadline() const { return engine::Instant::max(); }
  virtual void HandleDeadline(engine::Instant) {}
};

}  // namespace relay
