"""Starts at which everybody and everything that some work needs is free at once, and who that is.

All rows of one question have the same length and first cell; cells outside are never free. Nothing here writes to what
it is given, scratch belongs to a call, and the GIL is released: any number of threads may ask at once, as long as the
owner of the timelines leaves them alone.
"""

from libc.stdint cimport int32_t, int64_t, uint32_t, uint64_t
from libc.stdlib cimport free as release, malloc
from libc.string cimport memset

import numpy as np

from core_ext.timeline cimport TimelineLoops, are_free, fetch_ahead, loops_in_use, put_cells

from core_ext.timeline import Starts

cdef extern from *:
    """
    #define lowest_bit(word) __builtin_ctzll(word)
    #define set_bits(word) __builtin_popcountll(word)
    """
    int lowest_bit(unsigned long long word) nogil
    int set_bits(unsigned long long word) nogil

cdef enum:
    MOST_LEGS = 4  # that may compete for the same resources: their subsets are all looked at
    SUBSETS = 1 << MOST_LEGS
    MOST_NEEDED = 64

cdef uint64_t ALL = ~<uint64_t>0
cdef int64_t FAR = <int64_t>1 << 40  # beyond every cell
cdef int32_t NO_PIECE = 0  # where pieces begin of which there are none


cdef struct Free:  # a matrix as the kernel sees it
    const uint64_t* rows
    int64_t words

cdef struct LegView:
    const int32_t* pieces  # NULL: the times follow from the start
    Py_ssize_t pieces_count
    const int32_t* until
    Py_ssize_t until_count
    int64_t offset
    int64_t length
    int needed
    bint follows
    bint paced
    int line  # the place of the first leg of the group with the same times

cdef struct Entry:  # a resource, and by which legs of its group it could be taken
    int64_t row
    uint32_t legs

cdef struct Group:  # legs that share candidates
    LegView legs[MOST_LEGS]
    int size
    int needed[SUBSETS]  # by each set of legs together
    Entry* entries
    const uint64_t** duties  # four an entry; NULL unless a leg is paced
    Py_ssize_t count
    int64_t reach  # the most cells that a start looks at, whatever the leg


cdef inline bint _is_first_line(const Group* group, uint32_t legs, int at) noexcept nogil:
    """Whether no earlier one of the legs has the same times."""
    cdef int other
    for other in range(at):
        if legs >> other & 1 and group.legs[other].line == group.legs[at].line:
            return False
    return True


cdef uint64_t* _union(
    const Group* group, uint32_t legs, int64_t words, int64_t line_words, uint64_t* lines
) noexcept nogil:
    """The starts at which a resource is free for one of the legs or another: a line, or the one behind all."""
    cdef uint64_t* found = NULL
    cdef uint64_t* spare = lines + MOST_LEGS * line_words
    cdef uint64_t* line
    cdef int at
    cdef int64_t i
    for at in range(group.size):
        if legs >> at & 1 and _is_first_line(group, legs, at):
            line = lines + group.legs[at].line * line_words
            if found is NULL:
                found = line
            else:
                for i in range(words):
                    spare[i] = found[i] | line[i]
                found = spare
    return found


cdef int64_t _pace(
    const uint64_t* free, const uint64_t* duty, const uint64_t* opening, int64_t words, int64_t start, int64_t length
) noexcept nogil:
    """The cell after the `length`-th cell of work from `start`, itself one; -1 if the resource is taken before."""
    cdef int64_t word = start >> 6, left = length
    cdef uint64_t from_here = ALL << (start & 63), work, taken, last
    cdef int count
    while word < words:
        taken = duty[word] & ~free[word] & from_here
        work = duty[word] & (opening[word] if opening is not NULL else ALL) & from_here
        if word == start >> 6 and not work >> (start & 63) & 1:
            return -1
        count = set_bits(work)
        if count >= left:
            last = work
            while left > 1:
                last &= last - 1
                left -= 1
            last &= -last
            return -1 if taken & (last | last - 1) else word * 64 + lowest_bit(last) + 1
        if taken:
            return -1
        left -= count
        from_here = ALL
        word += 1
    return -1


