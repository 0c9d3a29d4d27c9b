// Goal: a value is never parsed by the shell that runs a document's command.
// Method: hostile values at every kind of place; the script is run by the real sh, and what its
// program was given is compared with the value.

#include "relay/documents/command_template.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <vector>

#include "engine/wire/command_line.h"
#include "relay/documents/placeholder.h"

namespace relay {
namespace {

std::string RunScript(const std::string& script) {
  const std::vector<std::string> arguments = {"sh", "-c", script};
  FILE* pipe = ::popen(engine::JoinCommand(arguments).c_str(), "r");
  std::string output;
  char bytes[4096];
  while (const size_t size = std::fread(bytes, 1, sizeof(bytes), pipe)) output.append(bytes, size);
  ::pclose(pipe);
  return output;
}

const std::vector<std::string> kHostile = {
    "plain",           "a b",      "$(echo hit)", "`echo hit`", "; echo hit", "\" ; echo hit; \"",
    "' ; echo hit; '", "${HOME}",  "\\",          "a\nb",       "*",          "-n",
    "{{ x }}",         "$'\\x41'", "&& echo hit", "\xC3\xA9",   "#",          ""};

TEST(CommandTemplate, ValuesReachTheProgramAsTheyAre) {
  for (const std::string& value : kHostile) {
    for (const char* text :
         {"printf '[%s]' {{ x }}", "printf '[%s]' \"{{x}}\"", "printf '[%s]' '{{ x }}'",
          "y={{ x }}; printf '[%s]' \"$y\"", "printf '[%s]' \"\"'{{ x }}'",
          "if true; then printf '[%s]' {{x}}; fi"}) {
      EXPECT_EQ(RunScript(FillScript(text, {{"x", {value}}})), "[" + value + "]") << text;
    }
  }
}

TEST(CommandTemplate, NothingOfAValueRunsWhereverItStands) {
  for (const std::string& value : kHostile) {
    if (value.find("hit") == std::string::npos) continue;
    for (const char* text :
         {"cat > /dev/null <<X\n{{ x }}\nX", "# {{ x }}", "true \\{{ x }}", ": \"$(: {{ x }})\"",
          ": `: {{ x }}`", "cat > /dev/null <<X\ndon't {{ x }}\nX", ": $(( 1 )) {{ x }}"}) {
      EXPECT_EQ(RunScript(FillScript(text, {{"x", {value}}})).find("hit"), std::string::npos)
          << text << " with " << value;
    }
  }
}

TEST(CommandTemplate, AListIsAWordForEachValue) {
  EXPECT_EQ(RunScript(FillScript("printf '[%s]' {{ x }} end", {{"x", {"a b", "$c", ""}}})),
            "[a b][$c][][end]");
  EXPECT_EQ(RunScript(FillScript("printf '[%s]' {{ x }} end", {{"x", {}}})), "[end]");
}

TEST(CommandTemplate, WithoutAShellValuesAreWords) {
  for (const std::string& value : kHostile) {
    const auto line = FillWords("prog --x={{ x }} '{{x}}' \"{{ x }}\" {{ x }}", {{"x", {value}}});
    ASSERT_TRUE(line.ok());
    const std::vector<std::string> want = {"prog", "--x=" + value, value, value, value};
    EXPECT_EQ(*engine::SplitCommand(*line), want);
  }
  EXPECT_EQ(*FillWords("p {{ x }} e", {{"x", {"a b", "c"}}}), "p 'a b' c e");
  for (const char* bad : {"", "  ", "a 'b", "a \"b", "a\\", "{{ x }}", "''", "a \x01"}) {
    EXPECT_FALSE(FillWords(bad, {{"x", {""}}}).ok()) << bad;
  }
}

TEST(CommandTemplate, AValueThatStandsManyTimesDoesNotGrowWithoutBound) {
  std::string text = "prog";
  std::string glued = "prog ";
  for (int i = 0; i < 1000; ++i) {
    text += " {{ x }}";
    glued += "{{ x }}";
  }
  const ParameterValues values = {{"x", std::vector<std::string>(256, std::string(1000, 'v'))}};
  EXPECT_FALSE(FillWords(text, values).ok());
  EXPECT_FALSE(FillWords(glued, values).ok());
  EXPECT_LT(FillPlaceholders(glued, values).size(), size_t{512} * 1024);
}

TEST(CommandTemplate, OnePlaceholderAloneIsTold) {
  EXPECT_EQ(WholePlaceholder(" {{ command }}\n"), "command");
  for (const char* text : {"", "x {{ command }}", "{{ a }}{{ b }}", "{{}}", "{ { a } }"}) {
    EXPECT_EQ(WholePlaceholder(text), "") << text;
  }
}

TEST(CommandTemplate, PlaceholdersAreFilledOnceAndBracesWithoutANameAreText) {
  EXPECT_EQ(FillPlaceholders("{{{ a }}} {{ }} {{a}}", {{"a", {"{{ a }}"}}}),
            "{{{ a }}} {{ }} {{ a }}");
  EXPECT_FALSE(SplitPlaceholders("{{ ssm:secret }}").ok());
}

}  // namespace
}  // namespace relay
