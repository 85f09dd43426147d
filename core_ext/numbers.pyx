"""Words of numbers, sorted and front-coded: which rows have a word that begins so.

A number such as FC-00012345 has three words: fc, 00012345 and fc00012345. The joined one covers its first part, and
where many numbers share that part it is kept once as a *head*: under it stand the rests, and a rest answers both for
itself and behind its head. So most numbers cost one entry: the row in as few bytes as rows need, a byte that tells
how much of the word is that of the entry before, and the bytes that differ.

An index is six arrays: `rows` (entries x 1 to 4 bytes, little endian), `text` (the coded words), `blocks` (where each
run of 128 entries begins in `text`), `heads` (the heads, up to eight bytes, most significant first; 0, always there,
is that of words without), and for each head the end of its entries and of its blocks.
"""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc, realloc
from libc.string cimport memcmp, memcpy, memset

import numpy as np

cdef enum:
    RUN = 128  # entries that are coded one after the other: the first by itself, the others by the one before
    MOST = 15  # what fits into half a byte
    HEAD_BYTES = 8
    FEW = 48  # so many words are sorted by insertion


cdef struct Piece:
    uint64_t start  # of the word in the collected bytes
    uint32_t length
    uint32_t head  # so many of its bytes are the part before the sign; 0 for a word without
    uint32_t row


cdef struct Key:
    uint64_t head  # eight bytes of the word, most significant first
    uint32_t piece


cdef uint8_t[100] PAIR  # the byte that stands for two digits, by their value: one that folded UTF-8 never holds
cdef uint8_t[256] DIGITS  # that value by byte, or ALONE
cdef enum:
    ALONE = 255


def _fill_tables():
    cdef Py_ssize_t byte, pair = 0
    memset(DIGITS, ALONE, 256)
    for byte in range(1, 256):
        if _is_letter(<uint8_t>byte) and not 65 <= byte <= 90 or 128 <= byte <= 244 and byte not in (192, 193):
            continue
        if pair < 100:
            PAIR[pair] = <uint8_t>byte
            DIGITS[byte] = <uint8_t>pair
            pair += 1


_fill_tables()


cdef struct Span:
    Py_ssize_t first
    Py_ssize_t last
    Py_ssize_t depth


cdef inline bint _is_letter(uint8_t byte) noexcept nogil:
    """Whether an ASCII byte is a letter or digit."""
    return 48 <= byte <= 57 or 97 <= (byte | 32) <= 122


cdef inline bint _is_space(uint8_t byte) noexcept nogil:
    """Whether an ASCII byte divides words as str.split does."""
    return byte == 32 or 9 <= byte <= 13 or 28 <= byte <= 31


cdef inline uint64_t _eight(const uint8_t* text, Py_ssize_t length) noexcept nogil:
    """Up to eight bytes as a number that sorts as they do; no word has a byte 0."""
    cdef uint64_t found = 0
    cdef Py_ssize_t i
    if length >= 8:
        for i in range(8):
            found = found << 8 | text[i]
    else:
        for i in range(length):
            found |= <uint64_t>text[i] << (56 - 8 * i)
    return found


cdef inline bint _begins(const uint8_t* text, Py_ssize_t length, const uint8_t* prefix, Py_ssize_t size) noexcept nogil:
    return size <= length and memcmp(text, prefix, <size_t>size) == 0


