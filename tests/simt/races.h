// SPDX-License-Identifier: Apache-2.0
// What the thread sanitizer must be told, where the program is built with it (SIMT_THREAD_SANITIZER): which accesses
// are the machine's own, and what orders those of the kernel's threads: barriers, __syncwarp, and a grid's begin and
// end. Nothing orders blocks. So a race is found whatever order the threads were run in.
#pragma once

#ifdef SIMT_THREAD_SANITIZER
extern "C" {
void __tsan_acquire(void* point);
void __tsan_release(void* point);
void AnnotateIgnoreReadsBegin(const char* file, int line);
void AnnotateIgnoreReadsEnd(const char* file, int line);
void AnnotateIgnoreWritesBegin(const char* file, int line);
void AnnotateIgnoreWritesEnd(const char* file, int line);
}
#endif

namespace simt {

// While it lives, what the running thread does is not the kernel's: shared memory is made here, and made anew.
class Unseen {
 public:
  Unseen() {
#ifdef SIMT_THREAD_SANITIZER
    AnnotateIgnoreReadsBegin("", 0);
    AnnotateIgnoreWritesBegin("", 0);
#endif
  }
  ~Unseen() {
#ifdef SIMT_THREAD_SANITIZER
    AnnotateIgnoreWritesEnd("", 0);
    AnnotateIgnoreReadsEnd("", 0);
#endif
  }
  Unseen(const Unseen&) = delete;
  Unseen& operator=(const Unseen&) = delete;
};

// What this thread did until now comes before what others do after their comes_after of the same point.
inline void comes_before([[maybe_unused]] void* point) {
#ifdef SIMT_THREAD_SANITIZER
  __tsan_release(point);
#endif
}
inline void comes_after([[maybe_unused]] void* point) {
#ifdef SIMT_THREAD_SANITIZER
  __tsan_acquire(point);
#endif
}

}  // namespace simt
