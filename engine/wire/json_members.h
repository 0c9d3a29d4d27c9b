// Internal to engine/wire and engine/datachannel: taking members out of foreign JSON, and putting
// ours in.

#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/wire/control.h"

namespace engine::json {

using Json = nlohmann::json;

// Maxima of single members, in bytes. The message as a whole is bounded by its frame; these keep
// what is logged or stored per link small.
inline constexpr size_t kNameMax = 256;  // Roles, names, ids, platforms.
inline constexpr size_t kTokenMax = 4096;
inline constexpr size_t kHostMax = 255;  // RFC 1035, section 2.3.4.
inline constexpr size_t kTerminalMax = 64;
inline constexpr size_t kSignalMax = 16;
inline constexpr size_t kFeaturesMax = 64;
inline constexpr size_t kAnyMax = kControlSizeMax;

bool Read(const Json& json, StreamKey& out);

// Reader takes members out of one object and remembers whether all of them were legal. A member
// that is absent keeps its default; Required says that it must be there.
class Reader {
 public:
  explicit Reader(const Json& object) : object_(object) {}

  bool ok() const { return ok_; }

  Reader& Required(const char* name) {
    if (!object_.contains(name)) ok_ = false;
    return *this;
  }

  Reader& Text(const char* name, std::string& out, size_t size_max = kNameMax) {
    const Json* member = Find(name);
    if (member == nullptr) return *this;
    const std::string* text = member->get_ptr<const std::string*>();
    if (!IsLegalText(text, size_max)) return Fail();
    out = *text;
    return *this;
  }

  Reader& Texts(const char* name, std::vector<std::string>& out, size_t count_max,
                size_t size_max) {
    const Json* member = Find(name);
    if (member == nullptr) return *this;
    if (!member->is_array() || member->size() > count_max) return Fail();
    out.clear();
    for (const Json& element : *member) {
      const std::string* text = element.get_ptr<const std::string*>();
      if (!IsLegalText(text, size_max)) return Fail();
      out.push_back(*text);
    }
    return *this;
  }

  template <class Integer>
  Reader& Number(const char* name, Integer& out, uint64_t min, uint64_t max) {
    const Json* member = Find(name);
    if (member == nullptr) return *this;
    const uint64_t* number = member->get_ptr<const Json::number_unsigned_t*>();
    if (number == nullptr || *number < min || *number > max) return Fail();
    out = static_cast<Integer>(*number);
    return *this;
  }

  Reader& Flag(const char* name, bool& out) {
    const Json* member = Find(name);
    if (member == nullptr) return *this;
    const bool* flag = member->get_ptr<const bool*>();
    if (flag == nullptr) return Fail();
    out = *flag;
    return *this;
  }

  // Object takes a member that is an object itself.
  template <class Value>
  Reader& Object(const char* name, std::optional<Value>& out) {
    const Json* member = Find(name);
    if (member == nullptr) return *this;
    if (!member->is_object() || !Read(*member, out.emplace())) return Fail();
    return *this;
  }

  Reader& Size(TerminalSize& out) {
    Number("columns", out.columns, 0, kTerminalCellsMax);
    return Number("rows", out.rows, 0, kTerminalCellsMax);
  }

  Reader& Limits(StreamLimits& out) {
    Number("idle_seconds_max", out.idle_seconds_max, 0, std::numeric_limits<uint32_t>::max());
    return Number("seconds_max", out.seconds_max, 0, std::numeric_limits<uint32_t>::max());
  }

 private:
  static bool IsLegalText(const std::string* text, size_t size_max) {
    return text != nullptr && text->size() <= size_max && text->find('\0') == std::string::npos;
  }
  const Json* Find(const char* name) const {
    const auto found = object_.find(name);
    return found == object_.end() ? nullptr : &*found;
  }
  Reader& Fail() {
    ok_ = false;
    return *this;
  }

  const Json& object_;
  bool ok_ = true;
};

// ParseObject returns a discarded value unless `json` is one object within its maxima.
Json ParseObject(std::string_view json, size_t size_max);

// Put leaves empty texts out: absent and empty mean the same.
void Put(Json& json, const char* name, const std::string& text);
void Put(Json& json, const TerminalSize& size);
void Put(Json& json, const char* name, const std::optional<StreamKey>& key);
void Put(Json& json, const StreamLimits& limits);  // Those that there are.

// Dump returns the text; what is not UTF-8 in a string becomes U+FFFD.
std::string Dump(const Json& json);

// TypeOf returns the member "type", or an empty text, which is no type.
std::string TypeOf(const Json& json);

// Read returns false when a member is missing or not legal; Write puts the members in. One pair per
// message: in control.cc ...
bool Read(const Json& json, Hello& out);
bool Read(const Json& json, Resize& out);
bool Read(const Json& json, Signal& out);
bool Read(const Json& json, Exit& out);
bool Read(const Json& json, RenewCertificate& out);
bool Read(const Json& json, CertificateRenewed& out);
bool Read(const Json& json, Notice& out);
bool Read(const Json& json, ShellRequest& out);
bool Read(const Json& json, ExecRequest& out);
bool Read(const Json& json, TcpRequest& out);
bool Read(const Json& json, GrantedRequest& out);
void Write(Json& json, const Hello& message);
void Write(Json& json, const Resize& message);
void Write(Json& json, const Signal& message);
void Write(Json& json, const Exit& message);
void Write(Json& json, const RenewCertificate& message);
void Write(Json& json, const CertificateRenewed& message);
void Write(Json& json, const Notice& message);
void Write(Json& json, const ShellRequest& message);
void Write(Json& json, const ExecRequest& message);
void Write(Json& json, const TcpRequest& message);
void Write(Json& json, const GrantedRequest& message);
// ... and, of sealed sessions, in control_sealed.cc.
bool Read(const Json& json, SessionOffer& out);
bool Read(const Json& json, SessionAnswer& out);
bool Read(const Json& json, LaneOffer& out);
bool Read(const Json& json, SessionStop& out);
bool Read(const Json& json, SessionOver& out);
bool Read(const Json& json, SessionCheck& out);
bool Read(const Json& json, LanesLost& out);
bool Read(const Json& json, StreamNews& out);
bool Read(const Json& json, Join& out);
bool Read(const Json& json, Joined& out);
bool Read(const Json& json, Resume& out);
bool Read(const Json& json, Resumed& out);
void Write(Json& json, const SessionOffer& message);
void Write(Json& json, const SessionAnswer& message);
void Write(Json& json, const LaneOffer& message);
void Write(Json& json, const SessionStop& message);
void Write(Json& json, const SessionOver& message);
void Write(Json& json, const SessionCheck& message);
void Write(Json& json, const LanesLost& message);
void Write(Json& json, const StreamNews& message);
void Write(Json& json, const Join& message);
void Write(Json& json, const Joined& message);
void Write(Json& json, const Resume& message);
void Write(Json& json, const Resumed& message);
// ... and, of encrypted sessions, in control_keys.cc, as Read(StreamKey).
bool Read(const Json& json, DataKeyRequest& out);
bool Read(const Json& json, DataKeyAnswer& out);
void Write(Json& json, const DataKeyRequest& message);
void Write(Json& json, const DataKeyAnswer& message);

// ReadAs moves a legal message into `out` and leaves `out` alone otherwise.
template <class Message, class Variant>
bool ReadAs(const Json& json, Variant& out) {
  Message message;
  if (!Read(json, message)) return false;
  out = std::move(message);
  return true;
}

}  // namespace engine::json
