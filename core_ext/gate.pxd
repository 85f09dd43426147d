"""Lets any number of searches in, or one change."""

from libc.stdint cimport int64_t

cdef extern from "<pthread.h>" nogil:
    ctypedef struct pthread_rwlock_t:
        pass
    int pthread_rwlock_rdlock(pthread_rwlock_t* lock)
    int pthread_rwlock_tryrdlock(pthread_rwlock_t* lock)
    int pthread_rwlock_wrlock(pthread_rwlock_t* lock)
    int pthread_rwlock_trywrlock(pthread_rwlock_t* lock)
    int pthread_rwlock_unlock(pthread_rwlock_t* lock)

cdef class Gate:
    cdef pthread_rwlock_t lock
    cdef readonly int64_t serial
    cdef int enter(self, int64_t serial) noexcept nogil
    cdef void leave(self) noexcept nogil
    cdef void close(self) noexcept
    cdef void open(self) noexcept
