"""PostgreSQL's binary COPY stream taken apart into columns, a chunk at a time; no Python object a row.

Kinds of fields, with what `take` gives for each:

- `uuid`: uint8 (rows, 16); ValueError for null.
- `int`, `date`: int64, ABSENT for null. Whole numbers of 2, 4 or 8 bytes; a date as Python's ordinal.
- `code`: uint32, a number from 1 for each different content, 0 for null; what the numbers mean tells `dictionary`.
- `text`: (uint8 blob, int64 starts of rows + 1, bool: there is one); null is empty and not there.
- `codes`, `texts`: an array of one dimension; (uint32 starts of rows + 1, what its elements are as above without null).
  Null is an empty one.
- `members`: a jsonb object; (uint32 starts, uint32 codes) of its members, each as it stands there: `"seats": 5`.
"""

from libc.stdint cimport INT64_MIN, int16_t, int32_t, int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, realloc
from libc.string cimport memcpy, memmove

import numpy as np

ABSENT = INT64_MIN
KINDS = ("uuid", "int", "date", "code", "text", "codes", "texts", "members")

cdef enum:
    UUID, INT, DATE, CODE, TEXT, CODES, TEXTS, MEMBERS

cdef enum Fault:
    SOUND = 0
    NO_MEMORY
    NULL_ID
    WRONG_SIZE
    WRONG_FIELDS
    WRONG_ARRAY
    WRONG_OBJECT
    TOO_MANY

_FAULTS = {
    NULL_ID: "an id is null",
    WRONG_SIZE: "a field has another size than its kind",
    WRONG_FIELDS: "a row has another number of fields than asked for",
    WRONG_ARRAY: "an array is not of one dimension without nulls",
    WRONG_OBJECT: "a jsonb field holds no object",
    TOO_MANY: "a column has more than 2^32 elements",
}
_SIGNATURE = b"PGCOPY\n\xff\r\n\x00"
cdef int64_t _EPOCH = 730_120  # the ordinal of 2000-01-01, PostgreSQL's day 0
cdef int64_t _FIRST_DAY = 1
cdef int64_t _LAST_DAY = 3_652_059


cdef struct Buffer:
    uint8_t* data
    Py_ssize_t used
    Py_ssize_t room


cdef struct Entry:
    int64_t start
    uint32_t length
    uint32_t hash


cdef struct Slot:
    uint32_t code  # 0: free
    uint32_t hash


cdef struct Dictionary:
    Buffer texts  # one after the other
    Buffer entries  # Entry by code
    Slot* slots
    Py_ssize_t size  # of the slots, a power of two
    uint32_t count


cdef struct Column:
    int kind
    Buffer values  # numbers, ids, codes or bytes of texts
    Buffer ends  # where a row's elements end: uint32
    Buffer text_ends  # where a text ends: int64
    Buffer present  # whether a row has a text: uint8
    Dictionary dictionary


cdef inline Fault _room(Buffer* buffer, Py_ssize_t more) noexcept nogil:
    cdef void* grown
    cdef Py_ssize_t wanted
    if buffer.used + more > buffer.room:
        wanted = max(buffer.used + more, buffer.room + (buffer.room >> 1) + 4096)
        grown = realloc(buffer.data, <size_t>wanted)
        if grown is NULL:
            return NO_MEMORY
        buffer.data, buffer.room = <uint8_t*>grown, wanted
    return SOUND


cdef inline Fault _append(Buffer* buffer, const void* data, Py_ssize_t size) noexcept nogil:
    if _room(buffer, size):
        return NO_MEMORY
    if size:  # without an address there is nothing to copy to
        memcpy(buffer.data + buffer.used, data, <size_t>size)
    buffer.used += size
    return SOUND


cdef inline uint64_t _be(const uint8_t* at, Py_ssize_t size) noexcept nogil:
    cdef uint64_t value = 0
    cdef Py_ssize_t i
    for i in range(size):
        value = value << 8 | at[i]
    return value


cdef inline int32_t _int32(const uint8_t* at) noexcept nogil:
    return <int32_t>(
        <uint32_t>at[0] << 24 | <uint32_t>at[1] << 16 | <uint32_t>at[2] << 8 | <uint32_t>at[3]
    )


