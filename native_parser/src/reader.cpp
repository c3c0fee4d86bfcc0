#include "argus/reader.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <map>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>

#include "argus/rec.hpp"

namespace argus {
namespace {

// Half a segment and its overlap: stays in a core's cache between read and decode.
constexpr std::size_t chunk_bytes = 513u << 10;
constexpr std::uint64_t overlap_bytes = 4096;

constexpr std::chrono::milliseconds poll_interval{50};

// A row of DLT has about 190 bytes; longer ones make the buffer grow.
constexpr std::size_t csv_row_bytes = 224;

}  // namespace

class Reader::File {
 public:
  explicit File(const std::string& path) : path_(path) {
    descriptor_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (descriptor_ < 0) throw std::system_error(errno, std::generic_category(), path);
    struct stat status {};
    if (::fstat(descriptor_, &status) != 0 || !S_ISREG(status.st_mode)) {
      const int error = S_ISREG(status.st_mode) ? errno : EINVAL;
      ::close(descriptor_);
      throw std::system_error(error, std::generic_category(), path + ": no regular file");
    }
    size_ = static_cast<std::uint64_t>(status.st_size);
  }
  ~File() { ::close(descriptor_); }
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  [[nodiscard]] std::uint64_t size() const noexcept { return size_; }

  // `size` bytes from `offset` on, but no more than `buffer` holds; less only at the end. By any
  // number of threads.
  [[nodiscard]] Bytes read(std::uint64_t offset, std::uint64_t size,
                           std::vector<std::uint8_t>& buffer) const {
    const auto wanted = static_cast<std::size_t>(
        std::min<std::uint64_t>({size, buffer.size(), size_ - offset}));
    std::size_t got = 0;
    while (got < wanted) {
      const ssize_t count = ::pread(descriptor_, buffer.data() + got, wanted - got,
                                    static_cast<off_t>(offset + got));
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) throw std::system_error(errno, std::generic_category(), path_);
      if (count == 0) {
        throw std::system_error(ENODATA, std::generic_category(),
                                path_ + ": became shorter while it was read");
      }
      got += static_cast<std::size_t>(count);
    }
    return {buffer.data(), got};
  }

 private:
  std::string path_;
  int descriptor_ = -1;
  std::uint64_t size_ = 0;
};

// One pass over the segments: threads read them, `next` hands the results out in order.
class Reader::SegmentPass {
 public:
  struct Result {
    Output output;
    std::vector<Buffer> csv;  // of each batch
    std::uint64_t end = 0;    // where the next segment has to go on
    DecoderState state;
  };

  SegmentPass(const File& file, Knowledge knowledge, Pass pass, const Format& format,
              std::uint64_t begin, std::optional<CsvOptions> csv, unsigned threads,
              const std::atomic<bool>& cancelled)
      : file_(file),
        knowledge_(std::move(knowledge)),
        pass_(pass),
        format_(format),
        csv_(std::move(csv)),
        cancelled_(cancelled),
        segments_((file.size() + segment_bytes - 1) / segment_bytes),
        begin_(begin),
        at_(begin),
        next_(begin / segment_bytes),
        unread_(next_) {
    if (csv_) csv_->header = false;
    state_.in_step = begin == 0;
    const std::uint64_t left = segments_ - std::min(segments_, next_);
    if (threads < 2 || left < 2) return;
    most_ahead_ = threads + 1;
    // The thread that calls `next` is one of them.
    for (unsigned i = 1; i < std::min<std::uint64_t>(threads, left); ++i) {
      threads_.emplace_back([this] { work(); });
    }
  }
  ~SegmentPass() {
    stop();
    for (std::thread& thread : threads_) thread.join();
  }
  SegmentPass(const SegmentPass&) = delete;
  SegmentPass& operator=(const SegmentPass&) = delete;

  void stop() noexcept {
    {
      const std::lock_guard lock(mutex_);
      stopped_ = true;
    }
    changed_.notify_all();
  }

  // The next segment's result; none at the end, or when cancelled. Calls `poll` while it waits.
  [[nodiscard]] std::optional<Result> next(const std::function<void()>& poll) {
    while (next_ < segments_ && !cancelled_) {
      if (poll) poll();
      const std::uint64_t segment = next_;
      std::optional<Result> result = guess(segment, poll);
      if (cancelled_) break;
      // A long message or damage may have reached over the whole of it.
      if (at_ >= std::min(end_of(segment), file_.size())) continue;
      if (!result || !fits(*result, segment)) result = read(segment, at_, state_, chunk_);
      if (cancelled_) break;
      result->output.faults.drop_before(at_);
      at_ = result->end;
      state_.tables.merge(result->state.tables);
      state_.in_step = result->state.in_step;
      state_.reason = result->state.reason;
      return result;
    }
    return {};
  }

