#include "argus/recogniser.hpp"

#include <algorithm>
#include <string_view>

#include "argus/dlt.hpp"

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
    {"DLT\x02"sv, 0, "DLT version 2, which this version does not read"},
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

// Do standard headers follow each other by their lengths, with nothing in front of them?
[[nodiscard]] bool looks_like_bare_dlt(Bytes sample) noexcept {
  constexpr int enough = 4;
  std::size_t at = 0;
  for (int seen = 0; seen < enough; ++seen) {
    if (at + dlt::smallest_standard_header > sample.size() || sample[at] >> 5 != 1) return false;
    const std::size_t length = load_big<std::uint16_t>(sample.data() + at + 2);
    if (length < dlt::smallest_standard_header) return false;
    at += length;
  }
  return true;
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
  std::size_t at = 0;
  std::size_t kept = 0;
  for (;;) {
    const Format* nearest = nullptr;
    std::size_t found = bytes.size();
    for (const Format& format : formats()) {
      const std::size_t position = format.find(bytes, at);
      kept = std::max(kept, format.pattern_size - 1);
      if (position < found) {
        found = position;
        nearest = &format;
      }
    }
    if (nearest == nullptr) {
      kept = window.last ? 0 : std::min(bytes.size() - at, kept);
      return {nullptr, bytes.size() - kept, kept + 1};
    }
    const Recognition recognition = nearest->recognise(
        {bytes.subspan(found), window.offset + found, window.last}, window.offset + found == 0);
    switch (recognition.likeness) {
      case Likeness::yes:
        return {nearest, found, 0};
      case Likeness::unknown:
        return {nullptr, found, recognition.wanted};
      case Likeness::no:
        at = found + 1;
    }
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
  if (looks_like_bare_dlt({sample_.data(), sample_.size()})) {
    return text + ": it looks like bare DLT messages without storage headers, which this version " +
           "does not read";
  }
  if (looks_like_text(sample)) return text + ": it looks like text";
  if (!sample.empty() && sample.find_first_not_of('\0') == std::string_view::npos) {
    return text + ": it begins with zeros only";
  }
  return text;
}

}  // namespace argus
