package recall

import (
	"context"
	"maps"
	"math/rand/v2"
	"slices"

	"github.com/preseal/preseal/matcher"
	"github.com/preseal/preseal/matcher/probe"
	"github.com/preseal/preseal/tools/internal/corpus"
)

// Entries is the size of the list against which innocent pictures are tested.
const Entries = 3_000_000

// An innocent is a picture that is on no list, and the photograph that it
// shows a part of: entries made from that one do not count against it.
type innocent struct {
	name   string
	hashed *Hashed
	photo  int // -1: of none
}

// A hit is a probe of an innocent picture that is the key of an entry.
type hit struct {
	at    int  // the lane's number of probes at which it happens
	real  bool // an entry of a photograph, not a made up one
	entry int  // a real entry's number
	pdq   int  // distance of the second hash to a real entry
}

// A list holds the keys of 3 million entries: those of the photographs, and
// for the rest keys spliced of theirs, halves in all pairs and then quarters.
// A spliced key has each part's crowding, which random bits would not have.
type list struct {
	kind    hashKind
	maybe   []uint64 // a bit for each hash of a key: most keys end here
	numbers map[uint64]int32
	sources [][4]int32 // photographs of each entry
	real    []*Hashed
}

func newList(kind hashKind, listed []innocent) *list {
	l := &list{kind: kind, maybe: make([]uint64, 1<<21), numbers: make(map[uint64]int32, Entries)}
	keys := make([]uint64, len(listed))
	for i, p := range listed {
		keys[i] = kind.listed(p.hashed.whole())
		l.real = append(l.real, p.hashed)
		l.add(keys[i], [4]int32{int32(p.photo), int32(p.photo), int32(p.photo), int32(p.photo)})
	}
	half, quarter := kind.width()/2, kind.width()/4
	low := uint64(1)<<half - 1
	for i, a := range listed {
		for j, b := range listed {
			if a.photo != b.photo && len(l.sources) < Entries {
				l.add(keys[i]&^low|keys[j]&low, [4]int32{int32(a.photo), int32(a.photo), int32(b.photo), int32(b.photo)})
			}
		}
	}
	chance := rand.New(rand.NewPCG(1, uint64(kind)))
	for len(listed) > 4 && len(l.sources) < Entries {
		key, sources := uint64(0), [4]int32{}
		for part := range sources {
			i := chance.IntN(len(listed))
			from, to := part*quarter, (part+1)*quarter
			if part == 3 {
				to = kind.width()
			}
			key |= keys[i] >> from & (1<<(to-from) - 1) << from
			sources[part] = int32(listed[i].photo)
		}
		l.add(key, sources)
	}
	return l
}

func slot(key uint64) (word, bit uint64) {
	h := key * 0x9e3779b97f4a7c15 >> 37 // 27 bits
	return h >> 6, 1 << (h & 63)
}

// add counts an entry; the first one with a key keeps it.
func (l *list) add(key uint64, sources [4]int32) {
	word, bit := slot(key)
	l.maybe[word] |= bit
	if _, ok := l.numbers[key]; !ok {
		l.numbers[key] = int32(len(l.sources))
	}
	l.sources = append(l.sources, sources)
}

// probe returns the entries that a picture hits within the lane's largest
// number of probes.
func (l *list) probe(p innocent, most int) []hit {
	found := map[int32]hit{}
	for _, v := range matcher.Views(p.hashed.Windows) {
		key, margins, ok := l.kind.of(v)
		if !ok {
			continue
		}
		number := 0
		for flips := range probe.Likeliest(margins, most/v.Share()) {
			number++
			word, bit := slot(key ^ flips)
			if l.maybe[word]&bit == 0 {
				continue
			}
			n, ok := l.numbers[key^flips]
			at := number * l.kind.share(v, key, flips)
			if !ok || at > most || l.made(n, p.photo) {
				continue
			}
			h := hit{at: at, real: int(n) < len(l.real), entry: int(n)}
			if h.real {
				h.pdq = orientedDistance(l.real[n].whole().PDQ, p.hashed.whole())
			}
			if before, ok := found[n]; !ok || h.at < before.at {
				found[n] = h
			}
		}
	}
	hits := make([]hit, 0, len(found))
	for _, h := range found {
		hits = append(hits, h)
	}
	return hits
}

// made reports whether an entry has any part of a photograph.
func (l *list) made(entry int32, photo int) bool {
	for _, s := range l.sources[entry] {
		if int(s) == photo {
			return true
		}
	}
	return false
}

// probes returns how many keys a picture is tested for when the lane has most.
func probes(h *Hashed, kind hashKind, most int) int {
	n := 0
	for _, v := range matcher.Views(h.Windows) {
		key, margins, ok := kind.of(v)
		if !ok {
			continue
		}
		if kind != pHash {
			n += most / v.Share()
			continue
		}
		number := 0
		for flips := range probe.Likeliest(margins, most) {
			if number++; number*kind.share(v, key, flips) <= most {
				n++
			}
		}
	}
	return n
}

// A Confusion is two unrelated pictures with PDQ hashes that are near.
type Confusion struct {
	A, B     string
	Distance int
}

// draw hashes common pictures and compares each with each.
func (r *Result) draw(n int) (out []innocent, err error) {
	for _, d := range corpus.Drawings(n) {
		h, err := hash(d.Image)
		if err != nil {
			return nil, err
		}
		r.Drawings++
		if h.whole().Featureless() {
			r.Plain++
			continue
		}
		out = append(out, innocent{d.Name, h, -1})
	}
	for i, a := range out {
		for j, b := range out {
			if i != j {
				r.collisions = append(r.collisions, compare(a.hashed, b.hashed, r.kinds, slices.Max(Probes)))
			}
		}
	}
	return out, nil
}

// innocents probes pictures against the list of each kind.
func (r *Result) innocents(ctx context.Context, listed, queries []innocent, progress func(string, int64, int64)) error {
	r.hits = map[hashKind][][]hit{}
	most := map[hashKind]int{}
	for _, lane := range r.Lanes {
		for _, t := range Probes {
			most[lane.kind(t)] = max(most[lane.kind(t)], t)
		}
	}
	for k, kind := range slices.Sorted(maps.Keys(most)) {
		l := newList(kind, listed)
		hits := make([][]hit, len(queries))
		err := parallel(ctx, len(queries), func(i int) error {
			hits[i] = l.probe(queries[i], most[kind])
			return nil
		}, func(done int) {
			progress("testing innocent pictures", int64(k*len(queries)+done), int64(len(most)*len(queries)))
		})
		if err != nil {
			return err
		}
		r.hits[kind] = hits
	}
	return nil
}
