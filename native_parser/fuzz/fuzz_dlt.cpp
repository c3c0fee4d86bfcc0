// A DLT recording of any framing and version. A whole message in front of it is found, and changes
// nothing of what comes out behind it.
#include "argus/dlt.hpp"
#include "harness.hpp"

namespace {

using argus::Bytes;
using argus::fuzz::Outcome;

constexpr std::uint8_t first_message[] = {'D',  'L',  'T',  1,   0xFE, 0x61, 0x04, 0x6B,
                                          0x55, 0x6E, 0x0B, 0,   'E',  'C',  'U',  '1',  // storage
                                          0x21, 0,    0,    19,  0x41, 1,    'A',  'P',
                                          'P',  '1',  'C',  'T', 'X',  '1',  // headers
                                          0x41, 0,    0,    0,   7};

// Offset and values of each message, by offset.
using Messages = std::vector<std::pair<std::uint64_t, std::string>>;

[[nodiscard]] Messages messages_of(const Outcome& outcome, std::uint64_t behind) {
  // No text holds these bytes: control characters are made harmless.
  const std::string row_end = "\x1E\x1F";
  Messages messages;
  for (const auto& batch : outcome.batches) {
    argus::Buffer csv;
    write_csv(*batch, {false, ',', row_end}, csv);
    std::string_view text(reinterpret_cast<const char*>(csv.data()), csv.size());
    for (std::int64_t row = 0; row < batch->rows; ++row) {
      const auto offset = argus::fuzz::value_at<std::uint64_t>(batch->columns[0], row);
      const std::size_t comma = text.find(',');
      const std::size_t end = text.find(row_end);
      if (offset >= behind) {
        messages.emplace_back(offset - behind, text.substr(comma, end - comma));
      }
      text.remove_prefix(end + row_end.size());
    }
  }
  std::sort(messages.begin(), messages.end());
  return messages;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const Bytes bytes(data, size);
  const Outcome alone = argus::fuzz::parse(bytes, {});
  argus::fuzz::check_accounts(alone, size);
  if (alone.format != "dlt" || !argus::dlt::framing_at(bytes)) return 0;
  // Where the first message is none, bare ones behind it are not looked for until one is found.
  if (!alone.faults.empty() && alone.faults.front().reason == "bytes before the first message") {
    return 0;
  }

  const std::size_t shift = sizeof first_message;
  std::vector<std::uint8_t> led(first_message, first_message + shift);
  led.insert(led.end(), data, data + size);
  const Outcome outcome = argus::fuzz::parse(led, {});
  argus::fuzz::check_accounts(outcome, led.size());
  REQUIRE(outcome.rows == alone.rows + 1);
  REQUIRE(messages_of(outcome, shift) == messages_of(alone, 0));
  return 0;
}