cdef class Leg:
    """What one place in some work asks for: `needed` different ones of its candidates, each free for all of its time.

    `rows`: the candidates' rows, best first, none twice. For a start s the time is [s + offset, s + offset + length).
    `pieces` (a, b, c, d) tells it otherwise: for starts in [a, b) it is [c, d), and other starts have none; offset and
    length are not used then. Only in splittable work, whose end e depends on who does it: a leg that `follows` lasts
    until e + (offset + length - the work's length), or until d where `until` (a, b, d) has a ≤ e < b (without such a
    piece there is no start); `duty`, the rows of bits of when each candidate works, lets them set the pace and so the
    end. ValueError for what does not fit together.
    """

    cdef readonly object rows
    cdef readonly int64_t length
    cdef readonly int64_t offset
    cdef readonly int needed
    cdef readonly bint follows
    cdef readonly object pieces
    cdef readonly object until
    cdef readonly object duty
    cdef const uint32_t[::1] _rows
    cdef const int32_t[:, ::1] _pieces
    cdef const int32_t[:, ::1] _until

    def __init__(
        self, const uint32_t[::1] rows not None, int64_t length=0, int64_t offset=0, int needed=1, *,
        const int32_t[:, ::1] pieces=None, bint follows=False, const int32_t[:, ::1] until=None, duty=None,
    ):
        if not 1 <= needed <= MOST_NEEDED:
            raise ValueError(f"a leg needs 1 to {MOST_NEEDED} resources")
        if pieces is None and not (0 < length < FAR and -FAR < offset < FAR):
            raise ValueError("a leg has at least one cell")
        if pieces is not None and pieces.shape[0] and pieces.shape[1] != 4:
            raise ValueError("a piece has four cells")
        if until is not None and (not follows or until.shape[0] and until.shape[1] != 3):
            raise ValueError("ends are told, by three cells each, of legs that follow the work")
        if duty is not None and (len(duty) != rows.shape[0] or follows or pieces is not None):
            raise ValueError("a leg that sets the pace needs the duty of each candidate and no other times")
        self.rows, self.length, self.offset, self.needed, self.follows = rows.base, length, offset, needed, follows
        self.pieces = None if pieces is None else pieces.base
        self.until = None if until is None else until.base
        self.duty = None if duty is None else tuple(duty)
        self._rows, self._pieces, self._until = rows, pieces, until


