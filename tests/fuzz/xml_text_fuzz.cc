// Goal: whatever a relay answers a call of IAM's or STS's with, what is read out of it lies inside
// it. Method: the input is the answer, and every name that is asked for is looked up.

#include <cstdint>
#include <string_view>

#include "client/uri_text.h"
#include "client/xml_text.h"
#include "engine/base/check.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view xml(reinterpret_cast<const char*>(data), size);
  size_t sum = 0;
  for (const std::string_view member : client::XmlMembers(xml, "EvaluationResults")) {
    CHECK(member.data() >= xml.data());
    CHECK(member.data() + member.size() <= xml.data() + xml.size());
    sum += member.size();
    client::XmlMembers(member, "MissingContextValues");
  }
  CHECK(sum <= size);
  for (const char* name : {"Arn", "member", "a", ""}) {
    CHECK(client::XmlText(xml, name).size() <= size);
    const auto inner = client::XmlInner(xml, name);
    CHECK(inner.has_value() == client::XmlElement(xml, name).has_value());
  }
  CHECK(client::UriDecoded(xml).size() <= size);
  return 0;
}