cdef class Collector:
    """Words on their way into an index, with their rows. One thread at a time."""

    cdef uint8_t* _bytes
    cdef Py_ssize_t _used, _room
    cdef Piece* _pieces
    cdef Py_ssize_t _count, _places

    def __dealloc__(self):
        free(self._bytes)
        free(self._pieces)

    cdef int _reserve(self, Py_ssize_t bytes, Py_ssize_t pieces) except -1:
        """Makes room for so many more; untouched room costs no memory."""
        cdef void* grown
        if self._used + bytes > self._room:
            self._room = max(self._used + bytes, self._room + (self._room >> 1))
            grown = realloc(self._bytes, <size_t>self._room)
            if grown is NULL:
                raise MemoryError
            self._bytes = <uint8_t*>grown
        if self._count + pieces > self._places:
            self._places = max(self._count + pieces, self._places + (self._places >> 1))
            if self._places > <Py_ssize_t>0xFFFFFFFF:
                raise ValueError("an index holds up to 2^32 words")
            grown = realloc(self._pieces, <size_t>self._places * sizeof(Piece))
            if grown is NULL:
                raise MemoryError
            self._pieces = <Piece*>grown
        return 0

    def add_texts(
        self, const uint8_t[::1] blob not None, const int64_t[::1] starts not None, const uint32_t[::1] rows not None
    ):
        """Adds the words of ASCII texts; returns the indices of the others, which it leaves out: int64.

        Text i is blob[starts[i]:starts[i + 1]] and belongs to rows[i]. O(bytes); the GIL is released.
        """
        _check(blob, starts, rows)
        cdef Py_ssize_t i, j, n = rows.shape[0], others = 0
        cdef int64_t[::1] other = np.empty(n, np.int64)
        cdef const uint8_t* text = &blob[0] if blob.shape[0] else NULL
        self._reserve(blob.shape[0], (blob.shape[0] + n) // 2 + n)
        with nogil:
            for i in range(n):
                for j in range(starts[i], starts[i + 1]):
                    if text[j] >= 128:
                        other[others] = i
                        others += 1
                        break
                else:
                    self._add_text(text + starts[i], starts[i + 1] - starts[i], rows[i])
        return np.asarray(other[:others])

    cdef void _add_text(self, const uint8_t* text, Py_ssize_t length, uint32_t row) noexcept nogil:
        """The words of one text; there is room."""
        cdef Py_ssize_t i = 0, part
        cdef uint64_t start, first_end
        cdef Py_ssize_t parts, first, k, m
        cdef Piece* pieces = self._pieces
        cdef bint inside, covered
        while i < length:
            while i < length and _is_space(text[i]):
                i += 1
            start, parts, inside, first_end = self._used, 0, False, 0
            first = self._count
            while i < length and not _is_space(text[i]):
                if _is_letter(text[i]):
                    if not inside:
                        inside = True
                        parts += 1
                        if parts == 2:
                            first_end = self._used
                        if parts > 1:  # a word of its own, until it shows what the joined one covers
                            pieces[self._count] = Piece(self._used, 0, 0, row)
                            self._count += 1
                    self._bytes[self._used] = text[i] | 32 if text[i] >= 65 else text[i]
                    self._used += 1
                    if parts > 1:
                        pieces[self._count - 1].length += 1
                else:
                    inside = False
                i += 1
            if parts == 0:
                continue
            if parts == 2 and first_end - start <= HEAD_BYTES:
                pieces[first] = Piece(start, <uint32_t>(self._used - start), <uint32_t>(first_end - start), row)
                continue
            part = first  # keep what neither the joined word nor another part covers
            for k in range(first, self._count):
                covered = _begins(
                    self._bytes + start, self._used - <Py_ssize_t>start, self._bytes + pieces[k].start, pieces[k].length
                )
                m = k + 1
                while not covered and m < self._count:
                    covered = _begins(
                        self._bytes + pieces[m].start, pieces[m].length, self._bytes + pieces[k].start, pieces[k].length
                    )
                    m += 1
                if not covered:
                    pieces[part] = pieces[k]
                    part += 1
            pieces[part] = Piece(start, <uint32_t>(self._used - start), 0, row)
            self._count = part + 1

    def add_words(
        self, const uint8_t[::1] blob not None, const int64_t[::1] starts not None, const uint32_t[::1] rows not None
    ):
        """Adds folded words in UTF-8 as they are; ValueError for signs and capitals, which none has."""
        _check(blob, starts, rows)
        cdef Py_ssize_t i, n = rows.shape[0]
        for i in range(blob.shape[0]):
            if blob[i] == 0 or DIGITS[blob[i]] != ALONE:
                raise ValueError("a folded word has neither signs nor capitals")
        self._reserve(blob.shape[0], n)
        if blob.shape[0]:
            memcpy(self._bytes + self._used, &blob[0], <size_t>blob.shape[0])
        for i in range(n):
            if starts[i + 1] > starts[i]:
                self._pieces[self._count] = Piece(
                    <uint64_t>(self._used + starts[i]), <uint32_t>(starts[i + 1] - starts[i]), 0, rows[i]
                )
                self._count += 1
        self._used += blob.shape[0]

    def add_index(
        self, const uint8_t[:, ::1] rows not None, const uint8_t[::1] text not None,
        const uint32_t[::1] blocks not None, const uint64_t[::1] heads not None,
        const int64_t[::1] entry_ends not None, const int64_t[::1] block_ends not None,
        const int64_t[::1] places not None,
    ):
        """Adds the words of another index: those of row r belong to places[r], to none where that is -1.

        IndexError where a row has no place. The GIL is released while words are read.
        """
        _check_index(rows, text, blocks, heads, entry_ends, block_ends)
        cdef Py_ssize_t width = rows.shape[1], group, entry, at, stop, shared, length, size = 0, before, head
        cdef const uint8_t* coded = &text[0] if text.shape[0] else NULL
        cdef uint8_t[::1] word = np.empty(_longest(rows, text, blocks, block_ends, entry_ends) + 1, np.uint8)
        cdef uint32_t row
        cdef int64_t place
        cdef bint outside = False
        for group in range(heads.shape[0]):
            entry, stop = entry_ends[group - 1] if group else 0, entry_ends[group]
            head = _head_size(heads[group])
            at = blocks[block_ends[group - 1] if group else 0] if stop > entry else 0
            self._reserve(<Py_ssize_t>word.shape[0] + HEAD_BYTES, 0)
            while entry < stop:
                self._reserve(4096 * (word.shape[0] + HEAD_BYTES), 4096)
                with nogil:
                    before = min(entry + 4096, stop)
                    while entry < before:
                        at += _decode(coded + at, &shared, &length)
                        size = _expand(coded + at, length, &word[0], shared, word.shape[0])
                        at += length
                        row = _row(rows, width, entry)
                        if row >= places.shape[0]:
                            outside = True
                            break
                        place = places[row]
                        if place >= 0:
                            self._pieces[self._count] = Piece(
                                <uint64_t>self._used, <uint32_t>(head + size), <uint32_t>head, <uint32_t>place
                            )
                            self._count += 1
                            _spell(heads[group], head, self._bytes + self._used)
                            memcpy(self._bytes + self._used + head, &word[0], <size_t>size)
                            self._used += head + size
                        entry += 1
                if outside:
                    raise IndexError("a row of the index has no place")

    def index(self, Py_ssize_t rows):
        """The arrays of an index of all that was added, for row numbers below `rows`; ends the collecting.

        A head with fewer numbers than a sixty-fourth of the rows is none: a look-up tries each head.
        IndexError for a row beyond. O(n) but for long words that are nearly the same. The GIL is released.
        """
        cdef Py_ssize_t i, n = self._count, group, groups
        for i in range(n):
            if self._pieces[i].row >= rows:
                raise IndexError("a word of a row beyond the last")
        cdef uint64_t[::1] heads = self._heads(rows)
        groups = heads.shape[0]
        cdef int64_t[::1] entry_ends = np.zeros(groups, np.int64)
        cdef int64_t[::1] block_ends = np.zeros(groups, np.int64)
        cdef Py_ssize_t total = self._settle(heads, entry_ends)
        cdef Py_ssize_t width = 1 if rows <= 256 else 2 if rows <= 65536 else 3 if rows <= 16777216 else 4
        cdef uint8_t[:, ::1] told = np.empty((total, width), np.uint8)
        cdef int64_t[::1] at = np.zeros(groups, np.int64)
        cdef Key* keys = <Key*>malloc(<size_t>(total + 1) * sizeof(Key))
        cdef Key* spare = <Key*>malloc(<size_t>(total + 1) * sizeof(Key))
        try:
            if keys is NULL or spare is NULL:
                raise MemoryError
            with nogil:
                self._by_group(entry_ends, at, keys)
                for group in range(groups):
                    i = entry_ends[group - 1] if group else 0
                    _sort(keys + i, spare, entry_ends[group] - i, self._bytes, self._pieces)
            for group in range(groups):
                i = entry_ends[group] - (entry_ends[group - 1] if group else 0)
                block_ends[group] = (block_ends[group - 1] if group else 0) + (i + RUN - 1) // RUN
            blocks = np.zeros(block_ends[groups - 1], np.uint32)
            text = self._coded(keys, entry_ends, blocks, told)
        finally:
            free(keys)
            free(spare)
        return np.asarray(told), text, blocks, np.asarray(heads), np.asarray(entry_ends), np.asarray(block_ends)

    cdef object _heads(self, Py_ssize_t rows):
        """The heads of enough numbers, ascending, with 0 before them."""
        cdef Py_ssize_t i, found = 0
        cdef uint64_t[::1] every = np.empty(self._count, np.uint64)
        with nogil:
            for i in range(self._count):
                if self._pieces[i].head:
                    every[found] = _eight(self._bytes + self._pieces[i].start, self._pieces[i].head)
                    found += 1
        heads, counts = np.unique(np.asarray(every[:found]), return_counts=True)
        return np.concatenate((np.zeros(1, np.uint64), heads[counts * 64 >= rows]))

    cdef Py_ssize_t _settle(self, const uint64_t[::1] heads, int64_t[::1] ends) except -1:
        """Counts the entries up to the end of each head's; pieces without one of the heads become one or two words.

        A piece whose head is kept is given the head's number in the place of the head's size; its text is the rest.
        """
        cdef Py_ssize_t i, group, n = self._count
        cdef Piece* piece
        cdef Piece rest
        self._reserve(0, n)
        with nogil:
            for i in range(n):
                piece = &self._pieces[i]
                if piece.head:
                    group = _group(heads, _eight(self._bytes + piece.start, piece.head))
                    rest = Piece(piece.start + piece.head, piece.length - piece.head, 0, piece.row)
                    if group:
                        rest.head = <uint32_t>group
                        piece[0] = rest
                    else:
                        piece.head = 0
                        if not _begins(
                            self._bytes + piece.start, piece.length, self._bytes + rest.start, rest.length
                        ):
                            self._pieces[self._count] = rest
                            self._count += 1
            for i in range(self._count):
                ends[self._pieces[i].head] += 1
            for group in range(1, ends.shape[0]):
                ends[group] += ends[group - 1]
        return self._count

    cdef void _by_group(self, const int64_t[::1] ends, int64_t[::1] at, Key* keys) noexcept nogil:
        """Keys of the pieces, those of one head together, else as they came."""
        cdef Py_ssize_t i, group
        for group in range(1, ends.shape[0]):
            at[group] = ends[group - 1]
        for i in range(self._count):
            group = self._pieces[i].head
            keys[at[group]].piece = <uint32_t>i
            at[group] += 1

    cdef object _coded(self, const Key* keys, const int64_t[::1] ends, uint32_t[::1] blocks, uint8_t[:, ::1] rows):
        """The front-coded words in the order of `keys`; fills `blocks` and `rows`."""
        cdef Py_ssize_t group, entry, stop, i, shared, used = 0, block = 0, room = 0, width = rows.shape[1], byte
        cdef const Piece* piece
        cdef const Piece* former = NULL
        cdef const uint8_t* word
        cdef uint32_t row
        for i in range(self._count):
            room += self._pieces[i].length + 6
        if room > <Py_ssize_t>0xFFFFFFFF:
            raise ValueError("an index holds up to 4 GiB of words")
        cdef uint8_t* text = <uint8_t*>malloc(<size_t>room + 1)
        if text is NULL:
            raise MemoryError
        try:
            with nogil:
                for group in range(ends.shape[0]):
                    entry, stop = ends[group - 1] if group else 0, ends[group]
                    for i in range(entry, stop):
                        piece = &self._pieces[keys[i].piece]
                        word = self._bytes + piece.start
                        shared = 0
                        if (i - entry) % RUN == 0:
                            blocks[block] = <uint32_t>used
                            block += 1
                        else:
                            while (
                                shared < MOST and shared < piece.length and shared < former.length
                                and word[shared] == self._bytes[former.start + shared]
                            ):
                                shared += 1
                        used += _encode(text + used, shared, word + shared, piece.length - shared)
                        row = piece.row
                        for byte in range(width):
                            rows[i, byte] = <uint8_t>(row >> (8 * byte))
                        former = piece
            made = np.empty(used, np.uint8)
            _fill(made, text, used)
        finally:
            free(text)
        return made


cdef void _fill(uint8_t[::1] target, const uint8_t* source, Py_ssize_t size) noexcept:
    if size:
        memcpy(&target[0], source, <size_t>size)


cdef int _check(const uint8_t[::1] blob, const int64_t[::1] starts, const uint32_t[::1] rows) except -1:
    """Refuses arenas that would lead the kernels astray."""
    if starts.shape[0] != rows.shape[0] + 1 or starts[0] != 0 or starts[rows.shape[0]] != blob.shape[0]:
        raise ValueError("starts must run from 0 to the length of the blob, a row for each text")
    cdef Py_ssize_t i
    for i in range(rows.shape[0]):
        if starts[i] > starts[i + 1]:
            raise ValueError("starts must not fall")
    return 0


cdef inline Py_ssize_t _head_size(uint64_t head) noexcept nogil:
    cdef Py_ssize_t size = 0
    while size < 8 and (head >> (56 - 8 * size)) & 0xFF:
        size += 1
    return size


cdef inline void _spell(uint64_t head, Py_ssize_t size, uint8_t* target) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(size):
        target[i] = <uint8_t>(head >> (56 - 8 * i))


cdef Py_ssize_t _group(const uint64_t[::1] heads, uint64_t head) noexcept nogil:
    """The number of a head, 0 if it is none."""
    cdef Py_ssize_t low = 1, high = heads.shape[0], middle
    while low < high:
        middle = (low + high) >> 1
        if heads[middle] < head:
            low = middle + 1
        else:
            high = middle
    return low if low < heads.shape[0] and heads[low] == head else 0


cdef inline bint _is_pair(const uint8_t* text) noexcept nogil:
    return 48 <= text[0] <= 57 and 48 <= text[1] <= 57


cdef inline Py_ssize_t _encode(uint8_t* text, Py_ssize_t shared, const uint8_t* rest, Py_ssize_t length) noexcept nogil:
    """Writes how much is shared, how many bytes follow (a byte, or more for long rests), and the rest in these."""
    cdef Py_ssize_t used = 1, i = 0, size = 0
    while i < length:
        i += 2 if i + 1 < length and _is_pair(rest + i) else 1
        size += 1
    text[0] = <uint8_t>(shared << 4 | min(size, MOST))
    if size >= MOST:
        size -= MOST
        while size >= 128:
            text[used] = <uint8_t>(128 | (size & 127))
            size >>= 7
            used += 1
        text[used] = <uint8_t>size
        used += 1
    i = 0
    while i < length:
        if i + 1 < length and _is_pair(rest + i):
            text[used] = PAIR[10 * (rest[i] - 48) + rest[i + 1] - 48]
            i += 2
        else:
            text[used] = rest[i]
            i += 1
        used += 1
    return used


cdef inline Py_ssize_t _expand(
    const uint8_t* text, Py_ssize_t length, uint8_t* word, Py_ssize_t at, Py_ssize_t room
) noexcept nogil:
    """Writes what `length` coded bytes stand for from word[at] on, up to word[room - 1]; where it ends."""
    cdef Py_ssize_t i
    cdef uint8_t pair
    for i in range(length):
        if at >= room:
            break
        pair = DIGITS[text[i]]
        if pair == ALONE:
            word[at] = text[i]
            at += 1
        else:
            word[at] = 48 + pair // 10
            if at + 1 < room:
                word[at + 1] = 48 + pair % 10
            at = min(at + 2, room)
    return at


cdef inline Py_ssize_t _decode(const uint8_t* text, Py_ssize_t* shared, Py_ssize_t* length) noexcept nogil:
    """Reads how much is shared and how many bytes follow; where those begin."""
    cdef Py_ssize_t used = 1, shift = 0
    shared[0] = text[0] >> 4
    length[0] = text[0] & MOST
    if length[0] == MOST:
        while text[used] & 128:
            length[0] += <Py_ssize_t>(text[used] & 127) << shift
            shift += 7
            used += 1
        length[0] += <Py_ssize_t>text[used] << shift
        used += 1
    return used


cdef inline uint32_t _row(const uint8_t[:, ::1] rows, Py_ssize_t width, Py_ssize_t entry) noexcept nogil:
    cdef uint32_t row = rows[entry, 0]
    if width > 1:
        row |= <uint32_t>rows[entry, 1] << 8
    if width > 2:
        row |= <uint32_t>rows[entry, 2] << 16
    if width > 3:
        row |= <uint32_t>rows[entry, 3] << 24
    return row


cdef void _insertion(Key* keys, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t i, j
    cdef Key key
    for i in range(1, n):
        key, j = keys[i], i
        while j > 0 and keys[j - 1].head > key.head:
            keys[j] = keys[j - 1]
            j -= 1
        keys[j] = key


cdef void _radix(Key* keys, Key* spare, Py_ssize_t n) noexcept nogil:
    """Stable sort by eight bytes, least significant first; bytes that all share are passed over."""
    cdef Py_ssize_t[8][256] counts
    cdef Py_ssize_t i, byte, sum, here
    cdef Key* source = keys
    cdef Key* target = spare
    memset(counts, 0, sizeof(counts))
    for i in range(n):
        for byte in range(8):
            counts[byte][(keys[i].head >> (8 * byte)) & 0xFF] += 1
    for byte in range(8):
        if counts[byte][(keys[0].head >> (8 * byte)) & 0xFF] == n:
            continue
        sum = 0
        for i in range(256):
            here = counts[byte][i]
            counts[byte][i] = sum
            sum += here
        for i in range(n):
            here = (source[i].head >> (8 * byte)) & 0xFF
            target[counts[byte][here]] = source[i]
            counts[byte][here] += 1
        source, target = target, source
    if source != keys:
        memcpy(keys, source, <size_t>n * sizeof(Key))


cdef int _sort(Key* keys, Key* spare, Py_ssize_t n, const uint8_t* bytes, const Piece* pieces) except -1 nogil:
    """Stable sort by the words, eight bytes at a time: runs that agree in them are sorted by the next eight."""
    cdef Py_ssize_t room = 64, open_spans = 1, i, first, last
    cdef Span span
    cdef const Piece* piece
    cdef Span* spans = <Span*>malloc(<size_t>room * sizeof(Span))
    cdef void* grown
    if spans is NULL:
        with gil:
            raise MemoryError
    spans[0] = Span(0, n, 0)
    while open_spans:
        open_spans -= 1
        span = spans[open_spans]
        for i in range(span.first, span.last):
            piece = &pieces[keys[i].piece]
            keys[i].head = _eight(bytes + piece.start + span.depth, max(<Py_ssize_t>piece.length - span.depth, 0))
        if span.last - span.first <= FEW:
            _insertion(keys + span.first, span.last - span.first)
        else:
            _radix(keys + span.first, spare, span.last - span.first)
        first = span.first
        while first < span.last:
            last = first + 1
            while last < span.last and keys[last].head == keys[first].head:
                last += 1
            if last - first > 1 and keys[first].head & 0xFF:  # eight bytes each: there may be more
                if open_spans == room:
                    room *= 2
                    grown = realloc(spans, <size_t>room * sizeof(Span))
                    if grown is NULL:
                        free(spans)
                        with gil:
                            raise MemoryError
                    spans = <Span*>grown
                spans[open_spans] = Span(first, last, span.depth + 8)
                open_spans += 1
            first = last
    free(spans)
    return 0


cdef Py_ssize_t _longest(
    const uint8_t[:, ::1] rows, const uint8_t[::1] text, const uint32_t[::1] blocks, const int64_t[::1] block_ends,
    const int64_t[::1] entry_ends
) noexcept nogil:
    """At least the bytes of the longest word."""
    cdef Py_ssize_t group, entry, stop, at, shared, length, found = 0
    for group in range(entry_ends.shape[0]):
        entry, stop = entry_ends[group - 1] if group else 0, entry_ends[group]
        at = blocks[block_ends[group - 1] if group else 0] if stop > entry else 0
        while entry < stop:
            at += _decode(&text[at], &shared, &length) + length
            found = max(found, shared + 2 * length)
            entry += 1
    return found


cdef int _check_index(
    const uint8_t[:, ::1] rows, const uint8_t[::1] text, const uint32_t[::1] blocks, const uint64_t[::1] heads,
    const int64_t[::1] entry_ends, const int64_t[::1] block_ends
) except -1:
    """Refuses arrays that do not fit together; what they hold is believed."""
    cdef Py_ssize_t groups = heads.shape[0]
    if groups == 0 or heads[0] != 0 or entry_ends.shape[0] != groups or block_ends.shape[0] != groups:
        raise ValueError("every head has its entries and blocks")
    if entry_ends[groups - 1] != rows.shape[0] or block_ends[groups - 1] != blocks.shape[0]:
        raise ValueError("entries and blocks end where those of the last head do")
    if rows.shape[0] and not 1 <= rows.shape[1] <= 4:
        raise ValueError("a row has one to four bytes")
    return 0


cdef Py_ssize_t _below(
    const uint8_t* text, const uint32_t[::1] blocks, Py_ssize_t first_block, Py_ssize_t last_block, Py_ssize_t entries,
    const uint8_t* prefix, Py_ssize_t size, bint through, uint8_t* word
) noexcept nogil:
    """How many of a head's entries come before those that begin with `prefix`; `through`: and how many begin so.

    `word` has room for size + MOST bytes, and no more of a word is looked at.
    """
    cdef Py_ssize_t low = first_block, high = last_block, middle, at, entry, shared, length
    cdef Py_ssize_t room = size + MOST
    while low < high:  # the first block that begins beyond what is counted
        middle = (low + high) >> 1
        at = blocks[middle]
        at += _decode(text + at, &shared, &length)
        if _is_below(word, _expand(text + at, length, word, 0, room), prefix, size, through):
            low = middle + 1
        else:
            high = middle
    if low == first_block:
        return 0
    entry, at = (low - 1 - first_block) * RUN, blocks[low - 1]
    high = min(entry + RUN, entries)
    while entry < high:
        at += _decode(text + at, &shared, &length)
        if not _is_below(word, _expand(text + at, length, word, shared, room), prefix, size, through):
            break
        at += length
        entry += 1
    return entry


cdef inline bint _is_below(
    const uint8_t* word, Py_ssize_t length, const uint8_t* prefix, Py_ssize_t size, bint through
) noexcept nogil:
    cdef int verdict = memcmp(word, prefix, <size_t>min(length, size))
    return verdict < 0 or (verdict == 0 and (through or length < size))


cdef void _mark(
    const uint8_t[:, ::1] rows, Py_ssize_t first, Py_ssize_t last, uint64_t[::1] bits
) noexcept nogil:
    cdef Py_ssize_t entry, width = rows.shape[1]
    cdef uint32_t row
    for entry in range(first, last):
        row = _row(rows, width, entry)
        if row >> 6 < bits.shape[0]:
            bits[row >> 6] |= <uint64_t>1 << (row & 63)


def mark(
    const uint8_t[:, ::1] rows not None, const uint8_t[::1] text not None, const uint32_t[::1] blocks not None,
    const uint64_t[::1] heads not None, const int64_t[::1] entry_ends not None, const int64_t[::1] block_ends not None,
    bytes prefix not None, uint64_t[::1] bits not None,
):
    """Sets the bits of the rows that have a word beginning with `prefix`, so far as `bits` has them.

    O(heads x log(entries) + rows found). The GIL is released.
    """
    _check_index(rows, text, blocks, heads, entry_ends, block_ends)
    cdef Py_ssize_t size = len(prefix), group, entry, stop, block, last_block, head, part, first, last
    cdef const uint8_t* wanted = <const uint8_t*>prefix
    cdef const uint8_t* coded = &text[0] if text.shape[0] else NULL
    cdef uint8_t[8] spelt
    cdef uint8_t* word = <uint8_t*>malloc(<size_t>size + MOST + 1)
    if word is NULL:
        raise MemoryError
    with nogil:
        for group in range(heads.shape[0]):
            entry, stop = entry_ends[group - 1] if group else 0, entry_ends[group]
            block, last_block = block_ends[group - 1] if group else 0, block_ends[group]
            head = _head_size(heads[group])
            _spell(heads[group], head, spelt)
            if group and memcmp(spelt, wanted, <size_t>min(head, size)) == 0:
                part = min(head, size)  # behind the head; all of them where the head covers the prefix
                first = _below(coded, blocks, block, last_block, stop - entry, wanted + part, size - part, False, word)
                last = _below(coded, blocks, block, last_block, stop - entry, wanted + part, size - part, True, word)
                _mark(rows, entry + first, entry + last, bits)
                if part == size:
                    continue
            first = _below(coded, blocks, block, last_block, stop - entry, wanted, size, False, word)
            last = _below(coded, blocks, block, last_block, stop - entry, wanted, size, True, word)
            _mark(rows, entry + first, entry + last, bits)
    free(word)
