// Arguments and control messages, each from bytes that were put together by hand.
#include "argus/dlt.hpp"
#include "check.hpp"

namespace {

using argus::Buffer;
using argus::dlt::Fit;
using argus::dlt::Rendered;
using argus::test::Content;

std::string last_text;

Rendered arguments(const Content& payload, unsigned count = 1, bool big_endian = false) {
  Buffer text;
  const Rendered rendered = argus::dlt::render_arguments(payload, count, big_endian, text);
  last_text.assign(reinterpret_cast<const char*>(text.data()), text.size());
  return rendered;
}

bool reads(const Content& payload, std::string_view expected, bool big_endian = false) {
  return arguments(payload, 1, big_endian).fit == Fit::exact && last_text == expected;
}

std::string control(const Content& payload, std::uint8_t subtype) {
  argus::dlt::Header header;
  header.extended = true;
  header.type = 3;
  header.subtype = subtype;
  Buffer text;
  static_cast<void>(argus::dlt::render_control(payload, header, text));
  return {reinterpret_cast<const char*>(text.data()), text.size()};
}

}  // namespace

int main() {
  CHECK(reads({0x10, 0, 0, 0, 1}, "1"));                   // BOOL with TYLE 0
  CHECK(reads({0x11, 8, 0, 0, 2, 0, 'o', 0, 0}, "o: 0"));  // BOOL, VARI
  CHECK(reads({0x21, 0, 0, 0, 0x80}, "-128"));
  CHECK(reads({0, 0, 0, 0x42, 0x01, 0x02}, "258", true));  // big-endian
  CHECK(reads({0x25, 0,    0,    0,    0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF,
               0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF},
              "-1"));
  CHECK(reads({0x45, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0},
              "18446744073709551616"));
  CHECK(reads({0x82, 0, 0, 0, 0x00, 0x3C}, "1"));       // half float
  CHECK(reads({0x42, 0, 1, 0, 0xCD, 0xAB}, "0xabcd"));  // SCOD hex
  CHECK(reads({0x41, 0x80, 1, 0, 5}, "0b0000 0101"));   // SCOD binary
  CHECK(reads({0x42, 0x08, 0, 0, 2, 0, 2, 0, 'n', 0, 'V', 0, 7, 0}, "n: 7 V"));
  // FIXP: 10 * 0.5 + 3
  CHECK(reads({0x41, 0x10, 0, 0, 0, 0, 0, 0x3F, 3, 0, 0, 0, 10}, "8"));
  CHECK(reads({0, 2, 0, 0, 3, 0, 'a', 'b', 'c'}, "abc"));  // no NUL
  CHECK(reads({0, 2, 0, 0, 4, 0, 'a', 'b', 'c', 0}, "abc"));
  CHECK(reads({0, 2, 0, 0, 0, 0}, ""));
  CHECK(reads({0, 4, 0, 0, 2, 0, 0xFE, 0x0F}, "fe'0f"));

  for (const Content& raw : {Content{0x00, 0x01, 0, 0, 1}, Content{0, 0x40, 0, 0, 1},
                             Content{0, 0x20, 0, 0, 1}, Content{0, 0, 0, 0, 1}}) {
    const Rendered kept = arguments(raw);
    CHECK(kept.fit == Fit::unknown && kept.raw.size() == raw.size() && kept.notes != 0);
  }
  CHECK(arguments({0x44, 0, 0, 0, 1}).fit == Fit::too_short);
  CHECK(arguments({0, 2, 0, 0, 9, 0, 'a'}).fit == Fit::too_short);
  CHECK(arguments({0x41, 0, 0}).fit == Fit::too_short);
  CHECK(arguments({}, 2).notes == argus::dlt::note_missing_arguments);
  CHECK(arguments({0x41, 0, 0, 0, 1, 9}).fit == Fit::trailing);
  CHECK(arguments({0x41, 0, 0, 0, 1, 0x41, 0, 0, 0, 2}, 2).fit == Fit::exact && last_text == "1 2");

  CHECK(control({0x13, 0, 0, 0, 0, 3, 0, 0, 0, 'v', '1', 0}, 2) == "get_software_version ok: v1");
  CHECK(control({0x13, 0, 0, 0, 0, 'v', '1', '.', '2', '3'}, 2) ==
        "get_software_version ok: v1.23");
  CHECK(control({0x13, 0, 0, 0}, 1) == "get_software_version");
  CHECK(control({0x14, 0, 0, 0, 0, 5, 0, 0, 0}, 2) ==
        "message_buffer_overflow ok: lost messages 5");
  CHECK(control({0x01, 0xF, 0, 0, 0, 'A', 'P', 'P', 0, 'C', 'T', 'X', '1', 'r', 'e', 'm', 'o'},
                2) == "unregister_context ok: APP CTX1 from remo");
  CHECK(control({0x02, 0xF, 0, 0, 0, 2, 'r', 'e', 'm', 'o'}, 2) ==
        "connection_info ok: connected remo");
  CHECK(control({0x03, 0xF, 0, 0, 0, 0x10, 0x0E, 0, 0, 1}, 2) ==
        "timezone ok: 3600 s from UTC, daylight saving");
  CHECK(control({0x04, 0xF, 0, 0, 0}, 2) == "marker ok");
  CHECK(control({0x03, 0, 0, 0, 7, 1,   0,   'A', 'P', 'P', '1', 1,   0,   'C', 'T', 'X',
                 '1',  4, 0, 2, 0, 'd', 'c', 2,   0,   'd', 'a', 'r', 'e', 'm', 'o'},
                2) == "get_log_info ok: APP1 (CTX1 info trace off \"dc\") \"da\"");
  CHECK(control({0x03, 0, 0, 0, 7, 9, 9, 'A'}, 2) == "get_log_info 07 09 09 41");  // too short
  CHECK(control({0x11, 0x0F, 0, 0, 1}, 1) == "service 3857 01");
  CHECK(control({1, 2}, 1).empty());
  return argus::test::result();
}
