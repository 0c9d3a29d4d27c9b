#pragma once

#include <string>
#include <string_view>

#include "engine/mux/multiplexer.h"
#include "engine/wire/control.h"
#include "relay/gateway/conduit.h"

namespace relay {

// ProgramStream is the stream of a session's program, as its conduit has it: whether it is there,
// and how it ended, in words for the client's user and for the records. The conduit is who hears of
// the stream, and passes on what ends it.
class ProgramStream {
 public:
  // `host` outlives it.
  explicit ProgramStream(Conduit::Host& host) : host_(host) {}
  ~ProgramStream();  // Ends the stream.
  ProgramStream(const ProgramStream&) = delete;
  ProgramStream& operator=(const ProgramStream&) = delete;

  // Open asks the node for the program; without room for a stream it is over at once. Once.
  void Open(std::string_view request, engine::StreamEvents& events);

  // What the conduit heard.
  void Finished();  // The program has ended: our half ends, too, and with it the stream.
  void Rejected(engine::CloseCode code, std::string_view text);
  void Closed(engine::CloseCode code, std::string_view text);

  // SendSize tells the program the size of its terminal, if it is still there.
  void SendSize(engine::TerminalSize size);
  // ReadSize reads a client's message about that. False: it is none, and `size` is as it was.
  static bool ReadSize(engine::ByteView payload, engine::TerminalSize& size);

  // Consume returns credit for what was taken of the output.
  void Consume(size_t size);

  engine::StreamId id() const { return id_; }
  bool takes_input() const { return is_open_ && !is_over_; }
  bool over() const { return is_over_; }  // No further output comes.
  // Requires: over().
  const std::string& end_output() const { return end_output_; }
  const std::string& end_reason() const { return end_reason_; }

 private:
  Conduit::Host& host_;
  engine::StreamId id_ = engine::kLinkStream;
  bool is_open_ = false;
  bool is_over_ = false;
  std::string end_output_;
  std::string end_reason_;
};

}  // namespace relay
