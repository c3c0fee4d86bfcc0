// Text is made harmless, numbers read back, times are right.
#include <cmath>
#include <random>
#include <set>

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

std::string utf8(std::uint32_t character) {
  const auto byte = [](std::uint32_t bits) { return static_cast<char>(bits); };
  const auto continuation = [&](int shift) { return byte(0x80 | (character >> shift & 0x3F)); };
  if (character < 0x80) return {byte(character)};
  if (character < 0x800) return {byte(0xC0 | character >> 6), continuation(0)};
  if (character < 0x10000) {
    return {byte(0xE0 | character >> 12), continuation(6), continuation(0)};
  }
  return {byte(0xF0 | character >> 18), continuation(12), continuation(6), continuation(0)};
}

// Every character beyond ASCII, and what these begin with.
struct Characters {
  Characters() {
    for (std::uint32_t character = 0x80; character < 0x110000; ++character) {
      if (character >= 0xD800 && character < 0xE000) continue;
      const std::string text = utf8(character);
      // There is a last byte for each beginning, and all of them are alike.
      const std::string beginning = text.substr(0, text.size() - 1);
      whole.insert(beginning);
      for (std::size_t size = 1; size < beginning.size(); ++size) {
        cut.insert(beginning.substr(0, size));
      }
      character |= 0x3F;
    }
  }
  std::set<std::string> whole;  // without their last byte
  std::set<std::string> cut;
};

// The rules as they are told, a character at a time.
std::string plain_safe(const std::string& raw) {
  static const Characters characters;
  std::string text;
  for (std::size_t at = 0; at < raw.size();) {
    const auto first = static_cast<std::uint8_t>(raw[at]);
    if (first < 0x80) {
      const bool stays = first == '\t' || first == '\n' || first == '\r' || first >= 0x20;
      text += first == 0x7F ? utf8(0x2421) : stays ? utf8(first) : utf8(0x2400u + first);
      ++at;
      continue;
    }
    std::size_t size = 1;
    while (at + size < raw.size() && characters.cut.contains(raw.substr(at, size)) &&
           (characters.cut.contains(raw.substr(at, size + 1)) ||
            characters.whole.contains(raw.substr(at, size + 1)))) {
      ++size;
    }
    const std::string part = raw.substr(at, size);
    const bool is_whole = characters.whole.contains(part) && at + size < raw.size() &&
                          (raw[at + size] & 0xC0) == 0x80;
    const std::string character = is_whole ? raw.substr(at, ++size) : std::string();
    text += is_whole && character >= utf8(0xA0) ? character : utf8(0xFFFD);
    at += size;
  }
  return text;
}

void any_bytes_become_what_the_rules_say() {
  std::mt19937 random(1);
  const auto below = [&random](std::size_t many) { return random() % many; };
  for (int round = 0; round < 100'000; ++round) {
    std::string raw;
    const std::size_t size = below(70);
    const bool is_plain = below(2) == 0;
    while (raw.size() < size) {
      const std::size_t kind = is_plain && below(30) != 0 ? 0 : below(6);
      if (kind == 0) raw += static_cast<char>(' ' + below(95));
      if (kind == 1) raw += static_cast<char>(below(256));
      if (kind == 2) raw += utf8(static_cast<std::uint32_t>(below(0x80)));
      if (kind == 3) raw += utf8(static_cast<std::uint32_t>(below(0x900)));
      if (kind == 4) raw += utf8(static_cast<std::uint32_t>(below(0x110000)));
      if (kind == 5) raw += utf8(0x4E00).substr(0, 1 + below(3));
    }
    // A copy of its own, so that a sanitizer sees every read beyond it.
    const std::vector<char> copy(raw.begin(), raw.end());
    CHECK(safe({copy.data(), copy.size()}) == plain_safe(raw));
  }
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

  const Bytes bytes(reinterpret_cast<const std::uint8_t*>("0123456789:;<=>?\xff\x01"), 18);
  CHECK(made([&](Buffer& out) { argus::append_hex(out, bytes); }) ==
        "303132333435363738393a3b3c3d3e3fff01");
  CHECK(made([&](Buffer& out) { argus::append_hex(out, bytes.last(3), '\''); }) == "3f'ff'01");
  CHECK(made([&](Buffer& out) { argus::append_hex(out, {}); }).empty());

  any_bytes_become_what_the_rules_say();
  return argus::test::result();
}