cdef class Work:
    """What a start needs: its legs, to be offered (a row of bits), and opening hours for its `length` cells or None.

    Legs that share candidates, directly or by way of others, get different resources: up to four legs may hang together
    so. Splittable work is done in the cells in which the centre is open and everybody who sets the pace is on duty,
    pauses in the others and ends after the `length`-th of them; it needs at least one leg with duty, and a cell of duty
    that is not free, between start and end, stops it. All rows have as many words as `offers`, which begins at
    `first_cell`. ValueError for what does not fit together. Prepared once, asked often, never changed.
    """

    cdef readonly tuple legs
    cdef readonly int64_t first_cell
    cdef readonly Py_ssize_t words
    cdef readonly int64_t length
    cdef readonly bint splittable
    cdef const uint64_t[::1] _offers
    cdef const uint64_t[::1] _opening
    cdef Group* _groups
    cdef Py_ssize_t _count
    cdef int64_t _most_row
    cdef list _place  # of each leg: its group and its place there
    cdef list _entry  # of each leg: the entry of each candidate

    def __cinit__(self):
        self._groups, self._count = NULL, 0

    def __dealloc__(self):
        cdef Py_ssize_t i
        for i in range(self._count):
            release(self._groups[i].entries)
            release(self._groups[i].duties)
        release(self._groups)

    def __init__(
        self, legs, int64_t length, const uint64_t[::1] offers not None, const uint64_t[::1] opening,
        int64_t first_cell, *, bint splittable=False,
    ):
        cdef Leg leg
        if self._groups is not NULL:
            raise TypeError("work is prepared once")
        self.legs = tuple(legs)
        self.first_cell, self.words, self.length, self.splittable = first_cell, offers.shape[0], length, splittable
        self._offers, self._opening = offers, opening
        if not 0 < length < FAR or not offers.shape[0] or not -FAR < first_cell < FAR:
            raise ValueError("work has at least one cell, and its timelines a word")
        if opening is not None and opening.shape[0] != offers.shape[0]:
            raise ValueError("opening hours and offers have rows of one length")
        paced = [leg.duty is not None for leg in self.legs]
        if splittable != any(paced):
            raise ValueError("somebody's duty sets the pace of splittable work, and of no other")
        for leg in self.legs:
            if not splittable and leg.follows:
                raise ValueError("only splittable work has legs that follow its end")
            if leg.follows and leg.pieces is None and leg.offset + leg.length < length:
                raise ValueError("a leg that follows the work lasts until its end")
            if leg.duty is not None and (leg.offset > 0 or leg.offset + leg.length < length):
                raise ValueError("who sets the pace is there for all of the work")
        self._most_row = max((int(leg.rows.max()) for leg in self.legs if len(leg.rows)), default=-1)
        self._join()

    cdef int _join(self) except -1:
        """Puts legs that share candidates together."""
        cdef Leg leg
        cdef Group* group
        cdef Py_ssize_t i, at
        groups = []  # of each: its legs, and the legs of each row
        for number, leg in enumerate(self.legs):
            rows = leg.rows.tolist()
            if len(set(rows)) != len(rows):
                raise ValueError("a candidate stands in a leg once")
            legs, members = [number], dict.fromkeys(rows)
            for other in [one for one in groups if not members.keys().isdisjoint(one[1])]:
                groups.remove(other)
                legs, members = other[0] + legs, {**other[1], **members}
            if len(legs) > MOST_LEGS:
                raise ValueError(f"up to {MOST_LEGS} legs may have candidates in common")
            groups.append((legs, members))
        self._place, self._entry = [None] * len(self.legs), [None] * len(self.legs)
        self._groups = <Group*>malloc(max(len(groups), 1) * sizeof(Group))
        if self._groups is NULL:
            raise MemoryError
        for legs, members in groups:
            group = &self._groups[self._count]
            memset(group, 0, sizeof(Group))
            group.entries = <Entry*>malloc(max(len(members), 1) * sizeof(Entry))
            if group.entries is NULL:
                raise MemoryError
            self._count += 1
            group.size, group.count = <int>len(legs), <Py_ssize_t>len(members)
            index = {row: i for i, row in enumerate(members)}
            for row, i in index.items():
                group.entries[i].row, group.entries[i].legs = row, 0
            if any(self.legs[number].duty is not None for number in legs):
                group.duties = <const uint64_t**>malloc(max(len(members), 1) * MOST_LEGS * sizeof(void*))
                if group.duties is NULL:
                    raise MemoryError
            for at, number in enumerate(legs):
                leg = self.legs[number]
                self._place[number] = (self._count - 1, at)
                self._entry[number] = [index[row] for row in leg.rows.tolist()]
                self._describe(leg, group, at)
                for i, entry in enumerate(self._entry[number]):
                    group.entries[entry].legs |= 1 << at
                    if leg.duty is not None:
                        group.duties[entry * MOST_LEGS + at] = self._duty(leg.duty[i])
            for i in range(1, 1 << group.size):
                group.needed[i] = sum(group.legs[at].needed for at in range(group.size) if i >> at & 1)
        return 0

    cdef int _describe(self, Leg leg, Group* group, Py_ssize_t at) except -1:
        cdef LegView* view = &group.legs[at]
        cdef Py_ssize_t i
        view.offset, view.length, view.needed = leg.offset, leg.length, leg.needed
        view.follows, view.paced, view.line = leg.follows, leg.duty is not None, <int>at
        if leg._pieces is not None:
            view.pieces_count = leg._pieces.shape[0]
            view.pieces = &leg._pieces[0, 0] if view.pieces_count else &NO_PIECE
            view.line = <int>at
        else:
            for i in range(at):
                if group.legs[i].pieces is NULL:
                    if group.legs[i].offset == view.offset and group.legs[i].length == view.length:
                        view.line = group.legs[i].line
                        break
            group.reach = max(group.reach, view.length)
        if leg._until is not None:
            view.until_count = leg._until.shape[0]
            view.until = &leg._until[0, 0] if view.until_count else &NO_PIECE
        return 0

    cdef const uint64_t* _duty(self, const uint64_t[::1] row) except NULL:
        if row is None or row.shape[0] != self.words:
            raise ValueError("duties have rows of the length of the offers")
        return &row[0]

    cdef Free _free(self, const uint64_t[:, ::1] rows) except *:
        cdef Free free
        if rows is None or rows.shape[1] != self.words or rows.shape[0] <= self._most_row:
            raise ValueError("the timelines do not have the rows of the work")
        free.rows, free.words = &rows[0, 0] if rows.shape[0] else NULL, rows.shape[1]
        return free

    cdef int64_t _scratch(self, int64_t words) noexcept:
        """Words of scratch for a window of so many words."""
        cdef Py_ssize_t i, subset
        cdef int64_t most = 0, planes
        for i in range(self._count):
            planes = 0
            for subset in range(1, 1 << self._groups[i].size):
                planes += min(self._groups[i].needed[subset], self._groups[i].count)
            most = max(most, planes * words + (MOST_LEGS + 1) * (words + self._tail(self._groups[i].reach)))
        return max(most, words + self._tail(self.length))

    cdef inline int64_t _tail(self, int64_t length) noexcept nogil:
        """Words behind a window that runs of this length from within it need."""
        return (min(length, self.words * 64 + 1) + 63) // 64 + 1

    cdef void _starts(
        self, const TimelineLoops* loops, Free free, int64_t first, int64_t last, uint64_t* out, uint64_t* scratch
    ) noexcept nogil:
        """Writes the starts in [first, last), which lie in the rows, from the word of `first` on."""
        cdef int64_t from_word = first >> 6, words = ((last - 1) >> 6) + 1 - from_word, i, tail
        cdef Py_ssize_t group
        cdef uint64_t any = 0, word
        for i in range(words):
            out[i] = self._offers[from_word + i]
        out[0] &= ALL << (first & 63)
        out[words - 1] &= ALL >> (63 - ((last - 1) & 63))
        if self._opening is not None and not self.splittable:
            if self.length > self.words * 64:
                memset(out, 0, words * sizeof(uint64_t))
                return
            tail = self._tail(self.length)
            loops.shifted(scratch, words + tail, &self._opening[0], self.words, from_word << 6)
            loops.runs(scratch, words + tail, self.length)
            for i in range(words):
                out[i] &= scratch[i]
        for i in range(words):
            any |= out[i]
        if not any:
            return
        if self.splittable:
            for i in range(words):
                word = out[i]
                while word:
                    if self._end(free, (from_word + i) * 64 + lowest_bit(word)) < 0:
                        out[i] &= ~(word & -word)
                    word &= word - 1
        else:
            for group in range(self._count):
                if not self._meet(loops, free, &self._groups[group], from_word, words, out, scratch):
                    return

    cdef bint _meet(
        self, const TimelineLoops* loops, Free free, Group* group, int64_t from_word, int64_t words, uint64_t* out,
        uint64_t* scratch
    ) noexcept nogil:
        """Keeps the starts at which the legs of a group have their resources: by Hall's theorem if each set of legs has
        as many candidates as it needs. False if none is left."""
        cdef int64_t line_words = words + self._tail(group.reach), i
        cdef int at, needed, subset
        cdef Py_ssize_t entry
        cdef uint32_t legs
        cdef uint64_t* planes[SUBSETS]
        cdef uint64_t* place = scratch + (MOST_LEGS + 1) * line_words
        cdef uint64_t any = 0
        for subset in range(1, 1 << group.size):
            needed = group.needed[subset]
            if needed > group.count:
                memset(out, 0, words * sizeof(uint64_t))
                return False
            planes[subset] = place
            memset(place, 0, needed * words * sizeof(uint64_t))
            place += needed * words
        for entry in range(group.count):
            legs = group.entries[entry].legs
            if entry + 1 < group.count:
                fetch_ahead(free.rows + group.entries[entry + 1].row * free.words + from_word, words)
            for at in range(group.size):
                if legs >> at & 1 and _is_first_line(group, legs, at):
                    self._line(
                        loops, free, &group.legs[at], group.entries[entry].row, from_word, words, line_words,
                        scratch + group.legs[at].line * line_words,
                    )
            for subset in range(1, 1 << group.size):
                if legs & subset:
                    loops.tally(
                        planes[subset], _union(group, legs & subset, words, line_words, scratch), words,
                        group.needed[subset],
                    )
        for subset in range(1, 1 << group.size):
            place = planes[subset] + (group.needed[subset] - 1) * words
            for i in range(words):
                out[i] &= place[i]
        for i in range(words):
            any |= out[i]
        return any != 0

    cdef void _line(
        self, const TimelineLoops* loops, Free free, const LegView* leg, int64_t row, int64_t from_word, int64_t words,
        int64_t line_words, uint64_t* line
    ) noexcept nogil:
        """Writes the starts of a window for which a row has all cells of a leg."""
        cdef const uint64_t* cells = free.rows + row * free.words
        cdef Py_ssize_t i
        cdef const int32_t* piece
        cdef int64_t first = from_word << 6, here = self.first_cell
        if leg.pieces is NULL:
            if leg.length > free.words * 64:
                memset(line, 0, words * sizeof(uint64_t))
            else:
                loops.shifted(line, line_words, cells, free.words, first + leg.offset)
                loops.runs(line, line_words, leg.length)
        else:
            memset(line, 0, words * sizeof(uint64_t))
            for i in range(leg.pieces_count):
                piece = leg.pieces + 4 * i
                if piece[0] - here < first + words * 64 and piece[1] - here > first:
                    if are_free(cells, free.words, piece[2] - here, piece[3] - here):
                        put_cells(
                            line, max(piece[0] - here - first, 0), min(piece[1] - here - first, words * 64), True
                        )

    cdef bint _can(
        self, Free free, const Group* group, Py_ssize_t entry, int at, int64_t start, int64_t end
    ) noexcept nogil:
        """Whether a candidate has all cells of one leg free for a start and the work's end, relative to the rows."""
        cdef const LegView* leg = &group.legs[at]
        cdef const uint64_t* cells = free.rows + group.entries[entry].row * free.words
        cdef int64_t begin = start + leg.offset, until = begin + leg.length, here = self.first_cell
        cdef Py_ssize_t i
        cdef bint found
        if leg.pieces is not NULL:
            found = False
            for i in range(leg.pieces_count):
                if leg.pieces[4 * i] - here <= start < leg.pieces[4 * i + 1] - here:
                    begin, until = leg.pieces[4 * i + 2] - here, leg.pieces[4 * i + 3] - here
                    if not leg.follows and are_free(cells, free.words, begin, until):
                        return True
                    found = True
                    if leg.follows:
                        break
            if not found or not leg.follows:
                return False
        elif leg.follows or leg.paced:
            until = end + leg.offset + leg.length - self.length
        if leg.until is not NULL:
            found = False
            for i in range(leg.until_count):
                if leg.until[3 * i] - here <= end < leg.until[3 * i + 1] - here:
                    until, found = leg.until[3 * i + 2] - here, True
                    break
            if not found:
                return False
        if not leg.paced:
            return are_free(cells, free.words, begin, until)
        return are_free(cells, free.words, begin, start) and are_free(cells, free.words, end, until) and end == _pace(
            cells, group.duties[entry * MOST_LEGS + at], &self._opening[0] if self._opening is not None else NULL,
            free.words, start, self.length,
        )

    cdef uint32_t _able(
        self, Free free, const Group* group, Py_ssize_t entry, int64_t start, int64_t end
    ) noexcept nogil:
        """The legs of its group that a candidate could take."""
        cdef uint32_t legs = 0
        cdef int at
        for at in range(group.size):
            if group.entries[entry].legs >> at & 1 and self._can(free, group, entry, at, start, end):
                legs |= 1 << at
        return legs

    cdef bint _staffed(self, Free free, int64_t start, int64_t end) noexcept nogil:
        """Whether all legs have their resources for a start and an end."""
        cdef Py_ssize_t number, entry
        cdef Group* group
        cdef int[SUBSETS] counts
        cdef uint32_t legs
        for number in range(self._count):
            group = &self._groups[number]
            memset(counts, 0, sizeof(counts))
            for entry in range(group.count):
                legs = self._able(free, group, entry, start, end)
                counts[legs] += 1
                if group.size == 1 and counts[1] == group.needed[1]:
                    break
            if not _suffices(group, counts, 0):
                return False
        return True

    cdef int64_t _end(self, Free free, int64_t start) noexcept nogil:
        """The earliest end from a start at which all have time, relative to the rows; -1 if there is none."""
        cdef Py_ssize_t number, entry
        cdef Group* group
        cdef int64_t end, least, tried = -1
        cdef int at
        if not self.splittable:
            end = start + self.length
            return end if self._staffed(free, start, end) else -1
        while True:
            least = FAR
            for number in range(self._count):
                group = &self._groups[number]
                if group.duties is NULL:
                    continue
                for entry in range(group.count):
                    for at in range(group.size):
                        if group.entries[entry].legs >> at & 1 and group.legs[at].paced:
                            end = _pace(
                                free.rows + group.entries[entry].row * free.words,
                                group.duties[entry * MOST_LEGS + at],
                                &self._opening[0] if self._opening is not None else NULL, free.words, start,
                                self.length,
                            )
                            if tried < end < least:
                                least = end
            if least == FAR:
                return -1
            if self._staffed(free, start, least):
                return least
            tried = least

    cdef bint _offered(self, int64_t start) noexcept nogil:
        """Whether a start is offered and its work, unless it pauses, lies in the opening hours."""
        if not 0 <= start < self.words * 64 or not self._offers[start >> 6] >> (start & 63) & 1:
            return False
        return self.splittable or self._opening is None or are_free(
            &self._opening[0], self.words, start, start + self.length
        )


