#include "relay/relay.h"

#include <cstdio>
#include <fstream>
#include <functional>
#include <iterator>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "engine/base/log.h"
#include "engine/platform/service_manager.h"
#include "engine/platform/wall_clock.h"
#include "engine/tls/tls_context.h"
#include "engine/wire/host_port.h"
#include "engine/wire/protocol_names.h"
#include "relay/control_desk.h"
#include "relay/control_thread.h"
#include "relay/first_start.h"
#include "relay/listener.h"
#include "relay/loop_thread.h"
#include "relay/switchboard/switchboard.h"

namespace relay {

using engine::log::Level;

namespace {

// Pools are address space until used: every client's link may hold LinkBudget::kHeldMax, and this
// is where the sum ends.
constexpr uint16_t kBlocksPerLoop = 32 * 1024;
constexpr uint16_t kDefaultPort = 443;
constexpr engine::Duration kStopGrace = std::chrono::seconds(5);
constexpr int64_t kIdentityCheckSeconds = 24 * 3600;

absl::StatusOr<std::string> ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::string text((std::istreambuf_iterator<char>(file)), {});
  if (!file.good() && !file.eof()) text.clear();
  if (text.empty()) {
    return absl::NotFoundError("cannot read " + path + ": check that it is there and readable");
  }
  return text;
}

// OperatorIdentity reads --tls-cert and --tls-key.
absl::StatusOr<engine::TlsIdentity> OperatorIdentity(const Config& config) {
  absl::StatusOr<std::string> chain = ReadFile(config.tls_certificate);
  if (!chain.ok()) return chain.status();
  absl::StatusOr<std::string> key = ReadFile(config.tls_key);
  if (!key.ok()) return key.status();
  return engine::TlsIdentity{*std::move(chain), *std::move(key)};
}

absl::StatusOr<engine::HostPort> AdvertiseOf(const Config& config, uint16_t default_port) {
  const std::string own_name = config.host_name.empty() ? "localhost" : config.host_name;
  return engine::ParseHostPort(config.advertise.empty() ? own_name : config.advertise,
                               default_port);
}

StateOptions StateOptionsOf(const Config& config, engine::HostPort advertise) {
  return {.directory = config.state_directory,
          .advertise = std::move(advertise),
          .host_name = config.host_name,
          .master_key_file = config.master_key_file,
          .credentials_directory = config.credentials_directory,
          .operator_chain_pem = {}};
}

void PrintInvitations(const Invitations& invitations) {
  std::printf(
      "This is the first start. The two lines below are shown once, and are secret.\n\n"
      "To administer from your machine, run `adit login` there and paste:\n\n%s\n\n"
      "To enrol the first node (within 24 hours), run `sudo adit-agent enroll` there and "
      "paste:\n\n%s\n\n",
      invitations.login.c_str(), invitations.enroll.c_str());
  std::fflush(stdout);
}

}  // namespace

struct Relay::State {
  Config config;
  StateOptions state_options;
  engine::HostPort advertise;
  std::optional<engine::crypto::Issuer> authority;  // Always there once the state is open.
  std::unique_ptr<engine::TlsContext> tls;
  std::unique_ptr<ControlDesk> desk;
  std::vector<std::unique_ptr<LoopThread>> loops;
  uint32_t next_loop = 0;        // On the first loop's thread.
  int64_t identity_checked = 0;  // On the control thread.

  engine::TlsServerOptions ServerOptions(engine::TlsIdentity identity) const {
    engine::TlsServerOptions options;
    options.identity = std::move(identity);
    options.client_authority_pem = authority->certificate.Pem();
    options.protocols = {"adit/1", std::string(engine::kJoinProtocol),
                         std::string(engine::kApiProtocol), "http/1.1"};
    return options;
  }
  absl::Status StartLoops(int listener);
  void Place(Switchboard& first, Greeting greeting);
  void CheckIdentity();
};

