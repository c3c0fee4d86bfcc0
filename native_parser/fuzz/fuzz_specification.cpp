// Any text is a specification or a SpecificationError.
#include "argus/odvd.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    auto made = argus::Specification::parse({reinterpret_cast<const char*>(data), size}, "fuzz");
    static_cast<void>(made.merge(made));
  } catch (const argus::SpecificationError&) {
  }
  return 0;
}