cdef bint _suffices(const Group* group, const int* counts, uint32_t taken) noexcept nogil:
    """Hall's condition: each set of legs has as many candidates, counted by the legs each could take, as it needs.

    `taken`: one of the places of this leg (a bit) has been given away, 0 for none.
    """
    cdef int subset, legs, sum
    for subset in range(1, 1 << group.size):
        sum = 1 if taken & subset else 0
        for legs in range(1, 1 << group.size):
            if legs & subset:
                sum += counts[legs]
        if sum < group.needed[subset]:
            return False
    return True


def many(frees, works, int64_t first, int64_t last):
    """The starts in [first, last) of each work in the timelines beside it: Starts, a line each.

    All works are about rows of one length and first cell (ValueError); MemoryError if there is no room for scratch.
    O(words x resources x log length) each; the GIL is released for all of them together. Splittable work looks at each
    offered start by itself and takes longer.
    """
    cdef tuple kept = tuple(frees)  # nothing that is looked at goes away meanwhile
    cdef tuple asked = tuple(works)
    cdef Py_ssize_t count = len(asked), i
    cdef const uint64_t[:, ::1] rows
    cdef Work work
    cdef int64_t words = 0, from_word = 0, most = 0, cell = 0
    cdef const TimelineLoops* loops = loops_in_use()
    cdef void** kernels = NULL
    cdef Free* views = NULL
    cdef uint64_t* scratch = NULL
    cdef uint64_t[:, ::1] out
    if len(kept) != count:
        raise ValueError("each work needs its timelines")
    if count:
        work = asked[0]
        cell = work.first_cell
        first, last = max(first - cell, 0), min(last - cell, work.words * 64)
        if first < last:
            from_word, words = first >> 6, ((last - 1) >> 6) + 1 - (first >> 6)
    found = np.zeros((count, words), np.uint64)
    out = found
    try:
        kernels = <void**>malloc(max(count, 1) * sizeof(void*))
        views = <Free*>malloc(max(count, 1) * sizeof(Free))
        if kernels is NULL or views is NULL:
            raise MemoryError
        for i in range(count):
            work, rows = asked[i], kept[i]
            if work.first_cell != cell or work.words != (<Work>asked[0]).words:
                raise ValueError("all timelines have one first cell and length")
            views[i], kernels[i] = work._free(rows), <void*>work
            most = max(most, work._scratch(words))
        scratch = <uint64_t*>malloc(max(most, 1) * sizeof(uint64_t))
        if scratch is NULL:
            raise MemoryError
        if words:
            with nogil:
                for i in range(count):
                    (<Work>kernels[i])._starts(loops, views[i], first, last, &out[i, 0], scratch)
    finally:
        release(scratch)
        release(views)
        release(kernels)
    return Starts(found, cell + from_word * 64)


