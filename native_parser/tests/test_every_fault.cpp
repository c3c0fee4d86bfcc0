// One fault costs at most one message. Tried exhaustively on small recordings: every byte changed
// to every other value, every cut at either end, every byte left out, and bytes put in everywhere.
//
// All messages but one have to be found where they are, with all that was in them, and at most one
// row may come out that was no message: what became of the one with the fault in it. Some values are
// tried of each byte; with ARGUS_EVERY_FAULT=all, where no sanitizer makes it slow, all of them.
#include <algorithm>
#include <array>
#include <charconv>
#include <map>

#include "argus/odvd.hpp"
#include "made.hpp"

namespace {

using namespace argus::test;
using argus::Bytes;
using argus::Specification;
using SpecificationPtr = std::shared_ptr<const Specification>;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool sanitized = true;
#elif defined(__has_feature)
constexpr bool sanitized = __has_feature(address_sanitizer) || __has_feature(thread_sanitizer);
#else
constexpr bool sanitized = false;
#endif

// Between two rows of CSV: no text holds these bytes, and no single fault makes them.
constexpr std::string_view row_end = "\n\x1E\x1F\n";

struct Row {
  std::size_t offset;
  std::string content;  // its table, and all of its values but the offset
};

struct Outcome {
  std::vector<Row> rows;  // by offset
  bool adds_up;
};

[[nodiscard]] Outcome run(Bytes bytes, const SpecificationPtr& specification) {
  static argus::Buffer csv;
  static const argus::CsvOptions options{false, ',', std::string(row_end)};
  argus::Parser parser({specification, nullptr, nullptr});
  parser.feed(bytes);
  parser.finish();
  Outcome outcome{{}, parser.decoded_bytes() + parser.quarantined_bytes() == bytes.size()};
  std::size_t tables = 0;
  for (const auto& batch : parser.take()) {
    ++tables;
    csv.clear();
    write_csv(*batch, options, csv);
    std::string_view text(reinterpret_cast<const char*>(csv.data()), csv.size());
    while (!text.empty()) {
      const std::size_t comma = text.find(',');
      const std::size_t end = text.find(row_end);
      Row row{0, batch->schema->table};
      std::from_chars(text.data(), text.data() + comma, row.offset);
      row.content += text.substr(comma, end - comma);
      outcome.rows.push_back(std::move(row));
      text.remove_prefix(end + row_end.size());
    }
  }
  if (tables > 1) {
    std::sort(outcome.rows.begin(), outcome.rows.end(),
              [](const Row& a, const Row& b) { return a.offset < b.offset; });
  }
  return outcome;
}

struct Recording {
  std::string_view name;
  Content bytes;
  std::vector<std::size_t> starts;  // of its messages, and the end of the last one
  SpecificationPtr specification;
  // Bytes left out at the border of two bare messages that leave two readings: the first message is
  // whole and the second lost its first byte, or the first lost its last byte, which happens to be
  // what the second may begin with. Which one was meant no byte tells.
  std::size_t ambiguous = 0;
  std::vector<Row> rows{};

  void add(const Content& message) {
    if (starts.empty()) starts.push_back(0);
    append(bytes, message);
    starts.push_back(bytes.size());
  }
};

// What was done to a recording: `removed` bytes at `at` gave way to `added` ones.
struct Fault {
  std::string_view kind;
  std::size_t at;
  std::size_t removed;
  std::size_t added;
  int value;  // of what was put in, or -1
};

class Trial {
 public:
  explicit Trial(const Recording& recording) : recording_(recording) {}