absl::Status Relay::State::StartLoops(int listener) {
  const uint32_t count = config.loops != 0 ? config.loops : LoopThread::CountOfCores();
  config.loop.block_count = kBlocksPerLoop;
  std::vector<LoopPort*> threads;
  const auto handshakes = std::make_shared<std::atomic<size_t>>(0);
  for (uint32_t index = 0; index < count; ++index) {
    auto thread = LoopThread::Start(
        config.loop, [this, index, count, handshakes](engine::LoopDriver& driver) {
          Switchboard::Options options;
          options.handshakes = handshakes;
          options.handshakes_max *= count;
          options.index = index;
          options.locate = [this](const std::string& id) { return desk->directory().Locate(id); };
          options.post = [this](uint32_t loop, std::function<void(Switchboard&)> task) {
            static_cast<void>(loops[loop]->Tell(std::move(task)));
          };
          return std::make_unique<Switchboard>(options, driver, *tls, *desk);
        });
    if (!thread.ok()) return thread.status();
    threads.push_back(thread->get());
    loops.push_back(*std::move(thread));
  }
  const absl::Status opened = desk->Open(std::move(threads), engine::BootId());
  if (!opened.ok()) return opened;
  const bool posted = loops[0]->Post([this, listener](Switchboard& first) {
    first.Listen(first.loop().Adopt(listener),
                 [this, &first](Greeting greeting) { Place(first, std::move(greeting)); });
  });
  CHECK(posted);
  return absl::OkStatus();
}

// Place hands a socket to the loop that its client named, or to each in turn. One that cannot take
// it, because it is stopping or has too much to do, leaves it to this one, which tells a client
// that came for a session where to come again.
void Relay::State::Place(Switchboard& first, Greeting greeting) {
  const uint32_t index =
      greeting.loop_index.value_or(next_loop++) % static_cast<uint32_t>(loops.size());
  if (index != first.index()) {
    const auto descriptor = static_cast<int>(greeting.socket.handle);
    first.loop().Release(greeting.socket);
    const bool posted = loops[index]->Post(
        [descriptor, bytes = std::string(engine::AsText(greeting.first_bytes.bytes())),
         counted = first.CountHandshake()](Switchboard& switchboard) {
          switchboard.AdoptCopy(descriptor, bytes);
        });
    if (posted) return;
    greeting.socket = first.loop().Adopt(descriptor);
  }
  first.Adopt(greeting.socket, std::move(greeting.first_bytes));
}

// CheckIdentity renews the relay's own certificate long before it ends.
void Relay::State::CheckIdentity() {
  const int64_t now = engine::UnixNow();
  if (!config.tls_certificate.empty()) return;
  // A clock that was ahead and is right again would put it off for as long as it was.
  const bool was_set_back = now < identity_checked;
  if (!was_set_back && now - identity_checked < kIdentityCheckSeconds) return;
  identity_checked = now;
  const auto opened = OpenServerIdentity(state_options, *authority, engine::UnixNowMs());
  if (opened.ok() && !opened->renewed) return;
  const absl::Status status =
      opened.ok()
          ? tls->Reload(ServerOptions({opened->identity.chain_pem, opened->identity.key_pem}))
          : opened.status();
  engine::log::Write(status.ok() ? Level::kInfo : Level::kError, "server_certificate_renewed",
                     {{"result", status.ok() ? "ok" : std::string(status.message())}});
}

Relay::Relay(std::unique_ptr<State> state) : state_(std::move(state)) {}

Relay::~Relay() { Stop(); }

absl::StatusOr<std::unique_ptr<Relay>> Relay::Start(const Config& config) {
  const absl::StatusOr<Listener> listener = OpenListener(config);
  if (!listener.ok()) return listener.status();
  auto owned = std::make_unique<State>();
  State& state = *owned;
  std::unique_ptr<Relay> relay(new Relay(std::move(owned)));
  state.config = config;

  const absl::StatusOr<engine::HostPort> advertise = AdvertiseOf(config, listener->port);
  if (!advertise.ok()) return advertise.status();

  state.state_options = StateOptionsOf(config, *advertise);
  std::optional<engine::TlsIdentity> operators;
  if (!config.tls_certificate.empty()) {
    absl::StatusOr<engine::TlsIdentity> read = OperatorIdentity(config);
    if (!read.ok()) return read.status();
    state.state_options.operator_chain_pem = read->certificate_chain_pem;
    operators = *std::move(read);
  }
  absl::StatusOr<RelayState> opened = OpenState(state.state_options, engine::UnixNowMs());
  if (!opened.ok()) return opened.status();
  state.authority = opened->authority;
  state.identity_checked = engine::UnixNow();
  const engine::TlsIdentity own{opened->server.chain_pem, opened->server.key_pem};
  auto tls = engine::TlsContext::Server(state.ServerOptions(operators.value_or(own)));
  if (!tls.ok()) return tls.status();
  state.tls = *std::move(tls);
  state.desk = std::make_unique<ControlDesk>(
      std::move(opened->store), std::move(opened->outbox), std::move(opened->authority),
      engine::FormatHostPort(*advertise), [&state] { state.CheckIdentity(); },
      [](std::function<void()> tick, TaskLine::Batch batch) {
        return std::make_unique<ControlThread>(std::move(tick), std::move(batch));
      });
  const absl::Status started = state.StartLoops(listener->descriptor);
  if (!started.ok()) return started;

  if (opened->invitations.has_value()) PrintInvitations(*opened->invitations);
  const std::string where = engine::FormatHostPort(*advertise);
  engine::log::Write(Level::kInfo, "relay_ready",
                     {{"listen", config.listen},
                      {"port", unsigned{listener->port}},
                      {"advertise", where},
                      {"loops", static_cast<uint64_t>(state.loops.size())}});
  engine::ServiceManager(config.notify_socket).Ready("serving " + where);
  return relay;
}