cdef inline uint64_t _eight(const uint8_t* at) noexcept nogil:
    cdef uint64_t word
    memcpy(&word, at, 8)
    return word


cdef inline uint32_t _four(const uint8_t* at) noexcept nogil:
    cdef uint32_t word
    memcpy(&word, at, 4)
    return word


cdef inline uint64_t _mixed(uint64_t hash, uint64_t word) noexcept nogil:
    hash = (hash ^ word) * <uint64_t>0x9FB21C651E98DF25
    return hash ^ (hash >> 35)


cdef inline uint64_t _hash(const uint8_t* text, Py_ssize_t length) noexcept nogil:
    """Eight bytes at a time, the last ones once more: contents are short, and calls for their last bytes dear."""
    cdef uint64_t found = <uint64_t>length * <uint64_t>0x9E3779B97F4A7C15
    if length >= 8:
        while length > 8:
            found = _mixed(found, _eight(text))
            text += 8
            length -= 8
        return _mixed(found, _eight(text + length - 8))
    if length >= 4:
        return _mixed(found, <uint64_t>_four(text) << 32 | _four(text + length - 4))
    if length:
        return _mixed(found, text[0] | text[length >> 1] << 8 | text[length - 1] << 16)
    return found


cdef inline bint _same(const uint8_t* a, const uint8_t* b, Py_ssize_t length) noexcept nogil:
    if length >= 8:
        while length > 8:
            if _eight(a) != _eight(b):
                return False
            a += 8
            b += 8
            length -= 8
        return _eight(a + length - 8) == _eight(b + length - 8)
    if length >= 4:
        return _four(a) == _four(b) and _four(a + length - 4) == _four(b + length - 4)
    while length:
        length -= 1
        if a[length] != b[length]:
            return False
    return True


cdef Fault _grow(Dictionary* of) noexcept nogil:
    """Twice the slots, each code at its place."""
    cdef Py_ssize_t size = of.size * 2 if of.size else 256, at
    cdef uint32_t code, hash
    cdef Slot* slots = <Slot*>calloc(<size_t>size, sizeof(Slot))
    if slots is NULL:
        return NO_MEMORY
    for code in range(1, of.count + 1):
        hash = (<Entry*>of.entries.data)[code - 1].hash
        at = hash & (size - 1)
        while slots[at].code:
            at = (at + 1) & (size - 1)
        slots[at] = Slot(code, hash)
    free(of.slots)
    of.slots, of.size = slots, size
    return SOUND


cdef inline Fault _code(Dictionary* of, const uint8_t* text, Py_ssize_t length, uint32_t* code) noexcept nogil:
    """The code of a content, given to it if it is new."""
    cdef uint64_t wide = _hash(text, length)
    cdef uint32_t hash = <uint32_t>(wide ^ (wide >> 32))
    cdef Py_ssize_t at = hash & (of.size - 1)
    cdef Entry* entry
    if of.size:
        while of.slots[at].code:
            if of.slots[at].hash == hash:
                entry = <Entry*>of.entries.data + of.slots[at].code - 1
                if entry.length == length and _same(of.texts.data + entry.start, text, length):
                    code[0] = of.slots[at].code
                    return SOUND
            at = (at + 1) & (of.size - 1)
    return _learn(of, text, length, hash, code)


cdef Fault _learn(
    Dictionary* of, const uint8_t* text, Py_ssize_t length, uint32_t hash, uint32_t* code
) noexcept nogil:
    cdef Entry entry = Entry(of.texts.used, <uint32_t>length, hash)
    cdef Py_ssize_t at
    if of.count >= <uint32_t>0xFFFFFFFE:
        return TOO_MANY
    if 2 * <Py_ssize_t>of.count >= of.size and _grow(of):
        return NO_MEMORY
    if _append(&of.texts, text, length) or _append(&of.entries, &entry, sizeof(Entry)):
        return NO_MEMORY
    at = hash & (of.size - 1)
    while of.slots[at].code:
        at = (at + 1) & (of.size - 1)
    of.count += 1
    of.slots[at] = Slot(of.count, hash)
    code[0] = of.count
    return SOUND