  // Up to where the pass is done.
  [[nodiscard]] std::uint64_t position() const noexcept { return at_; }

 private:
  [[nodiscard]] std::uint64_t end_of(std::uint64_t segment) const noexcept {
    return (segment + 1) * segment_bytes;
  }

  // What a thread made of the segment; nothing where there are no threads.
  [[nodiscard]] std::optional<Result> guess(std::uint64_t segment,
                                            const std::function<void()>& poll) {
    std::optional<Result> found;
    {
      std::unique_lock lock(mutex_);
      if (!threads_.empty()) {
        while (!results_.contains(segment) && !failure_ && !cancelled_) {
          if (may_read()) {
            const std::uint64_t own = unread_++;
            lock.unlock();
            Result result = read_ahead(own, chunk_);
            lock.lock();
            results_.emplace(own, std::move(result));
          } else {
            changed_.wait_for(lock, poll_interval);
          }
          if (!poll) continue;
          lock.unlock();
          poll();
          lock.lock();
        }
        if (failure_) std::rethrow_exception(failure_);
        if (cancelled_) return {};
        found = std::move(results_.extract(segment).mapped());
      }
      ++next_;
    }
    changed_.notify_all();
    return found;
  }

  // Is this what a reader that comes from the segment before would have found?
  [[nodiscard]] bool fits(const Result& guessed, std::uint64_t segment) const {
    const bool is_first = segment == begin_ / segment_bytes;
    if (!is_first && (!state_.in_step || guessed.output.first_message != at_)) return false;
    std::size_t tables = state_.tables.size();
    for (const std::string& table : guessed.state.tables) {
      if (!state_.tables.contains(table) && ++tables > rec::most_tables) return false;
    }
    return true;
  }

  void work() {
    std::vector<std::uint8_t> chunk(chunk_bytes);
    try {
      for (;;) {
        std::uint64_t segment = 0;
        {
          std::unique_lock lock(mutex_);
          changed_.wait(lock, [this] { return stopped_ || unread_ >= segments_ || may_read(); });
          if (stopped_ || unread_ >= segments_) return;
          segment = unread_++;
        }
        Result result = read_ahead(segment, chunk);
        {
          const std::lock_guard lock(mutex_);
          results_.emplace(segment, std::move(result));
        }
        changed_.notify_all();
      }
    } catch (...) {
      {
        const std::lock_guard lock(mutex_);
        failure_ = std::current_exception();
      }
      changed_.notify_all();
    }
  }

  // May another segment be read ahead of the one that is handed out next?
  [[nodiscard]] bool may_read() const noexcept {
    return unread_ < std::min(segments_, next_ + most_ahead_);
  }

  // Reads a segment that nobody knows yet where its first message begins.
  [[nodiscard]] Result read_ahead(std::uint64_t segment, std::vector<std::uint8_t>& chunk) const {
    DecoderState unknown;
    if (segment == begin_ / segment_bytes) {
      unknown.in_step = begin_ == 0;
      return read(segment, begin_, unknown, chunk);
    }
    std::uint64_t from = segment * segment_bytes;
    if (format_.enter != nullptr) {
      const Bytes around = file_.read(from - looked_around, 2 * looked_around, chunk);
      from += format_.enter(around, looked_around) - looked_around;
    }
    return read(segment, from, unknown, chunk);
  }

  // Reads the messages that begin from `from` to the end of the segment.
  [[nodiscard]] Result read(std::uint64_t segment, std::uint64_t from, const DecoderState& state,
                            std::vector<std::uint8_t>& chunk) const {
    Parser parser(knowledge_, pass_, format_, from, state);
    parser.stop_at(end_of(segment));
    std::uint64_t at = from;
    while (!parser.stopped() && at < file_.size() && !cancelled_) {
      // The last message may reach into the next segment; most need only a little of it.
      const std::uint64_t end = end_of(segment);
      const Bytes bytes = file_.read(at, at < end ? end - at + overlap_bytes : chunk_bytes, chunk);
      parser.feed(bytes);
      at += bytes.size();
    }
    if (!parser.stopped() && !cancelled_) parser.finish();
    Result result;
    result.end = parser.position();
    result.state = parser.state();
    result.output = parser.take_output();
    if (csv_) {
      for (const BatchPtr& batch : result.output.batches) {
        Buffer& rows = result.csv.emplace_back();
        static_cast<void>(rows.room(static_cast<std::size_t>(batch->rows) * csv_row_bytes));
        write_csv(*batch, *csv_, rows);
      }
    }
    return result;
  }

