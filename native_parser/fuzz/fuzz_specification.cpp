// Any text is a specification that keeps its promises, or an error that says where. The text ends
// at the first NUL; what follows is a recording that is read with the specification.
#include "harness.hpp"

namespace {

using argus::Kind;
using argus::MessageSpecification;
using argus::Specification;

[[nodiscard]] std::size_t columns(const MessageSpecification& message, int level) {
  REQUIRE(level <= 1024);
  std::size_t count = 0;
  for (std::size_t i = 0; i < message.fields.size(); ++i) {
    const auto& field = message.fields[i];
    REQUIRE(field.id > 0 && !field.name.empty());
    for (std::size_t k = 0; k < i; ++k) {
      REQUIRE(message.fields[k].id != field.id && message.fields[k].name != field.name);
    }
    REQUIRE((field.kind == Kind::message) == (field.message != nullptr));
    count += field.message ? columns(*field.message, level + 1) : 1;
  }
  return count;
}

void check_error(std::string_view error) {
  // source:line:column: what
  REQUIRE(error.starts_with("fuzz:"));
  error.remove_prefix(5);
  for (int number = 0; number < 2; ++number) {
    const auto digits = error.find_first_not_of("0123456789");
    REQUIRE(digits != 0 && digits != std::string_view::npos && error[digits] == ':');
    error.remove_prefix(digits + 1);
  }
  REQUIRE(argus::fuzz::is_utf8(error));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace argus::fuzz;
  const std::string_view input{reinterpret_cast<const char*>(data), size};
  const std::string_view text = input.substr(0, input.find('\0'));
  std::shared_ptr<Specification> made;
  try {
    made = std::make_shared<Specification>(Specification::parse(text, "fuzz"));
  } catch (const argus::SpecificationError& error) {
    check_error(error.what());
    return 0;
  }
  for (const auto& [id, message] : made->messages()) {
    REQUIRE(message->id == id && made->find(id) == message.get());
    REQUIRE(columns(*message, 1) <= 1024);
  }
  const auto count = made->messages().size();
  auto again = Specification::parse(std::string(text) + "\n// as before", "fuzz");
  REQUIRE(made->merge(again).empty() && made->messages().size() == count);
  if (text.size() < size) {
    const auto recording = argus::Bytes(data, size).subspan(text.size() + 1);
    check_accounts(parse(recording, {made, nullptr, nullptr}), recording.size());
  }
  return 0;
}