cdef Fault _add(Column* column, const uint8_t* field, int32_t size) noexcept nogil:
    """One field of a row, `size` bytes or -1 for null."""
    cdef int64_t number = INT64_MIN, days
    cdef uint32_t code = 0
    cdef uint8_t present = size >= 0
    cdef Fault fault
    if column.kind == CODE:
        if size >= 0:
            fault = _code(&column.dictionary, field, size, &code)
            if fault:
                return fault
        return _append(&column.values, &code, 4)
    if column.kind == INT:
        if size == 8:
            number = <int64_t>_be(field, 8)
        elif size == 4:
            number = _int32(field)
        elif size == 2:
            number = <int16_t>_be(field, 2)
        elif size >= 0:
            return WRONG_SIZE
        return _append(&column.values, &number, 8)
    if column.kind == DATE:
        if size == 4:
            days = _int32(field)
            if days == <int64_t>0x7FFFFFFF:  # infinity, as the driver reads it
                number = _LAST_DAY
            elif days == -<int64_t>0x80000000:
                number = _FIRST_DAY
            else:
                number = days + _EPOCH
                if not _FIRST_DAY <= number <= _LAST_DAY:
                    return WRONG_SIZE
        elif size >= 0:
            return WRONG_SIZE
        return _append(&column.values, &number, 8)
    if column.kind == UUID:
        if size != 16:
            return NULL_ID if size < 0 else WRONG_SIZE
        return _append(&column.values, field, 16)
    if column.kind == TEXT:
        if (size > 0 and _append(&column.values, field, size)) or _append(&column.present, &present, 1):
            return NO_MEMORY
        return _text_ends(column)
    if size >= 0:
        fault = _members(column, field, size) if column.kind == MEMBERS else _elements(column, field, size)
        if fault:
            return fault
    return _row_ends(column)


cdef inline Fault _text_ends(Column* column) noexcept nogil:
    cdef int64_t end = column.values.used
    return _append(&column.text_ends, &end, 8)


cdef inline Fault _row_ends(Column* column) noexcept nogil:
    cdef Py_ssize_t count = column.text_ends.used // 8 if column.kind == TEXTS else column.values.used // 4
    cdef uint32_t end = <uint32_t>count
    if count > <Py_ssize_t>0xFFFFFFFF:
        return TOO_MANY
    return _append(&column.ends, &end, 4)


cdef Fault _elements(Column* column, const uint8_t* field, int32_t size) noexcept nogil:
    """The elements of a one-dimensional array."""
    cdef const uint8_t* end = field + size
    cdef int32_t count, length
    cdef uint32_t code
    cdef Fault fault
    if size < 12:
        return WRONG_ARRAY
    if _int32(field) == 0:
        return SOUND if size == 12 else WRONG_ARRAY
    if _int32(field) != 1 or size < 20:
        return WRONG_ARRAY
    count = _int32(field + 12)
    field += 20
    while count > 0:
        if end - field < 4:
            return WRONG_ARRAY
        length = _int32(field)
        field += 4
        if length < 0 or length > end - field:
            return WRONG_ARRAY
        if column.kind == CODES:
            fault = _code(&column.dictionary, field, length, &code)
            if fault:
                return fault
            if _append(&column.values, &code, 4):
                return NO_MEMORY
        elif _append(&column.values, field, length) or _text_ends(column):
            return NO_MEMORY
        field += length
        count -= 1
    return SOUND if field == end else WRONG_ARRAY


cdef Fault _members(Column* column, const uint8_t* field, int32_t size) noexcept nogil:
    """The members of an object, as PostgreSQL writes it: one space after colons and commas, valid JSON."""
    cdef const uint8_t* end = field + size
    cdef const uint8_t* at = field + 2
    cdef const uint8_t* member
    cdef uint32_t code
    cdef Fault fault
    cdef Py_ssize_t depth
    if size < 3 or field[0] != 1 or field[1] != b"{" or (end - 1)[0] != b"}":
        return WRONG_OBJECT
    end -= 1
    while at < end:
        member, depth = at, 0
        while at < end:
            if at[0] == b'"':
                at += 1
                while at < end and at[0] != 34:
                    at += 2 if at[0] == 92 else 1
                if at >= end:
                    return WRONG_OBJECT
            elif at[0] == b"{" or at[0] == b"[":
                depth += 1
            elif at[0] == b"}" or at[0] == b"]":
                depth -= 1
            elif at[0] == b"," and depth == 0:
                break
            at += 1
        if depth or member[0] != b'"':
            return WRONG_OBJECT
        fault = _code(&column.dictionary, member, at - member, &code)
        if fault:
            return fault
        if _append(&column.values, &code, 4):
            return NO_MEMORY
        at += 1
        while at < end and at[0] == b" ":
            at += 1
    return SOUND


