package list

import (
	"cmp"
	"encoding/binary"
	"slices"
	"sort"

	"github.com/preseal/preseal/matcher/confirm"
	"github.com/preseal/preseal/matcher/confirm/voprf"
	"github.com/preseal/preseal/matcher/phash"
	"github.com/preseal/preseal/matcher/snapshot"
)

// An Index finds the entries behind the keys of a snapshot. It is safe for concurrent use.
type Index struct {
	set  *Set
	pdqs []keyed // in the order of the keys
}

// keyed is where in the lane pdq the hash with a key is.
type keyed struct {
	key uint64
	at  uint32
}

// NewIndex returns an index of a sorted set. The keys of the lane pdq have keyBits bits, 0 if the snapshot has no such
// lane.
func NewIndex(set *Set, keyBits int) *Index {
	x := &Index{set: set}
	if keyBits == 0 {
		return x
	}
	x.pdqs = make([]keyed, set.Len(snapshot.PDQ))
	for i := range x.pdqs {
		x.pdqs[i] = keyed{x.pdq(uint32(i)).Key(keyBits), uint32(i)}
	}
	slices.SortFunc(x.pdqs, func(a, b keyed) int { return cmp.Or(cmp.Compare(a.key, b.key), cmp.Compare(a.at, b.at)) })
	return x
}

func (x *Index) pdq(at uint32) phash.PDQ { return phash.PDQ(x.set.lanes[snapshot.PDQ].at(int(at))) }

// Set returns what is indexed.
func (x *Index) Set() *Set { return x.set }

// Keys returns the different keys of a lane, ascending, one after the other. The caller must not change them.
func (x *Index) Keys(lane snapshot.Lane) []byte {
	if lane != snapshot.PDQ {
		return x.set.Flat(lane)
	}
	keys := make([]byte, 0, 8*len(x.pdqs))
	for i, k := range x.pdqs {
		if i == 0 || x.pdqs[i-1].key != k.key {
			keys = binary.BigEndian.AppendUint64(keys, k.key)
		}
	}
	return keys
}

// PDQs returns the listed PDQ hashes with a key of the lane pdq, max at most.
func (x *Index) PDQs(key []byte, max int) (out []phash.PDQ) {
	if len(key) != snapshot.PDQ.KeySize() {
		return nil
	}
	k := binary.BigEndian.Uint64(key)
	for i := sort.Search(len(x.pdqs), func(i int) bool { return x.pdqs[i].key >= k }); i < len(x.pdqs) && len(out) < max && x.pdqs[i].key == k; i++ {
		out = append(out, x.pdq(x.pdqs[i].at))
	}
	return out
}

// Entries returns what is sealed for a candidate's key: nothing if it is not listed, and confirm.MaxHashes at most.
func (x *Index) Entries(k confirm.Key) []voprf.Entry {
	a := x.Answer(k)
	if !a.Listed {
		return nil
	}
	if len(a.Hashes) == 0 {
		return []voprf.Entry{{Label: x.set.Label(k.Lane, k.Bytes)}}
	}
	entries := make([]voprf.Entry, len(a.Hashes))
	for i := range a.Hashes {
		entries[i].PDQ = &a.Hashes[i]
		if k.Lane == snapshot.PDQ {
			entries[i].Label = x.set.Label(k.Lane, a.Hashes[i][:])
		} else {
			entries[i].Label = x.set.Label(k.Lane, k.Bytes)
		}
	}
	return entries
}

// Answer says what the list has of a candidate's key.
func (x *Index) Answer(k confirm.Key) confirm.Answer {
	switch k.Lane {
	case snapshot.PDQ:
		hashes := x.PDQs(k.Bytes, confirm.MaxHashes)
		return confirm.Answer{Listed: len(hashes) > 0, Hashes: hashes}
	case snapshot.PHash:
		if x.set.Contains(k.Lane, k.Bytes) {
			return confirm.Answer{Listed: true, Hashes: x.set.Seconds(k.Bytes, confirm.MaxHashes)}
		}
		return confirm.Answer{}
	}
	return confirm.Answer{Listed: x.set.Contains(k.Lane, k.Bytes)}
}
