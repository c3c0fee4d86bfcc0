// The specification language, and errors that say where.
#include "argus/odvd.hpp"
#include "check.hpp"

namespace {

using argus::Specification;

std::string error(std::string_view text) {
  try {
    static_cast<void>(Specification::parse(text, "x.odvd"));
  } catch (const argus::SpecificationError& e) {
    return e.what();
  }
  return "none";
}

bool starts(const std::string& text, std::string_view with) { return text.starts_with(with); }

}  // namespace

int main() {
  const auto whole = Specification::parse(
      "package a.b; // comment\n"
      "/* one\n * more */ message x.Outer [id = -7] {\n"
      "  x.Inner inner [id = 3];\n"
      "  int8 low [default = -128, id = 1]; char c [id=2, default='\\''];\n"
      "  double d [default = 1.5e-3, id = 4]; string s [default = \"a\\\"b\\n\", id = 5];\n"
      "  uint32 h [default = 0xFF, id = 6]; bool b [default = true, id = 7];\n"
      "}\n"
      "message x.Inner [id = 8] { }\n",
      "x.odvd");
  const auto* outer = whole.find(-7);
  CHECK(outer != nullptr && outer->fields.size() == 7);
  CHECK(outer->fields[0].message->name == "x.Inner");
  CHECK(static_cast<std::int64_t>(outer->fields[1].default_bits) == -128);
  CHECK(outer->fields[2].default_bits == '\'');
  CHECK(outer->fields[4].default_text == "a\"b\\n");
  CHECK(outer->fields[5].default_bits == 255);

  CHECK(error("") == "none");
  CHECK(error("hello") == "x.odvd:1:1: found 'hello', expected 'package' or 'message'");
  CHECK(starts(error("message A [id = 1] {\n  uint8 a [id = 1]\n}"),
               "x.odvd:3:1: found '}', expected ';'"));
  CHECK(starts(error("message A [id = 1] { uint9 a [id = 1]; }"),
               "x.odvd:1:22: found the unknown type 'uint9'"));
  CHECK(starts(error("message A [id = 1] { uint8 a [default = 256, id = 1]; }"),
               "x.odvd:1:41: found '256'"));
  CHECK(starts(error("message A [id = 1] { uint8 a [id = 0]; }"), "x.odvd:1:30: found field id 0"));
  CHECK(starts(error("message A [id = 1] { uint8 a [id = -1]; }"), "x.odvd:1:36: found '-1'"));
  CHECK(starts(error("message A [id = 1] { uint8 a [id = 1]; uint8 b [id = 1]; }"),
               "x.odvd:1:40: found field id 1 a second time"));
  CHECK(starts(error("message A [id = 1] { } message B [id = 1] { }"),
               "x.odvd:1:40: found message id 1 a second time"));
  CHECK(starts(error("message A [id = 1] { B b [id = 1]; } message B [id = 2] { A a [id = 1]; }"),
               "x.odvd:1:9: found a message that contains itself: A -> B -> A"));
  CHECK(starts(error("message A [id = 1] { string s [default = \"x"),
               "x.odvd:1:42: found a text without an end"));
  CHECK(starts(error("/* no end"), "x.odvd:1:1: found a comment without an end"));
  CHECK(starts(error("message A [id = 1] { uint8 a [default = 1]; }"),
               "x.odvd:1:30: found a field without an id"));
  CHECK(starts(error("message A [id = 1] { uint8 ä [id = 1]; }"), "x.odvd:1:28: found 'ä'"));

  // A chain is refused by its depth before it is followed to its end.
  std::string chain;
  for (int i = 0; i < 50'000; ++i) {
    const std::string next = std::to_string(i + 1);
    chain +=
        "message M" + std::to_string(i) + " [id = " + next + "] { M" + next + " m [id = 1]; }\n";
  }
  CHECK(error(chain).find("levels") != std::string::npos);

  auto merged = Specification::parse("message A [id = 1] { uint8 a [id = 1]; }", "a");
  const auto other =
      Specification::parse("message A [id = 1] { uint8 a [id = 1]; } message B [id = 2] { } ", "b");
  CHECK(merged.merge(other).empty());
  CHECK(merged.find(2) != nullptr);
  const auto differs = Specification::parse("message A [id = 1] { uint8 z [id = 1]; }", "c");
  CHECK(merged.merge(differs).size() == 1);
  return argus::test::result();
}
