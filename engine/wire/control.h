// The control messages and open requests: one struct each, JSON in and out. PROTOCOL.md, sections
// "Hello", "Opening a stream" and "Control messages", is the same in prose.
//
// Decoding foreign JSON never aborts: a Decode function returns false when the text is not JSON, is
// nested deeper than 8, is of another type, lacks a required member, or has one of the wrong kind
// or outside its limits. Members that are not known are ignored, so that version N works with N-1.

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "engine/wire/frame.h"  // kControlSizeMax, kOpenRequestMax.

namespace engine {

inline constexpr uint32_t kProtocolVersion = 1;
inline constexpr uint32_t kProtocolVersionMin = 1;
inline constexpr size_t kCommandArgumentsMax = 256;    // Of an exec request.
inline constexpr uint16_t kTerminalCellsMax = 10'000;  // Columns or rows of a terminal.
inline constexpr size_t kJsonDepthMax = 8;             // Objects and arrays within one another.

// Hello is the first frame of each side: kControl on stream 0.
struct Hello {
  uint32_t version = kProtocolVersion;         // The newest the sender speaks.
  uint32_t version_min = kProtocolVersionMin;  // The oldest it still speaks.
  std::vector<std::string> features;           // Unknown ones are ignored.
  std::string software;                        // "adit-agent/0.1.0", for people.
  std::string role;                            // "agent", "client", "node" or "relay".
  std::string session_id;                      // client: the session to join ...
  std::string session_token;                   // ... and the proof; never logged.
  std::string node_name;                       // agent: what the machine calls itself.
  std::string platform;                        // agent: "Linux Debian GNU/Linux 12 x86_64".
  uint32_t lane = 0;                           // node: its number for this lane.
};

// AgreedVersion returns the version that both sides speak, or 0 when there is none.
uint32_t AgreedVersion(const Hello& ours, const Hello& theirs);

// HasFeature says whether the hello names that feature.
bool HasFeature(const Hello& hello, std::string_view name);

// TerminalSize is in character cells; 0 means that the sender does not know.
struct TerminalSize {
  uint16_t columns = 80;
  uint16_t rows = 24;
};

// StreamKey makes a stream one of packets that client and node encrypt for each other; PROTOCOL.md,
// section "Encrypted sessions". Only the relay's gateway asks for it, and only of a node that named
// the feature kFeatureEncrypted.
inline constexpr std::string_view kFeatureEncrypted = "encrypted";
struct StreamKey {
  std::string key_id;     // As the document names it; set by the relay alone.
  std::string data_key;   // Base64: the session's data key, sealed by the key service.
  std::string challenge;  // Base64: what the data key is bound to beside session and node, if any.
  // Of a command without a terminal: standard error and exit code come apart, and what is written
  // before each run of either output.
  bool separates_output = false;
  std::string output_prefix;
  std::string error_prefix;
};

// StreamLimits are the session's, from the open on; the node keeps them beside the relay. 0: none.
struct StreamLimits {
  uint32_t idle_seconds_max = 0;  // Without a byte on any stream of the session.
  uint32_t seconds_max = 0;
};

// Open requests. `session_id`, `principal`, `run_as` and `limits` are set by the relay alone; a
// client's are overwritten.
struct ShellRequest {
  std::string session_id, principal, run_as;
  StreamLimits limits;
  TerminalSize size;
  std::string terminal;  // TERM, such as "xterm-256color".
  std::string profile;   // Typed into the shell when it has started; set by the relay alone.
  std::optional<StreamKey> key;
};
struct ExecRequest {
  std::string session_id, principal, run_as;
  StreamLimits limits;
  std::vector<std::string> arguments;  // arguments[0] is the program; no shell in between.
  bool with_terminal = false;          // -t: a PTY as for a shell.
  TerminalSize size;
  std::string terminal;
  std::optional<StreamKey> key;
};
struct TcpRequest {
  std::string session_id, principal;
  StreamLimits limits;
  std::string host;  // A name or an address, as the node resolves it.
  uint16_t port = 0;
  bool may_be_link_local = false;  // Also to addresses of clouds' metadata; set by the relay alone.
};
// GrantedRequest opens what the session's document says, a shell or a command; only the client
// sends it: whoever holds the grant puts that in its place.
struct GrantedRequest {
  std::string session_id, principal;
  TerminalSize size;
  std::string terminal;
  std::optional<StreamKey> key;
};
using OpenRequest = std::variant<ShellRequest, ExecRequest, TcpRequest, GrantedRequest>;

// Messages on a stream.
struct Resize {
  TerminalSize size;
};
struct Signal {
  std::string name;  // Without SIG: "INT", "TERM", "HUP", "QUIT", "KILL", "USR1", "USR2", "WINCH".
};
struct Exit {
  uint8_t status = 0;
  std::string signal;  // Without SIG; empty if the program exited by itself.
};
// Messages on stream 0, between agent and relay.
struct RenewCertificate {
  std::string request_pem;  // PKCS #10.
};
struct CertificateRenewed {
  std::string certificate_pem;
};
struct Notice {
  std::string text;  // For the user's eyes, one line: who ended what and why.
};

// Messages of sealed sessions on stream 0 of the agent's link; PROTOCOL.md, section "Sealed
// sessions". Only a peer that named the feature kFeatureSealed is sent any of them.
inline constexpr std::string_view kFeatureSealed = "sealed";
inline constexpr uint32_t kLanesMax = 16;
// Of hellos on a lane of a session: the link outlives its connection.
inline constexpr std::string_view kFeatureResume = "resume";
inline constexpr std::string_view kFeatureEarlyData = "early-data";

// A node that names this one takes offers of inspected sessions.
inline constexpr std::string_view kFeatureInspectedLanes = "inspected-lanes";

// Streams of one session at once, of either carriage: a third of what a node takes, so that no
// session shuts the others out.
inline constexpr uint32_t kSessionStreamsMax = 640;

// SessionOffer tells a node of a session that will come to it, and of all that it allows.
struct SessionOffer {
  std::string session_id, principal, run_as;
  std::string client_key;          // 64 hex digits: the SHA-256 of the client's session key (SPKI).
  std::string join_token;          // For the node's side of the first lane; works once.
  uint32_t loop = 0;               // The relay's loop on which the lanes are joined.
  std::string kind;                // "shell", "exec" or "tcp": the only streams that may be opened.
  std::string command;             // exec: the arguments, joined as JoinCommand does.
  bool with_terminal = false;      // exec.
  std::string host;                // tcp.
  uint16_t port = 0;               // tcp.
  std::string profile;             // shell: typed into it when it has started.
  bool with_shell = false;         // exec: opened as `granted`, the command is text for `sh -c`.
  bool may_be_link_local = false;  // tcp: also to addresses of clouds' metadata.
  uint32_t idle_seconds_max = 0;   // Without a byte of the user's, the node ends it; 0: never.
  uint32_t seconds_max = 0;        // The node ends it so long after the offer; 0: never.
  // Of an inspected session, in the place of client_key: 64 hex digits, by which its ends prove
  // themselves when a lane goes on over another connection.
  std::string resume_secret{};
};
// SessionAnswer is the node's consent, or the reason why there is none.
struct SessionAnswer {
  std::string session_id;
  // 64 hex digits: the SHA-256 of the node's session key (SPKI). An inspected session has no keys.
  std::string session_key;
  std::string node_key;   // Base64: the node's identity, an Ed25519 public key.
  std::string signature;  // Base64: see engine/wire/session_binding.h.
  std::string error;      // For people; empty: consent.
};
// LaneOffer asks the node to dial one more lane of a session that it has, or another connection for
// a lane that has lost its own.
struct LaneOffer {
  std::string session_id;
  std::string join_token;
  uint32_t loop = 0;
  std::optional<uint32_t> lane{};  // The lane that goes on.
};
// SessionStop (relay to node) and SessionOver (node to relay) end a session.
struct SessionStop {
  std::string session_id;
  std::string reason;  // For the user's eyes.
};
struct SessionOver {
  std::string session_id;
  std::string reason;
  uint64_t to_node_bytes = 0;  // Of all its streams; an older agent says 0.
  uint64_t from_node_bytes = 0;
};
// SessionCheck (relay to node) asks whether the node still has a session: one without a connection,
// each when the node comes, one that has ended. The answer is SessionOver, or nothing.
struct SessionCheck {
  std::string session_id;
};
// LanesLost (node to relay) says that the node has left a connection of a session which was dead at
// its end: the one that it had joined with that token, or, when there is none, any of them. The
// relay, and the client behind it, may not have heard.
struct LanesLost {
  std::string session_id;
  std::string join_token = {};
};
// StreamNews is what the node says of a stream that the relay cannot see.
struct StreamNews {
  std::string session_id;
  uint32_t serial = 0;  // Of the stream, unique within the session.
  bool is_closed = false;
  std::string what;     // Opened: what to, as an audit record says it.
  std::string outcome;  // Closed: the name of its close code.
  uint64_t to_node_bytes = 0;
  uint64_t from_node_bytes = 0;
  uint64_t duration_ms = 0;  // Closed: since it was opened; an older agent says 0.
};

// DataKeyRequest (node to relay) asks what a session's data key is, DataKeyAnswer is the answer.
struct DataKeyRequest {
  uint32_t serial = 0;  // Of the question, unique on its link.
  std::string session_id;
  std::string data_key;   // As in StreamKey.
  std::string challenge;  // As in StreamKey.
};
struct DataKeyAnswer {
  uint32_t serial = 0;
  std::string plaintext;  // Secret. Base64, 64 bytes.
  std::string error;      // For people; empty: there is none.
};

// The two messages of a join connection: the only ones there.
struct Join {
  std::string token;
  bool is_wrapped = false;  // This leg stays inside TLS: something in between ends it.
};
struct Joined {};

// The two messages with which a lane goes on over another connection, in the place of hellos.
// PROTOCOL.md, section "Resuming", says what the proofs are.
struct Resume {
  std::string session_id;
  uint32_t lane = 0;
  uint64_t epoch = 0;     // Greater than in all messages before.
  uint64_t position = 0;  // How many bytes of the link the sender has.
  std::string proof;      // 64 hex digits.
};
struct Resumed {
  uint64_t position = 0;
  std::string proof;
};

using ControlMessage =
    std::variant<Hello, Resize, Signal, Exit, RenewCertificate, CertificateRenewed, Notice,
                 SessionOffer, SessionAnswer, LaneOffer, SessionStop, SessionOver, StreamNews, Join,
                 Joined, DataKeyRequest, DataKeyAnswer, Resume, Resumed, SessionCheck, LanesLost>;

// Encode and EncodeOpen return the JSON text. A string that is not UTF-8 is sent with U+FFFD in the
// place of what is wrong. The result of a long enough request is larger than kControlSizeMax or
// kOpenRequestMax and cannot be sent: who takes a command line from a user compares first.
std::string Encode(const ControlMessage& message);
std::string EncodeOpen(const OpenRequest& request);

// Decode and DecodeOpen return false, and leave `out` as it was, for anything that is not a legal
// message. Texts that reach a system call (program arguments, names) hold no NUL.
[[nodiscard]] bool Decode(std::string_view json, ControlMessage& out);
[[nodiscard]] bool DecodeOpen(std::string_view json, OpenRequest& out);

}  // namespace engine
