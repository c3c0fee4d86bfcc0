// Text is made harmless, numbers read back, times are right.
#include <cmath>

#include "argus/text.hpp"
#include "check.hpp"

namespace {

using argus::Buffer;
using argus::Bytes;

std::string safe(std::string_view raw) {
  return argus::safe_text({reinterpret_cast<const std::uint8_t*>(raw.data()), raw.size()});
}

template <class Append>
std::string made(const Append& append) {
  Buffer out;
  append(out);
  return {reinterpret_cast<const char*>(out.data()), out.size()};
}

std::string time_text(std::int64_t nanoseconds) {
  return made([=](Buffer& out) { argus::TimestampWriter().append(out, nanoseconds); });
}

}  // namespace

int main() {
  using namespace std::string_literals;
  CHECK(safe("plain text of more than eight bytes") == "plain text of more than eight bytes");
  CHECK(safe("tab\tline\r\n") == "tab\tline\r\n");
  CHECK(safe("a\0b"s) ==
        "a\xE2\x90\x80"
        "b");
  CHECK(safe("\x1b[31m") == "\xE2\x90\x9B[31m");
  CHECK(safe("\x7f") == "\xE2\x90\xA1");
  CHECK(safe("ä日本😀") == "ä日本😀");
  CHECK(safe("\xC2\x85") == "\xEF\xBF\xBD");                                // a C1 control
  CHECK(safe("\xC0\xAF") == "\xEF\xBF\xBD\xEF\xBF\xBD");                    // overlong
  CHECK(safe("\xED\xA0\x80x") == "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBDx");  // a surrogate
  CHECK(safe("\xF0\x9F\x98") == "\xEF\xBF\xBD");  // cut off: one maximal part
  CHECK(safe("\xE6\x97z") == "\xEF\xBF\xBDz");
  CHECK(safe("1234567\x80") == "1234567\xEF\xBF\xBD");

  CHECK(time_text(0) == "1970-01-01T00:00:00.000000000Z");
  CHECK(time_text(1760000000014263000) == "2025-10-09T08:53:20.014263000Z");
  CHECK(time_text(-1) == "1969-12-31T23:59:59.999999999Z");
  CHECK(time_text(951'782'400'000'000'000) == "2000-02-29T00:00:00.000000000Z");
  CHECK(time_text(INT64_MIN) == "1677-09-21T00:12:43.145224192Z");
  CHECK(time_text(INT64_MAX) == "2262-04-11T23:47:16.854775807Z");

  CHECK(argus::half_to_float(0x3C00) == 1.0f);
  CHECK(argus::half_to_float(0xC000) == -2.0f);
  CHECK(argus::half_to_float(0x0001) == std::ldexp(1.0f, -24));
  CHECK(std::isinf(argus::half_to_float(0x7C00)));
  CHECK(std::isnan(argus::half_to_float(0x7E00)));
  CHECK(made([](Buffer& out) { argus::append_float(out, 0.1f); }) == "0.1");
  CHECK(made([](Buffer& out) { argus::append_float(out, -INFINITY); }) == "-inf");
  CHECK(made([](Buffer& out) { argus::append_float(out, std::nan("")); }) == "NaN");
  CHECK(made([](Buffer& out) {
          argus::append_integer128(out, static_cast<unsigned __int128>(1) << 127, true);
        }) == "-170141183460469231731687303715884105728");
  return argus::test::result();
}
