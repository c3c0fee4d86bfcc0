#include "argus/recogniser.hpp"

#include <algorithm>
#include <string_view>
#include <vector>


namespace argus {
namespace {

constexpr std::size_t sample_bytes = 4096;

struct Signature {
  std::string_view bytes;
  std::size_t offset;
  std::string_view what;
};

using std::string_view_literals::operator""sv;

constexpr Signature signatures[] = {
    {"\x1F\x8B"sv, 0, "gzip-compressed data: decompress it first"},
    {"\x28\xB5\x2F\xFD"sv, 0, "zstd-compressed data: decompress it first"},
    {"\xFD"
     "7zXZ\0"sv,
     0, "xz-compressed data: decompress it first"},
    {"BZh"sv, 0, "bzip2-compressed data: decompress it first"},
    {"PK\x03\x04"sv, 0, "a zip archive: unpack it first"},
    {"7z\xBC\xAF\x27\x1C"sv, 0, "a 7z archive: unpack it first"},
    {"ustar"sv, 257, "a tar archive: unpack it first"},
    {"\xD4\xC3\xB2\xA1"sv, 0, "a pcap network capture"},
    {"\xA1\xB2\xC3\xD4"sv, 0, "a pcap network capture"},
    {"\x4D\x3C\xB2\xA1"sv, 0, "a pcap network capture"},
    {"\x0A\x0D\x0D\x0A"sv, 0, "a pcapng network capture"},
    {"LOGG"sv, 0, "a Vector BLF recording"},
    {"MDF     "sv, 0, "an ASAM MDF recording"},
    {"\x89"
     "MCAP0\r\n"sv,
     0, "an MCAP recording"},
    {"#ROSBAG"sv, 0, "a ROS bag"},
    {"PAR1"sv, 0, "a Parquet file"},
    {"SQLite format 3"sv, 0, "an SQLite database"},
    {"\x7F"
     "ELF"sv,
     0, "an ELF program"},
    {"%PDF"sv, 0, "a PDF document"},
};

// Mostly printable ASCII or UTF-8, and no byte that no text holds.
[[nodiscard]] bool looks_like_text(std::string_view sample) noexcept {
  return !sample.empty() && std::none_of(sample.begin(), sample.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return (byte < 0x20 && byte != '\t' && byte != '\n' && byte != '\r' && byte != '\f' &&
            byte != 0x1B) ||
           byte == 0x7F || byte == 0xFF || byte == 0xFE;
  });
}

}  // namespace

Recogniser::Result Recogniser::look(const Window& window) {
  const Bytes bytes = window.bytes;
  if (sample_.size() < sample_bytes && window.offset + bytes.size() > sampled_to_) {
    const auto known = static_cast<std::size_t>(sampled_to_ - window.offset);
    const std::size_t more = std::min(bytes.size() - known, sample_bytes - sample_.size());
    sample_.append(bytes.data() + known, more);
    sampled_to_ += more;
  }
  // The next candidate of each format; looked for again only once it is passed.
  struct Next {
    const Format* format;
    std::size_t position;
  };
  std::vector<Next> candidates;
  std::size_t lookahead = 1;
  for (const Format& format : formats()) {
    candidates.push_back({&format, format.find(bytes, 0)});
    lookahead = std::max(lookahead, format.lookahead);
  }
  for (;;) {
    Next& nearest = *std::min_element(
        candidates.begin(), candidates.end(),
        [](const Next& a, const Next& b) { return a.position < b.position; });
    const std::size_t found = nearest.position;
    if (found == bytes.size()) {
      const std::size_t kept = window.last ? 0 : std::min(bytes.size(), lookahead - 1);
      return {nullptr, bytes.size() - kept, lookahead};
    }
    const Recognition recognition = nearest.format->recognise(
        {bytes.subspan(found), window.offset + found, window.last}, window.offset + found == 0);
    switch (recognition.likeness) {
      case Likeness::yes:
        return {nearest.format, found, 0};
      case Likeness::unknown:
        return {nullptr, found, recognition.wanted};
      case Likeness::no:
        break;
    }
    nearest.position = nearest.format->find(bytes, found + 1);
  }
}

std::string Recogniser::reason() const {
  const std::string_view sample{reinterpret_cast<const char*>(sample_.data()), sample_.size()};
  std::string text = "no DLT or .rec message in the recording";
  for (const Signature& signature : signatures) {
    if (sample.size() >= signature.offset &&
        sample.substr(signature.offset).starts_with(signature.bytes)) {
      return text + ": it looks like " + std::string(signature.what);
    }
  }
  if (looks_like_text(sample)) return text + ": it looks like text";
  if (!sample.empty() && sample.find_first_not_of('\0') == std::string_view::npos) {
    return text + ": it begins with zeros only";
  }
  return text;
}

}  // namespace argus