cdef class CopyReader:
    """Columns of a binary COPY stream; `kinds` names what each field is. One thread at a time.

    `feed` the stream in pieces as they come; `take` what has been read since the last `take`; `finish` at its end.
    ValueError for a stream that is none, or not of these kinds: nothing more can be read then.
    """

    cdef Column* _columns
    cdef Py_ssize_t _fields
    cdef Buffer _stream
    cdef bint _begun, _ended
    cdef readonly Py_ssize_t rows
    """Rows that wait to be taken."""

    def __cinit__(self, kinds):
        cdef Py_ssize_t i
        self._fields = len(kinds)
        self._columns = <Column*>calloc(<size_t>max(self._fields, 1), sizeof(Column))
        if self._columns is NULL:
            raise MemoryError
        for i in range(self._fields):
            self._columns[i].kind = KINDS.index(kinds[i])

    def __dealloc__(self):
        cdef Py_ssize_t i
        cdef Column* column
        free(self._stream.data)
        if self._columns is not NULL:
            for i in range(self._fields):
                column = &self._columns[i]
                free(column.values.data)
                free(column.ends.data)
                free(column.text_ends.data)
                free(column.present.data)
                free(column.dictionary.texts.data)
                free(column.dictionary.entries.data)
                free(column.dictionary.slots)
            free(self._columns)

    def feed(self, const uint8_t[::1] data not None):
        """Takes a piece of the stream; rows need not end where pieces do. The GIL is released."""
        cdef Fault fault = SOUND
        cdef Py_ssize_t at = 0
        if data.shape[0]:
            with nogil:
                fault = _append(&self._stream, &data[0], data.shape[0])
        if fault:
            raise MemoryError
        if not self._begun:
            if self._stream.used < 19:
                return
            at = self._header()
            if at == 0:
                return
        with nogil:
            fault = self._read(&at)
            memmove(self._stream.data, self._stream.data + at, <size_t>(self._stream.used - at))
            self._stream.used -= at
        if fault == NO_MEMORY:
            raise MemoryError
        if fault:
            raise ValueError(_FAULTS[fault])

    cdef Py_ssize_t _header(self) except -1:
        """Where the first row begins; 0 if that has not come yet."""
        cdef const uint8_t* at = self._stream.data
        cdef int32_t more = _int32(at + 15)
        if at[:11] != _SIGNATURE or at[11] or at[12] or more < 0 or more > 1 << 20:
            raise ValueError("this is no binary COPY stream")
        if self._stream.used < 19 + more:
            return 0
        self._begun = True
        return 19 + more

    cdef Fault _read(self, Py_ssize_t* at) noexcept nogil:
        """Reads all rows that have come as a whole; `at` moves behind them."""
        cdef const uint8_t* field
        cdef const uint8_t* end = self._stream.data + self._stream.used
        cdef Py_ssize_t i
        cdef int32_t size
        cdef Fault fault
        while not self._ended:
            field = self._stream.data + at[0]
            if end - field < 2:
                return SOUND
            size = <int16_t>_be(field, 2)
            field += 2
            if size == -1:
                self._ended = True
                at[0] += 2
                break
            if size != self._fields:
                return WRONG_FIELDS
            for _ in range(self._fields):  # is it all there?
                if end - field < 4:
                    return SOUND
                size = _int32(field)
                if size < -1:
                    return WRONG_SIZE
                if size > end - field - 4:
                    return SOUND
                field += 4 + max(size, 0)
            field = self._stream.data + at[0] + 2
            for i in range(self._fields):
                size = _int32(field)
                fault = _add(&self._columns[i], field + 4, size)
                if fault:
                    return fault
                field += 4 + max(size, 0)
            at[0] = field - self._stream.data
            self.rows += 1
        return SOUND if at[0] == self._stream.used else WRONG_FIELDS

    def take(self):
        """The columns of the rows read since the last time, in the order of the fields, see the module."""
        cdef Py_ssize_t i
        cdef Column* column
        found = []
        for i in range(self._fields):
            column = &self._columns[i]
            if column.kind == UUID:
                found.append(_array(&column.values, np.uint8, 1).reshape(-1, 16))
            elif column.kind == INT or column.kind == DATE:
                found.append(_array(&column.values, np.int64, 8))
            elif column.kind == CODE:
                found.append(_array(&column.values, np.uint32, 4))
            elif column.kind == TEXT:
                starts = _starts(&column.text_ends, np.int64, 8)
                found.append((_array(&column.values, np.uint8, 1), starts, _array(&column.present, np.bool_, 1)))
            elif column.kind == TEXTS:
                inner = _starts(&column.text_ends, np.int64, 8)
                found.append((_starts(&column.ends, np.uint32, 4), _array(&column.values, np.uint8, 1), inner))
            else:
                found.append((_starts(&column.ends, np.uint32, 4), _array(&column.values, np.uint32, 4)))
        self.rows = 0
        return found

    def dictionary(self, Py_ssize_t field, Py_ssize_t first=1):
        """What the codes of a field mean, from code `first` on: bytes, as they stood in the stream."""
        if not 0 <= field < self._fields or first < 1:
            raise IndexError("no such field or code")
        cdef Dictionary* of = &self._columns[field].dictionary
        cdef const Entry* entries = <const Entry*>of.entries.data
        cdef Py_ssize_t code
        found = []
        for code in range(first - 1, <Py_ssize_t>of.count):
            found.append((<const char*>of.texts.data + entries[code].start)[:entries[code].length])
        return found

    def finish(self):
        """Call when the stream has ended; ValueError if it was cut off."""
        if not self._ended or self._stream.used:
            raise ValueError("the COPY stream is cut off")