  const File& file_;
  Knowledge knowledge_;
  Pass pass_;
  const Format& format_;
  std::optional<CsvOptions> csv_;
  const std::atomic<bool>& cancelled_;
  std::uint64_t segments_;
  std::uint64_t most_ahead_ = 0;

  // Of the thread that calls `next`.
  std::uint64_t begin_;
  std::uint64_t at_;
  DecoderState state_;
  std::vector<std::uint8_t> chunk_ = std::vector<std::uint8_t>(chunk_bytes);

  std::mutex mutex_;
  std::condition_variable changed_;
  std::uint64_t next_;    // the segment that `next` hands out
  std::uint64_t unread_;  // the segment that no thread has begun
  std::map<std::uint64_t, Result> results_;
  std::exception_ptr failure_;
  bool stopped_ = false;
  std::vector<std::thread> threads_;
};

Reader::Reader(const std::string& path, ReaderOptions options)
    : options_(std::move(options)), file_(std::make_unique<File>(path)) {
  if (options_.threads == 0) options_.threads = std::max(1u, std::thread::hardware_concurrency());
}

Reader::~Reader() {
  cancelled_ = true;
  pass_.reset();
}

std::uint64_t Reader::size() const noexcept { return file_->size(); }

void Reader::cancel() noexcept { cancelled_ = true; }

// Finds out the format, and makes the first pass where it needs one.
void Reader::begin(const std::function<void()>& poll) {
  begun_ = true;
  ScanBuilder builder;
  Parser probe(builder);
  std::vector<std::uint8_t> chunk(chunk_bytes);
  for (std::uint64_t at = 0; at < size() && probe.format() == nullptr; at += chunk.size()) {
    if (cancelled_) return;
    if (poll) poll();
    probe.feed(file_->read(at, chunk_bytes, chunk));
  }
  if (probe.format() == nullptr) probe.finish();
  format_ = probe.format();
  if (format_ == nullptr) {
    total_.absorb(probe.take_output());
    return;
  }
  const std::uint64_t first = probe.begins_at();
  total_.faults.add(0, first, "bytes before the first message");
  const bool scans = format_->make_scan != nullptr && !options_.knowledge.scan;
  work_ = scans ? 2 * size() : size();
  if (scans) {
    ScanBuilder scan;
    SegmentPass pass(*file_, options_.knowledge, Pass::scan, *format_, first, {}, options_.threads,
                     cancelled_);
    while (auto result = pass.next(poll)) {
      scan.absorb(result->output.sightings);
      done_ = pass.position();
    }
    if (cancelled_) return;
    options_.knowledge.scan = scan.finish();
  }
  pass_ = std::make_unique<SegmentPass>(*file_, options_.knowledge, Pass::decode, *format_, first,
                                        options_.csv, options_.threads, cancelled_);
}

std::vector<Piece> Reader::next(const std::function<void()>& poll) {
  std::vector<Piece> pieces;
  if (finished_) return pieces;
  if (!begun_) {
    begin(poll);
    if (pass_ && options_.knowledge.scan) {
      for (BatchPtr& batch : options_.knowledge.scan->tables()) {
        Piece& piece = pieces.emplace_back();
        if (options_.csv) {
          CsvOptions rows_only = *options_.csv;
          rows_only.header = false;
          write_csv(*batch, rows_only, piece.csv);
        }
        piece.batch = std::move(batch);
      }
    }
  }
  while (pieces.empty() && pass_) {
    std::optional<SegmentPass::Result> result = pass_->next(poll);
    if (!result) {
      pass_.reset();
      break;
    }
    for (std::size_t i = 0; i < result->output.batches.size(); ++i) {
      pieces.push_back({std::move(result->output.batches[i]),
                        options_.csv ? std::move(result->csv[i]) : Buffer()});
    }
    result->output.batches.clear();
    total_.absorb(std::move(result->output));
    done_ = work_ - size() + pass_->position();
  }
  finished_ = pieces.empty();
  return pieces;
}

}  // namespace argus
