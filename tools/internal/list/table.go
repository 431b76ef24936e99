package list

import (
	"bytes"
	"slices"
	"sort"
)

// table is a sort.Interface over rows of one size that lie one after the other.
type table struct {
	size   int
	flat   []byte
	places []Place  // of each row; nil as long as all are zero
	labels []uint32 // the same, numbers of a Set's labels
}

func (t *table) add(row []byte, from Place, label uint32) {
	if t.places == nil && from != (Place{}) {
		t.places = make([]Place, t.Len())
	}
	if t.labels == nil && label != 0 {
		t.labels = make([]uint32, t.Len())
	}
	t.flat = append(t.flat, row...)
	if t.places != nil {
		t.places = append(t.places, from)
	}
	if t.labels != nil {
		t.labels = append(t.labels, label)
	}
}

func (t *table) at(i int) []byte { return t.flat[i*t.size : (i+1)*t.size : (i+1)*t.size] }

func (t *table) place(i int) Place {
	if t.places == nil {
		return Place{}
	}
	return t.places[i]
}

func (t *table) label(i int) uint32 {
	if t.labels == nil {
		return 0
	}
	return t.labels[i]
}

func (t *table) Len() int {
	if t.size == 0 {
		return 0
	}
	return len(t.flat) / t.size
}

func (t *table) Less(i, j int) bool {
	if c := bytes.Compare(t.at(i), t.at(j)); c != 0 {
		return c < 0
	}
	a, b := t.place(i), t.place(j)
	return a.Source < b.Source || a.Source == b.Source && a.Line < b.Line
}

func (t *table) Swap(i, j int) {
	var tmp [PairSize]byte
	n := copy(tmp[:], t.at(i))
	copy(t.at(i), t.at(j))
	copy(t.at(j), tmp[:n])
	if t.places != nil {
		t.places[i], t.places[j] = t.places[j], t.places[i]
	}
	if t.labels != nil {
		t.labels[i], t.labels[j] = t.labels[j], t.labels[i]
	}
}

// find returns the first row that does not sort before prefix.
func (t *table) find(prefix []byte) int {
	return sort.Search(t.Len(), func(i int) bool { return bytes.Compare(t.at(i), prefix) >= 0 })
}

func (t *table) sort(duplicate func(row []byte, place, first Place)) {
	sort.Sort(t)
	first := 0
	t.remove(func(row []byte, from Place) bool {
		// What is kept stays in front of what is looked at.
		if first > 0 && bytes.Equal(t.at(first-1), row) {
			duplicate(row, from, t.place(first-1))
			return true
		}
		first++
		return false
	})
}

// remove keeps the order of the rest.
func (t *table) remove(drop func(row []byte, from Place) bool) {
	n := 0
	for i := range t.Len() {
		row, place := t.at(i), t.place(i)
		if drop(row, place) {
			continue
		}
		copy(t.at(n), row)
		if t.places != nil {
			t.places[n] = place
		}
		if t.labels != nil {
			t.labels[n] = t.labels[i]
		}
		n++
	}
	t.flat = t.flat[:n*t.size]
	if t.places != nil {
		t.places = slices.Clip(t.places[:n])
	}
	if t.labels != nil {
		t.labels = slices.Clip(t.labels[:n])
	}
}
