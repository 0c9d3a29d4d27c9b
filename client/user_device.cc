#include "client/user_device.h"

#include <utility>

#include "client/command_output.h"
#include "client/iam_calls.h"
#include "client/json_member.h"
#include "client/say.h"
#include "client/terminal/terminal_question.h"
#include "client/xml_text.h"
#include "engine/crypto/base64.h"

namespace client {
namespace {

// AskCodes shows the device's secret to whoever sits at the terminal, and nobody else, and returns
// what the device shows then.
absl::StatusOr<std::pair<std::string, std::string>> AskCodes(const std::string& user,
                                                             const std::string& seed) {
  const absl::StatusOr<std::string> first = AskTerminal(
      "give this to the device (any authenticator, as a key or a QR code); it is a secret:\n"
      "otpauth://totp/Adit:" +
          user + "?secret=" + seed + "&issuer=Adit\ncode that it shows: ",
      Typed::kShown);
  if (!first.ok()) {
    return absl::FailedPreconditionError(
        "the device's secret is shown on a terminal, and there is none; run this in one");
  }
  const absl::StatusOr<std::string> second =
      AskTerminal("the next code, half a minute later: ", Typed::kShown);
  if (!second.ok()) return second.status();
  return std::pair(*first, *second);
}

// MakeDevice makes one of the user's name; what is left of a question that was not answered goes.
absl::StatusOr<std::string> MakeDevice(ApiClient& api, const std::string& user) {
  const ApiClient::Form wish = {{"VirtualMFADeviceName", user}};
  absl::StatusOr<std::string> made = api.CallIam("CreateVirtualMFADevice", wish);
  if (ApiCodeOf(made.status()) != "EntityAlreadyExists") return made;
  const auto unused = IamList(api, "ListVirtualMFADevices", {{"AssignmentStatus", "Unassigned"}},
                              "VirtualMFADevices");
  if (!unused.ok()) return made;
  for (const std::string& device : *unused) {
    const std::string serial = XmlText(device, "SerialNumber");
    if (!serial.ends_with(":mfa/" + user)) continue;
    const auto gone = api.CallIam("DeleteVirtualMFADevice", {{"SerialNumber", serial}});
    if (gone.ok()) return api.CallIam("CreateVirtualMFADevice", wish);
  }
  return made;
}

}  // namespace

int AddUserDevice(ApiClient& api, const std::string& user) {
  const absl::StatusOr<std::string> made = MakeDevice(api, user);
  if (!made.ok()) return Fail(made.status());
  const std::string serial = XmlText(*made, "SerialNumber");
  const auto seed = engine::crypto::DecodeBase64(XmlText(*made, "Base32StringSeed"));
  absl::Status status = NotOurs("CreateVirtualMFADevice");
  if (seed.has_value()) {
    const auto codes = AskCodes(user, *seed);
    status = codes.status();
    if (codes.ok()) {
      status = api.CallIam("EnableMFADevice", {{"UserName", user},
                                               {"SerialNumber", serial},
                                               {"AuthenticationCode1", codes->first},
                                               {"AuthenticationCode2", codes->second}})
                   .status();
    }
  }
  if (!status.ok()) {
    api.CallIam("DeleteVirtualMFADevice", {{"SerialNumber", serial}}).status().IgnoreError();
    return Fail(status);
  }
  Say(Printable(user) +
      " has a device now; in a profile of ~/.aws/config with a role_arn:\n  mfa_serial = " +
      Printable(serial));
  return 0;
}

}  // namespace client
