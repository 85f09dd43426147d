"""Lets any number of searches in, or one change."""

from libc.stdint cimport int64_t

cdef extern from *:
    """
    #include <pthread.h>
    /* A waiting change goes before searches that come later, so that searches without end cannot keep it out. */
    static int gate_open(pthread_rwlock_t *lock) {
    #if defined(__GLIBC__)
        pthread_rwlockattr_t attributes;
        int failed = pthread_rwlockattr_init(&attributes);
        if (!failed) {
            pthread_rwlockattr_setkind_np(&attributes, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
            failed = pthread_rwlock_init(lock, &attributes);
            pthread_rwlockattr_destroy(&attributes);
        }
        return failed;
    #else
        return pthread_rwlock_init(lock, 0);
    #endif
    }
    """
    int gate_open(pthread_rwlock_t* lock) nogil
    int pthread_rwlock_destroy(pthread_rwlock_t* lock) nogil


cdef class Gate:
    """Searches read what one writer changes in place; `with gate:` keeps them out for the length of a change.

    `serial` counts changes: a search that was prepared before a change learns of it when it enters. A search holds
    the gate only while it runs without the GIL, so that neither side can wait for the other for ever.
    """

    def __cinit__(self):
        if gate_open(&self.lock):
            raise MemoryError

    def __dealloc__(self):
        pthread_rwlock_destroy(&self.lock)

    def __enter__(self):
        self.close()
        return self

    def __exit__(self, kind, error, trace):
        self.open()

    cdef void close(self) noexcept:
        """Waits until no search is inside, and lets none in."""
        if pthread_rwlock_trywrlock(&self.lock):
            with nogil:
                pthread_rwlock_wrlock(&self.lock)
        self.serial += 1

    cdef void open(self) noexcept:
        pthread_rwlock_unlock(&self.lock)

    cdef int enter(self, int64_t serial) noexcept nogil:
        """Waits for the change under way; 0 and outside again if there was one since `serial`."""
        pthread_rwlock_rdlock(&self.lock)
        if self.serial == serial:
            return 1
        pthread_rwlock_unlock(&self.lock)
        return 0

    cdef void leave(self) noexcept nogil:
        pthread_rwlock_unlock(&self.lock)