void Relay::ReloadCertificate() {
  if (state_->config.tls_certificate.empty()) return;
  const absl::StatusOr<engine::TlsIdentity> identity = OperatorIdentity(state_->config);
  const absl::Status status =
      identity.ok() ? state_->tls->Reload(state_->ServerOptions(*identity)) : identity.status();
  engine::log::Write(status.ok() ? Level::kInfo : Level::kError, "certificate_reloaded",
                     {{"result", status.ok() ? "ok" : std::string(status.message())}});
}

void Relay::Stop() {
  if (state_->loops.empty()) return;
  engine::ServiceManager(state_->config.notify_socket).Stopping("saying goodbye");
  // All loops drain at the same time; the control thread still answers them meanwhile.
  for (const auto& loop : state_->loops) loop->AskToStop(kStopGrace);
  for (const auto& loop : state_->loops) loop->Join();
  state_->desk.reset();
  state_->loops.clear();
  engine::log::Write(Level::kInfo, "relay_stopped");
}

absl::Status RotateMasterKeyFile(const Config& config) {
  const StateOptions options = StateOptionsOf(config, {});
  if (absl::Status status = StateIsThere(options); !status.ok()) return status;
  absl::StatusOr<LocatedKey> old = LoadMasterKeyFor(options);
  if (!old.ok()) return old.status();
  if (old->is_credential) {
    return absl::FailedPreconditionError(
        "the master key is systemd's credential, " + old->file +
        ": a copy, and the file behind it would keep the old key. As root, name the file in "
        "LoadCredential= of adit-relay.service: adit-relay rotate-master-key --state " +
        config.state_directory + " --master-key /etc/adit/master.key");
  }
  const std::string database = config.state_directory + "/adit.db";
  auto store = OpenStore({.path = database}, old->key, old->file);
  if (!store.ok()) return store.status();
  old =
      LoadMasterKeyFor(options);  // Another one, when this finished a rotation that was cut short.
  if (!old.ok()) return old.status();
  return RotateMasterKey(**store, old->file, old->key, NewMasterKey());
}

absl::Status RecoverAdmin(const Config& config) {
  const absl::StatusOr<engine::HostPort> advertise = AdvertiseOf(config, kDefaultPort);
  if (!advertise.ok()) return advertise.status();
  StateOptions options = StateOptionsOf(config, *advertise);
  if (!config.tls_certificate.empty()) {
    absl::StatusOr<std::string> chain = ReadFile(config.tls_certificate);
    if (!chain.ok()) return chain.status();
    options.operator_chain_pem = *std::move(chain);
  }
  const absl::StatusOr<std::string> line = RecoverAdministrator(options, engine::UnixNowMs());
  if (!line.ok()) return line.status();
  std::fprintf(stderr,
               "adit-relay: the user admin is new, with this key alone; it is a secret, and shown "
               "once. Start the relay, then run `adit login` on your machine and paste:\n");
  std::printf("%s\n", line->c_str());
  return std::fflush(stdout) == 0
             ? absl::OkStatus()
             : absl::DataLossError("the line could not be written; run it again");
}

}  // namespace relay
