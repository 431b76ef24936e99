package main

import (
	"bytes"
	"testing"
)

// moduleOf has a custom section, then these segments, then another section.
func moduleOf(segments ...segment) []byte {
	out := append([]byte(header), 0, 3, 1, 'a', 'b')
	out = appendVector(append(out, dataSection), appendAll(nil, segments))
	return append(out, 12, 1, 5)
}

func TestSegmentsThatFollowEachOtherAreJoined(t *testing.T) {
	got, err := join(moduleOf(
		segment{1 << 31, []byte("high")},
		segment{64, []byte("one")},
		segment{80, []byte("three")},
		segment{67, []byte("two")},
		segment{85 + gap, []byte("near")},
		segment{85 + gap + 4 + gap + 1, []byte("apart")},
		segment{50_000, nil},
		segment{50_000 + gap, []byte("last")},
	))
	if err != nil {
		t.Fatal(err)
	}
	first := append([]byte("onetwo"), make([]byte, 10)...)
	first = append(append(first, "three"...), make([]byte, gap)...)
	want := moduleOf(
		segment{64, append(first, "near"...)},
		segment{85 + gap + 4 + gap + 1, []byte("apart")},
		segment{50_000, append(make([]byte, gap), "last"...)},
		segment{1 << 31, []byte("high")},
	)
	if !bytes.Equal(got, want) {
		t.Errorf("got %d bytes, want %d", len(got), len(want))
	}
	if again, err := join(got); err != nil || !bytes.Equal(again, got) {
		t.Errorf("joining again: %v", err)
	}
}

func TestSegmentsThatOverlapStay(t *testing.T) {
	module := moduleOf(segment{100, []byte("first")}, segment{0, []byte("second")}, segment{104, []byte("third")})
	if got, err := join(module); err != nil || !bytes.Equal(got, module) {
		t.Errorf("got %x, %v", got, err)
	}
}

func TestSignedNumbers(t *testing.T) {
	for _, v := range []int32{0, 1, -1, 63, 64, -64, -65, 8191, 8192, 1<<31 - 1, -1 << 31} {
		r := &reader{appendSigned(nil, v)}
		if got, err := r.signed(); got != v || err != nil || len(r.rest) > 0 {
			t.Errorf("%d: got %d, %v", v, got, err)
		}
	}
}

// Whatever the file, memory holds the same afterwards, or it is refused.
func FuzzJoin(f *testing.F) {
	f.Add(moduleOf(segment{1, []byte("a")}, segment{9, []byte("bc")}, segment{8, []byte("def")}))
	f.Add(moduleOf(segment{100, []byte("a")}, segment{1, []byte("b")}, segment{200, []byte("c")}))
	f.Add(moduleOf(segment{100, []byte("a")}, segment{90, nil}, segment{101, []byte("c")}))
	two := moduleOf(segment{100, []byte("a")})
	f.Add(append(two, two[len(header):]...))
	f.Add([]byte(header))
	f.Add([]byte("\x00asm"))
	f.Fuzz(func(t *testing.T, module []byte) {
		got, err := join(module)
		if err != nil {
			return
		}
		before, after := memory(t, module), memory(t, got)
		for at, b := range before {
			if after[at] != b {
				t.Fatalf("at %d: %d was %d", at, after[at], b)
			}
			delete(after, at)
		}
		for at, b := range after {
			if b != 0 {
				t.Fatalf("at %d: %d was nothing", at, b)
			}
		}
	})
}

// memory is what a module's data sections write, one after the other.
func memory(t *testing.T, module []byte) map[uint64]byte {
	t.Helper()
	r, out := &reader{module[len(header):]}, map[uint64]byte{}
	for len(r.rest) > 0 {
		id, _ := r.take(1)
		content, err := r.vector()
		if err != nil {
			t.Fatal(err)
		}
		if id[0] != dataSection {
			continue
		}
		segments, err := parse(content)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range segments {
			for i, b := range s.data {
				out[uint64(s.at)+uint64(i)] = b
			}
		}
	}
	return out
}