def starts(const uint64_t[:, ::1] free not None, Work work not None, int64_t first, int64_t last):
    """The starts (int32 cells, ascending) in [first, last) at which all legs of the work have their resources."""
    return many((free,), (work,), first, last).cells(0)


def ends(const uint64_t[:, ::1] free not None, Work work not None, const int32_t[::1] starts not None):
    """The earliest end (int32) of the work from each of some starts; -1 where it cannot start or is not offered."""
    cdef Free view = work._free(free)
    cdef Py_ssize_t i
    cdef int64_t start, end
    found = np.full(starts.shape[0], -1, np.int32)
    cdef int32_t[::1] out = found
    with nogil:
        for i in range(starts.shape[0]):
            start = starts[i] - work.first_cell
            if work._offered(start):
                end = work._end(view, start)
                if end >= 0:
                    out[i] = <int32_t>(end + work.first_cell)
    return found


def who(const uint64_t[:, ::1] free not None, Work work not None, int64_t start, end=None):
    """For each leg the rows (uint32, in its order) of those who could do it while all others have somebody too.

    `end`: of splittable work, the earliest unless given. Which of them go together where legs share candidates is for
    the caller to choose. All are empty where the work cannot start or is not offered.
    """
    cdef Free view = work._free(free)
    cdef Py_ssize_t number, entry
    cdef Group* group
    cdef uint32_t legs
    cdef int[SUBSETS] counts
    cdef int at, place
    cdef int64_t until
    none = [np.zeros(0, np.uint32) for _ in work.legs]
    start -= work.first_cell
    until = -1
    if work._offered(start):
        until = work._end(view, start) if end is None else <int64_t>end - work.first_cell
    if until < 0 or not work.splittable and until != start + work.length or not work._staffed(view, start, until):
        return none
    usable = []  # of each group: of each entry the legs that it can take
    for number in range(work._count):
        group = &work._groups[number]
        able = [work._able(view, group, entry, start, until) for entry in range(group.count)]
        memset(counts, 0, sizeof(counts))
        for legs in able:
            counts[legs] += 1
        allowed = []
        for legs in range(1 << group.size):
            chosen = 0
            counts[legs] -= 1
            for at in range(group.size):
                if legs >> at & 1 and _suffices(group, counts, 1 << at):
                    chosen |= 1 << at
            counts[legs] += 1
            allowed.append(chosen)
        usable.append([allowed[legs] for legs in able])
    found = []
    for leg, (number, place), entries in zip(work.legs, work._place, work._entry):
        fit = np.array([usable[number][entry] >> place & 1 for entry in entries], bool)
        found.append(leg.rows[fit])
    return found