cdef object _array(Buffer* buffer, dtype, Py_ssize_t size):
    """A copy of what the buffer holds; the buffer is empty afterwards and keeps its room."""
    cdef uint8_t[::1] made = np.empty(buffer.used, np.uint8)
    if buffer.used:
        memcpy(&made[0], buffer.data, <size_t>buffer.used)
    buffer.used = 0
    return np.asarray(made).view(dtype)


cdef object _starts(Buffer* buffer, dtype, Py_ssize_t size):
    """0 and then the ends."""
    return np.concatenate((np.zeros(1, dtype), _array(buffer, dtype, size)))


def first_of_kind(
    const uint32_t[::1] starts not None, const uint32_t[::1] codes not None, const uint32_t[::1] kinds not None
):
    """Lists without elements of a kind that the list already had, and with one 0 where nothing stood.

    List i is codes[starts[i]:starts[i + 1]]; `kinds` by code. (starts, codes), both uint32. IndexError for a code
    without a kind. O(elements); the GIL is released.
    """
    cdef Py_ssize_t i, j, n = starts.shape[0] - 1, used = 0, first
    if n < 0 or starts[0] != 0 or starts[n] != codes.shape[0]:
        raise ValueError("starts must run from 0 to the number of codes")
    if codes.shape[0] and np.max(codes) >= kinds.shape[0]:
        raise IndexError("a code without a kind")
    cdef uint32_t[::1] kept = np.empty(codes.shape[0] + n, np.uint32)
    cdef uint32_t[::1] ends = np.zeros(n + 1, np.uint32)
    cdef int64_t[::1] seen = np.full((np.max(kinds) if kinds.shape[0] else 0) + 1, -1, np.int64)
    with nogil:
        for i in range(n):
            first = used
            for j in range(starts[i], starts[i + 1]):
                if seen[kinds[codes[j]]] != i:
                    seen[kinds[codes[j]]] = i
                    kept[used] = codes[j]
                    used += 1
            if used == first:
                kept[used] = 0
                used += 1
            ends[i + 1] = <uint32_t>used
    return np.asarray(ends), np.asarray(kept[:used])
