package snapshot

// An edit puts a position into a set or takes it out.
type edit struct {
	position uint64
	removed  bool
}

// appendSpliced appends the section after edits, which are sorted, to b. It
// returns false if they do not fit: a position that is there is added, or one added twice.
// Between edits the bits are copied as they are, unless the gaps need another code.
func (s *riceSet) appendSpliced(b []byte, edits []edit) ([]byte, bool) {
	count := s.count
	for _, e := range edits {
		if e.removed {
			count--
		} else {
			count++
		}
	}
	code := golombFor(count, s.m)
	if code != s.code {
		fits := true
		b = appendRice(b, s.merged(edits, &fits), count, s.m, s.shift)
		return b, fits
	}
	index := len(b) + riceHeaderSize
	b = append(appendRiceHeader(b, count, code, s.shift), s.index...)
	w := bitWriter{out: b}
	at := uint64(0)
	for block := range uint64(len(s.index) / riceIndexSize) {
		in, size := s.block(block)
		n := 0
		for n < len(edits) && edits[n].position>>s.shift == block {
			n++
		}
		start := len(w.out)
		if n == 0 {
			w.out = append(w.out, s.gaps[at:at+size]...)
		} else {
			var ok bool
			if in, ok = s.spliceBlock(&w, block, at, in, edits[:n]); !ok {
				return nil, false
			}
			w.align()
		}
		putRiceIndex(w.out[index:], block, in, len(w.out)-start)
		edits = edits[n:]
		at += size
	}
	return w.out, true
}

// spliceBlock writes the gaps of a block after edits, one at least, and returns how
// many there are. It decodes the neighbourhood of each edit alone.
func (s *riceSet) spliceBlock(w *bitWriter, block, at, in uint64, edits []edit) (count uint64, ok bool) {
	r := s.code.reader(s.gaps, 8*at, s.m)
	next := block << s.shift  // the lowest position that may follow in the old block
	after := next             // and in the new one, up to which it is written
	from, whole := r.at, true // the old bits from here are to be copied; else the next gap has to be written
	end := s.buckets[min((block+1)<<s.shift>>s.narrow, uint64(len(s.buckets)-1))].rank
	left := in // old positions that were not looked at
	count = in
	skip := func(before uint64) {
		if b := s.lastBetween(next, before); b != nil {
			next, r.at, left = b.first+1, uint64(b.at), uint64(end-b.rank-1)
			after = next
		}
	}
	for len(edits) > 0 || !whole {
		if whole {
			skip(edits[0].position)
		}
		if left == 0 {
			break
		}
		begin := r.at
		gap, _ := r.next()
		p := next + gap
		next, left = p+1, left-1
		if whole && edits[0].position > p {
			after = next
			continue
		}
		if whole {
			w.copy(s.gaps, from, begin)
			whole = false
		}
		for ; len(edits) > 0 && edits[0].position < p; edits = edits[1:] {
			if edits[0].removed || edits[0].position < after {
				return 0, false
			}
			s.code.write(w, edits[0].position-after)
			after = edits[0].position + 1
			count++
		}
		if len(edits) > 0 && edits[0].position == p {
			if !edits[0].removed {
				return 0, false
			}
			edits = edits[1:]
			count--
			continue
		}
		s.code.write(w, p-after)
		from, whole, after = r.at, true, next
	}
	if whole {
		skip((block + 1) << s.shift)
		for ; left > 0; left-- {
			r.next()
		}
		w.copy(s.gaps, from, r.at)
	}
	for _, e := range edits {
		if e.removed || e.position < after {
			return 0, false
		}
		s.code.write(w, e.position-after)
		after = e.position + 1
		count++
	}
	return count, true
}

// lastBetween returns the last bucket whose first position is from or more and
// below to, nil if there is none.
func (s *riceSet) lastBetween(from, to uint64) *bucket {
	low, high := from>>s.narrow, min(to>>s.narrow, uint64(len(s.buckets)-2))
	for n := high + 1; n > low; n-- {
		b := &s.buckets[n-1]
		if s.buckets[n].rank > b.rank && b.first < to {
			if b.first < from {
				return nil
			}
			return b
		}
	}
	return nil
}

// merged yields the positions after edits, and says whether they fit.
func (s *riceSet) merged(edits []edit, fits *bool) func(yield func(uint64) bool) {
	return func(yield func(uint64) bool) {
		for p := range s.all() {
			for ; len(edits) > 0 && edits[0].position < p; edits = edits[1:] {
				if *fits = *fits && !edits[0].removed; !*fits || !yield(edits[0].position) {
					return
				}
			}
			if len(edits) > 0 && edits[0].position == p {
				if *fits = *fits && edits[0].removed; !*fits {
					return
				}
				edits = edits[1:]
			} else if !yield(p) {
				return
			}
		}
		for _, e := range edits {
			if *fits = *fits && !e.removed; !*fits || !yield(e.position) {
				return
			}
		}
	}
}

// selected returns the positions with these ranks, which rise and are below count.
func (s *riceSet) selected(ranks []uint64) []uint64 {
	out := make([]uint64, 0, len(ranks))
	b := 0
	for _, rank := range ranks {
		for uint64(s.buckets[b+1].rank) <= rank {
			b++
		}
		p := s.buckets[b].first
		r := s.code.reader(s.gaps, uint64(s.buckets[b].at), s.m)
		for range rank - uint64(s.buckets[b].rank) {
			gap, _ := r.next()
			p += gap + 1
		}
		out = append(out, p)
	}
	return out
}
