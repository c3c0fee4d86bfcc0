// Texts as CSV fields: copied and searched for what needs quotes in the same go.
#pragma once

#include <algorithm>
#include <bit>
#include <string_view>
#include <vector>

#include "argus/buffer.hpp"
#include "chunk.hpp"

namespace argus::csv {

class Quoting {
 public:
  explicit Quoting(char delimiter) noexcept
      : delimiter_(Chunk::filled(static_cast<std::uint8_t>(delimiter))) {}

  // Bytes that the field of so long a text may touch.
  [[nodiscard]] static constexpr std::size_t room(std::size_t size) noexcept {
    return 2 * size + 2 + window;
  }

  // Puts the text as a field and returns its end. Bytes before `readable` may be read.
  char* put(char* at, std::string_view text, const char* readable) const noexcept {
    if (text.size() > window) return put_long(at, text);
    if (text.empty()) {
      std::memcpy(at, "\"\"", 2);
      return at + 2;
    }
    const char* from = text.data();
    char copy[window];
    if (readable - from < static_cast<std::ptrdiff_t>(window)) [[unlikely]] {
      std::memcpy(copy, from, text.size());
      std::memset(copy + text.size(), 0, window - text.size());
      from = copy;
    }
    std::uint64_t marks = copy_half(at, from);
    marks |= copy_half(at + window / 2, from + window / 2) << 32;
    marks <<= window - text.size();
    if (marks != 0) return put_quoted(at, text);
    return at + text.size();
  }

 private:
  static constexpr std::size_t window = 64;

  [[nodiscard]] std::uint32_t marks(Chunk chunk) const noexcept {
    return (chunk.same(delimiter_) | chunk.same(Chunk::filled('"')) |
            chunk.same(Chunk::filled('\r')) | chunk.same(Chunk::filled('\n')))
        .bits();
  }
  [[nodiscard]] std::uint64_t copy_half(char* to, const char* from) const noexcept {
    const Chunk first = Chunk::load(from);
    const Chunk second = Chunk::load(from + chunk_size);
    first.store(to);
    second.store(to + chunk_size);
    return marks(first) | marks(second) << chunk_size;
  }
  char* put_long(char* at, std::string_view text) const noexcept;
  char* put_quoted(char* at, std::string_view text) const noexcept;

  Chunk delimiter_;
};

inline char* Quoting::put_long(char* at, std::string_view text) const noexcept {
  for (std::size_t done = 0; done < text.size(); done += chunk_size) {
    // The last chunk overlaps the one before it, so that there is no rest.
    done = done < text.size() - chunk_size ? done : text.size() - chunk_size;
    const Chunk chunk = Chunk::load(text.data() + done);
    chunk.store(at + done);
    if (marks(chunk) != 0) return put_quoted(at, text);
  }
  return at + text.size();
}

inline char* Quoting::put_quoted(char* at, std::string_view text) const noexcept {
  *at++ = '"';
  while (text.size() >= chunk_size) {
    const Chunk chunk = Chunk::load(text.data());
    chunk.store(at);
    const std::uint32_t quotes = chunk.same(Chunk::filled('"')).bits();
    const std::size_t count =
        quotes == 0 ? chunk_size : static_cast<std::size_t>(std::countr_zero(quotes)) + 1;
    at += count;
    if (quotes != 0) *at++ = '"';
    text.remove_prefix(count);
  }
  for (const char c : text) {
    *at++ = c;
    if (c == '"') *at++ = '"';
  }
  *at++ = '"';
  return at;
}

[[nodiscard]] inline const char* chars(const Buffer& buffer) noexcept {
  return reinterpret_cast<const char*>(buffer.data());
}

inline void append_field(Buffer& out, const Quoting& quoting, std::string_view text) {
  char* const at = reinterpret_cast<char*>(out.room(Quoting::room(text.size())));
  out.advance(static_cast<std::size_t>(quoting.put(at, text, text.data() + text.size()) - at));
}

// Texts one after the other.
class Texts {
 public:
  void add_field(const Quoting& quoting, std::string_view text) {
    append_field(bytes_, quoting, text);
    end();
  }
  void add(std::string_view text) {
    bytes_.append(text);
    end();
  }
  [[nodiscard]] std::string_view operator[](std::size_t index) const noexcept {
    const std::size_t from = index == 0 ? 0 : ends_[index - 1];
    return {chars(bytes_) + from, ends_[index] - from};
  }
  [[nodiscard]] std::size_t size() const noexcept { return ends_.size(); }
  [[nodiscard]] std::size_t longest() const noexcept { return longest_; }

 private:
  void end() {
    longest_ = std::max(longest_, bytes_.size() - (ends_.empty() ? 0 : ends_.back()));
    ends_.push_back(bytes_.size());
  }

  Buffer bytes_;
  std::vector<std::size_t> ends_;
  std::size_t longest_ = 0;
};

}  // namespace argus::csv