  void run_all(bool every_value) {
    const Content& whole = recording_.bytes;
    Content bytes = whole;
    for (std::size_t at = 0; at < whole.size(); ++at) {
      for (int change = 1; change < 256; change = every_value ? change + 1 : change * 4) {
        bytes[at] = static_cast<std::uint8_t>(whole[at] ^ change);
        check(bytes, {"changed", at, 1, 1, bytes[at]});
      }
      bytes[at] = whole[at];
    }
    for (std::size_t at = 0; at < whole.size(); ++at) {
      check(Bytes(whole).first(at), {"cut at the end", at, whole.size() - at, 0, -1});
      check(Bytes(whole).subspan(at), {"cut at the head", 0, at, 0, -1});
    }
    bytes.erase(bytes.begin());
    for (std::size_t at = 0; at < whole.size(); ++at) {
      check(bytes, {"left out", at, 1, 0, -1});
      if (at < bytes.size()) bytes[at] = whole[at];
    }
    bytes = whole;
    bytes.insert(bytes.begin(), 0);
    for (std::size_t at = 0; at <= whole.size(); ++at) {
      const auto before = static_cast<std::uint8_t>(at > 0 ? whole[at - 1] : 0xFF);
      const std::array<std::uint8_t, 6> values{before, 0x00, 0xFF, 0x01, 0x0D, 'D'};
      for (const std::uint8_t value : Bytes(values).first(every_value ? 6 : 2)) {
        bytes[at] = value;
        check(bytes, {"put in", at, 0, 1, value});
      }
      if (at < whole.size()) bytes[at] = whole[at];
    }
  }

  void report() const {
    std::printf("%.*s: %zu messages in %zu bytes, %zu faults\n",
                static_cast<int>(recording_.name.size()), recording_.name.data(),
                recording_.rows.size(), recording_.bytes.size(), tried_);
    for (const auto& [outcome, times] : outcomes_) {
      std::printf("  %zu lost, %zu made up: %zu times\n", outcome.first, outcome.second, times);
    }
  }

 private:
  void check(Bytes bytes, const Fault& fault) {
    ++tried_;
    const Outcome outcome = run(bytes, recording_.specification);
    if (!outcome.adds_up) {
      std::fprintf(stderr, "%s: the bytes do not add up\n", describe(fault).c_str());
      ++failures;
    }
    std::vector<std::size_t> lost;
    std::size_t found = 0;
    for (std::size_t i = 0; i < recording_.rows.size(); ++i) {
      const std::size_t start = recording_.starts[i];
      const std::size_t end = recording_.starts[i + 1];
      const bool is_gone = fault.added == 0 && fault.at <= start && end <= fault.at + fault.removed;
      const bool is_behind = start >= fault.at + fault.removed;
      const std::size_t moved = start + fault.added - fault.removed;
      // One that the fault lies in may stand on either side of it: a byte left out of a run of
      // equal ones could be any of them.
      const bool there = is_behind
                             ? finds(outcome, moved, i)
                             : finds(outcome, start, i) || (!is_gone && finds(outcome, moved, i));
      if (there) {
        ++found;
      } else if (!is_gone) {
        lost.push_back(i);
      }
    }
    const std::size_t made_up = outcome.rows.size() - std::min(found, outcome.rows.size());
    ++outcomes_[{lost.size(), made_up}];
    if (lost.size() <= 1 && made_up <= 1) return;
    if (fault.kind == "left out" && lost.size() == 2 && made_up <= 1 &&
        ambiguous_++ < recording_.ambiguous) {
      return;
    }
    ++failures;
    if (++shown_ > most_shown) return;
    std::string numbers;
    for (const std::size_t i : lost) numbers += " " + std::to_string(i);
    std::fprintf(stderr, "%s: made up %zu, lost messages%s\n", describe(fault).c_str(), made_up,
                 numbers.c_str());
  }

  // Is message `i` there, at this offset and with all that was in it?
  [[nodiscard]] bool finds(const Outcome& outcome, std::size_t offset, std::size_t i) const {
    const auto row = std::lower_bound(outcome.rows.begin(), outcome.rows.end(), offset,
                                      [](const Row& r, std::size_t o) { return r.offset < o; });
    return row != outcome.rows.end() && row->offset == offset &&
           row->content == recording_.rows[i].content;
  }

