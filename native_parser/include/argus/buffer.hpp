// A growing block of bytes that, unlike std::vector, does not clear what it is about to fill.
//
// Large blocks are kept for the next one who needs some: batch after batch wants the same sizes, and
// to get them from the system costs more time than to fill them.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <utility>

namespace argus {

struct MemoryBlock {
  std::uint8_t* data = nullptr;
  std::size_t capacity = 0;
};

// A block of at least `size` bytes, whose content is anything. Throws std::bad_alloc. By any thread.
[[nodiscard]] MemoryBlock take_block(std::size_t size);
void give_block(MemoryBlock block) noexcept;

class Buffer {
 public:
  Buffer() noexcept = default;
  Buffer(Buffer&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)),
        size_(std::exchange(other.size_, 0)),
        capacity_(std::exchange(other.capacity_, 0)) {}
  Buffer& operator=(Buffer&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    std::swap(capacity_, other.capacity_);
    return *this;
  }
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  ~Buffer() { give_block({data_, capacity_}); }

  [[nodiscard]] std::uint8_t* data() noexcept { return data_; }
  [[nodiscard]] const std::uint8_t* data() const noexcept { return data_; }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] std::size_t capacity() const noexcept { return capacity_; }
  [[nodiscard]] bool empty() const noexcept { return size_ == 0; }

  void clear() noexcept { size_ = 0; }
  // Take back what was appended after `size`.
  void truncate(std::size_t size) noexcept { size_ = size < size_ ? size : size_; }

  // Room for `more` bytes behind the end; returns where they go. `advance` makes them count.
  [[nodiscard]] std::uint8_t* room(std::size_t more) {
    if (capacity_ - size_ < more) grow(size_ + more);
    return data_ + size_;
  }
  void advance(std::size_t count) noexcept { size_ += count; }

  void push(std::uint8_t byte) {
    *room(1) = byte;
    ++size_;
  }
  void append(const void* from, std::size_t count) {
    if (count == 0) return;
    std::memcpy(room(count), from, count);
    size_ += count;
  }
  void append(std::string_view text) { append(text.data(), text.size()); }

  // Makes the block `size` bytes and counts them; new bytes are anything.
  void resize(std::size_t size) {
    if (size > size_) static_cast<void>(room(size - size_));
    size_ = size;
  }
  // The same; new bytes are zero.
  void resize_zeroed(std::size_t size) {
    if (size > size_) {
      std::memset(room(size - size_), 0, size - size_);
    }
    size_ = size;
  }
  void drop_front(std::size_t count) noexcept {
    if (count == 0) return;
    std::memmove(data_, data_ + count, size_ - count);
    size_ -= count;
  }

 private:
  void grow(std::size_t wanted) {
    const MemoryBlock larger = take_block(std::max(wanted, capacity_ + capacity_ / 2 + 64));
    if (size_ > 0) std::memcpy(larger.data, data_, size_);
    give_block({data_, capacity_});
    data_ = larger.data;
    capacity_ = larger.capacity;
  }

  std::uint8_t* data_ = nullptr;
  std::size_t size_ = 0;
  std::size_t capacity_ = 0;
};

}  // namespace argus