  [[nodiscard]] std::string describe(const Fault& fault) const {
    const std::size_t at = fault.kind == "cut at the head" ? fault.removed : fault.at;
    const auto next = std::upper_bound(recording_.starts.begin(), recording_.starts.end(), at);
    const auto message = next - recording_.starts.begin() - 1;
    char text[160];
    std::snprintf(text, sizeof text, "%.*s: byte %zu (message %td + %zu, 0x%02X) %.*s",
                  static_cast<int>(recording_.name.size()), recording_.name.data(), at, message,
                  at - recording_.starts[static_cast<std::size_t>(message)],
                  at < recording_.bytes.size() ? recording_.bytes[at] : 0u,
                  static_cast<int>(fault.kind.size()), fault.kind.data());
    std::string described = text;
    if (fault.value >= 0) {
      std::snprintf(text, sizeof text, " 0x%02X", static_cast<unsigned>(fault.value));
      described += text;
    }
    return described;
  }

  static constexpr std::size_t most_shown = 100;
  const Recording& recording_;
  std::size_t tried_ = 0;
  std::size_t shown_ = 0;
  std::size_t ambiguous_ = 0;
  std::map<std::pair<std::size_t, std::size_t>, std::size_t> outcomes_;  // lost and made up
};

[[nodiscard]] std::vector<DltMessage> dlt_messages() {
  std::vector<DltMessage> made;
  const auto add = [&made](Content payload) -> DltMessage& {
    made.emplace_back().payload = std::move(payload);
    return made.back();
  };
  add(text_argument("[IDLE] slot=A package sw-bundle-5.36 progress 96%"));
  add(text_argument("[INSTALLING] slot=B progress 100% rc=-1")).msin = std::uint8_t{0x21};
  add(text_argument("DTC U0258 status=0xCF ecu=70")).context = "DIAG";
  add(text_argument("ok"));
  add(text_argument(""));
  add(text_argument("plain, \"quoted\"\nnewline"));

  Content several = text_argument("state");
  append_argument(several, 0x43, {6, 0, 0, 0});
  append_text_argument(several, "soc");
  append_argument(several, 0x41, {76});
  add(std::move(several)).arguments = 4;

  Content numbers;
  append_argument(numbers, 0x21, {0x80});
  append_argument(numbers, 0x22, {0x00, 0x80});
  append_argument(numbers, 0x11, {1});
  append_argument(numbers, 0x84, {0x9C, 0x75, 0, 0x88, 0x3C, 0xE4, 0x37, 0x40});
  add(std::move(numbers)).arguments = 4;

  Content named;
  append_argument(named, 0x823, {8, 0, 5, 0});
  append(named, std::string_view("coolant\0degC\0\xD8\xFF\xFF\xFF", 17));
  add(std::move(named));

  Content raw;
  append_argument(raw, 0x400, {8, 0, 0, 1, 0xFE, 0xFF, 'D', 'L', 'T', 1});  // a pattern
  add(std::move(raw)).context = "DIAG";
  add(text_argument("big", true)).big_endian = true;
  DltMessage& session = add(text_argument("in a session"));
  session.with_session = true;
  session.with_ecu = false;

  // Non-verbose, with an extended header and with none; the smallest have nothing but an id.
  for (std::uint8_t id = 42; id < 45; ++id) {
    DltMessage& message = add({id, 0, 0, 0, 7, 0, 0, 0, id});
    message.msin = std::uint8_t{0x30};
    message.arguments = 0;
  }
  for (std::uint8_t id = 45; id < 48; ++id) {
    DltMessage& message = add({id, 0, 0, 0});
    message.msin.reset();
    message.with_ecu = message.with_time = id == 45;
  }
  DltMessage& nothing = add({});
  nothing.msin.reset();
  nothing.with_ecu = nothing.with_time = false;

  const auto control = [&](std::uint8_t msin, Content payload) {
    DltMessage& message = add(std::move(payload));
    message.msin = msin;
    message.arguments = 0;
    message.app = {"DA1\0", 4};
    message.context = {"DC1\0", 4};
  };
  control(0x16, {0x13, 0, 0, 0});
  control(0x26, {0x13, 0, 0, 0, 0, 6, 0, 0, 0, 'v', '2', '.', '3', '.', '1'});
  control(0x26, {0x14, 0, 0, 0, 0, 5, 0, 0, 0});

  Content network;
  append_argument(network, 0x400, {2, 0, 1, 2});
  append_argument(network, 0x400, {4, 0, 1, 2, 3, 4});
  DltMessage& trace = add(std::move(network));
  trace.msin = std::uint8_t{0x25};
  trace.arguments = 2;
  add(text_argument("supply voltage")).context = "PWRM";
  add(text_argument("[ACTIVATING] slot=B")).msin = std::uint8_t{0x51};
  add(text_argument("last"));
  return made;
}

// How a message is written. Bare ones have nothing in front of their header.
enum class Written : std::uint8_t { storage, serial, bare };

[[nodiscard]] Content written(DltMessage message, std::uint8_t counter, Written how, int version,
                              bool big_endian = false) {
  message.serial = how == Written::serial;
  Content bytes = version == 1 ? dlt_message(message, counter)
                               : dlt_message_version2(message, counter, big_endian);
  const std::ptrdiff_t storage_header = version == 1 ? 16 : 18;
  if (how == Written::bare) bytes.erase(bytes.begin(), bytes.begin() + storage_header);
  return bytes;
}

// `write` makes bytes of a message and its number, or none.
template <class Write>
[[nodiscard]] Recording dlt_recording(std::string_view name, const Write& write) {
  Recording recording{name, {}, {}, nullptr};
  std::uint8_t counter = 0;
  for (const DltMessage& message : dlt_messages()) {
    const Content bytes = write(message, counter++);
    if (!bytes.empty()) recording.add(bytes);
  }
  return recording;
}

[[nodiscard]] Recording dlt_recording(std::string_view name, Written how, int version,
                                      bool big_endian = false, std::size_t ambiguous = 0) {
  Recording recording = dlt_recording(name, [=](const DltMessage& message, std::uint8_t counter) {
    // Without any id a bare message cannot be told from noise.
    const bool is_nameless = !message.msin && !message.with_ecu;
    return how == Written::bare && is_nameless
               ? Content{}
               : written(message, counter, how, version, big_endian);
  });
  recording.ambiguous = ambiguous;
  return recording;
}

// Framings that follow each other in blocks of `block`; with `both_versions` those as well.
[[nodiscard]] Recording mixed_recording(std::string_view name, int block, bool both_versions) {
  return dlt_recording(name, [=](const DltMessage& message, std::uint8_t counter) {
    const int number = counter / block;
    auto how = static_cast<Written>(number % 3);
    if (how == Written::bare && !message.msin && !message.with_ecu) how = Written::storage;
    const int version = both_versions ? number / 3 % 2 + 1 : 1;
    return written(message, counter, how, version, number % 4 == 0);
  });
}

// A sample, cut at the lengths that its storage headers' messages give.
[[nodiscard]] Recording sample_recording(std::string_view name) {
  Recording recording{name, {}, {}, nullptr};
  const Content content = sample(std::string(name));
  for (std::size_t at = 0; at + 20 <= content.size();) {
    const std::size_t size = 16u + 256u * content[at + 18] + content[at + 19];
    const auto from = content.begin() + static_cast<std::ptrdiff_t>(at);
    recording.add(Content(from, from + static_cast<std::ptrdiff_t>(size)));
    at += size;
  }
  return recording;
}

[[nodiscard]] Recording rec_recording() {
  Recording recording{"rec", {}, {}, nullptr};
  recording.specification = std::make_shared<const Specification>(Specification::parse(
      "message v.Fault [id = 31] { string ecu [id = 1]; string code [id = 2];"
      " uint8 severity [id = 3]; uint32 odometer [id = 5]; }"
      "message v.Position [id = 32] { double latitude [id = 1]; double longitude [id = 2]; }"
      "message v.Brake [id = 33] { float front [id = 1]; int16 pedal [id = 3]; bool abs [id = 4]; }"
      "message v.Update [id = 34] { string package [id = 1]; v.Position where [id = 6]; }"
      "message v.Empty [id = 35] { }",
      "every_fault.odvd"));
  int number = 0;
  const auto add = [&](const RecEnvelope& envelope) {
    recording.add(rec_envelope(envelope, number++));
  };
  for (int round = 0; round < 3; ++round) {
    Content brake;
    append_fixed_field(brake, 1, 0x41480000u + static_cast<unsigned>(round), 4);
    append_signed_field(brake, 3, -round);
    append_varint_field(brake, 4, 1);
    add({33, brake, 1});
    Content position;
    append_fixed_field(position, 1, 0x4048'2000'0000'0000u, 8);
    append_fixed_field(position, 2, 0x4027'0000'0000'0000u + static_cast<unsigned>(round), 8);
    add({32, position, 2});
    Content fault;
    append_delimited_field(fault, 1, "brake");
    append_delimited_field(fault, 2, "U0258");
    append_varint_field(fault, 3, 4);
    append_varint_field(fault, 5, 12'345);
    add({31, fault, 0});
    Content update;
    append_delimited_field(update, 1, "sw-bundle-7.33");
    append_delimited_field(update, 6, position);
    add({34, update, 0, 1});
    add({35, {}, static_cast<std::uint32_t>(round % 2)});
    // An id without a specification, whose bytes hold a magic.
    add({77, {1, 2, 0x0D, 0xA4, 3, 0, 0}, 0, round});
    add({35, {}, 1, 3, false});
  }
  add({33, {}, 1, 0});
  add({35, {}, 0, 0});
  return recording;
}

void try_all(Recording recording, bool every_value) {
  const Outcome whole = run(recording.bytes, recording.specification);
  recording.rows = whole.rows;
  const bool complete = std::equal(
      whole.rows.begin(), whole.rows.end(), recording.starts.begin(), recording.starts.end() - 1,
      [](const Row& row, std::size_t start) { return row.offset == start; });
  CHECK(whole.adds_up && complete);
  if (!complete) return;
  Trial trial(recording);
  trial.run_all(every_value);
  trial.report();
}

}  // namespace

int main() {
  const char* wish = std::getenv("ARGUS_EVERY_FAULT");
  const bool every_value = !sanitized && wish != nullptr && std::string_view(wish) == "all";
  for (const Recording& recording : {
           dlt_recording("dlt", Written::storage, 1),
           dlt_recording("dlt, serial framing", Written::serial, 1),
           dlt_recording("dlt, bare", Written::bare, 1, false, 2),
           dlt_recording("dlt version 2, little-endian", Written::storage, 2),
           dlt_recording("dlt version 2, little-endian, serial framing", Written::serial, 2),
           dlt_recording("dlt version 2, little-endian, bare", Written::bare, 2),
           dlt_recording("dlt version 2, big-endian", Written::storage, 2, true),
           dlt_recording("dlt version 2, big-endian, serial framing", Written::serial, 2, true),
           dlt_recording("dlt version 2, big-endian, bare", Written::bare, 2, true, 1),
           mixed_recording("dlt, one framing after the other", 1, false),
           mixed_recording("dlt, framings in blocks", 4, false),
           mixed_recording("dlt, both versions, one framing after the other", 1, true),
           rec_recording(),
       }) {
    try_all(recording, every_value);
  }
  if (const Recording golden = sample_recording("dlt/golden.dlt"); !golden.bytes.empty()) {
    try_all(golden, every_value);
  }
  return result();
}
