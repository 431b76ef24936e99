package voprf

import (
	"bytes"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/preseal/preseal/matcher/confirm"
	"github.com/preseal/preseal/matcher/phash"
)

func sealed(t testing.TB, o *confirm.Output, entries ...Entry) [][]byte {
	t.Helper()
	records, err := Seal(o, entries)
	if err != nil {
		t.Fatal(err)
	}
	return records
}

// bucketOf returns the entries of several keys.
func bucketOf() [][]Entry {
	pdq := func(n byte) *phash.PDQ { return &phash.PDQ{0: n, 31: n} }
	return [][]Entry{
		{{}},
		{{PDQ: pdq(1)}},
		{{PDQ: pdq(2), Label: "source 7"}},
		{{Label: "ein Schlüssel ohne zweiten Hash"}},
		{{PDQ: pdq(3)}, {PDQ: pdq(4), Label: "one of three"}, {Label: "äöüäöüäöüäöüäöüä"}},
	}
}

func TestEntries(t *testing.T) {
	var bucket []byte
	for i, entries := range bucketOf() {
		for _, r := range sealed(t, &confirm.Output{63: byte(i)}, entries...) {
			if len(r) != RecordSize {
				t.Errorf("a record has %d bytes, want %d", len(r), RecordSize)
			}
			bucket = append(bucket, r...)
		}
	}
	for i, want := range bucketOf() {
		got, err := Open(&confirm.Output{63: byte(i)}, bucket)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("key %d: entries %v, error %v, want %v", i, got, err, want)
		}
	}
	for _, size := range []int{0, RecordSize, 1, len(bucket) - 1} {
		if _, err := Open(&confirm.Output{0: 9}, bucket[:size]); !errors.Is(err, confirm.ErrMalformed) {
			t.Errorf("%d bytes without the key: %v", size, err)
		}
	}
}

// Lists change: the same key and number with another content has the same id
// and another nonce, and nothing of the content shows.
func TestNoncesDiffer(t *testing.T) {
	o := &confirm.Output{1}
	a, b := sealed(t, o, Entry{})[0], sealed(t, o, Entry{PDQ: &phash.PDQ{}})[0]
	if !bytes.Equal(a[:idSize], b[:idSize]) || bytes.Equal(a[idSize:][:nonceSize], b[idSize:][:nonceSize]) {
		t.Errorf("%x and %x: want the same id and different nonces", a, b)
	}
	if again := sealed(t, o, Entry{})[0]; !bytes.Equal(a, again) {
		t.Error("the same entry is sealed differently")
	}
	two := sealed(t, o, Entry{Label: "same"}, Entry{Label: "same"})
	for i := range len(two[0]) - 4 {
		if bytes.Contains(two[1], two[0][i:i+4]) {
			t.Errorf("two records of one key share bytes at %d", i)
		}
	}
}

func TestOpenRejects(t *testing.T) {
	o := &confirm.Output{1}
	records := sealed(t, o, Entry{Label: "first"}, Entry{PDQ: &phash.PDQ{7}}, Entry{})
	for i := range records {
		if _, err := Open(o, slices.Concat(slices.Delete(slices.Clone(records), i, i+1)...)); !errors.Is(err, confirm.ErrMalformed) {
			t.Errorf("without record %d: %v", i, err)
		}
	}
	good := slices.Concat(records...)
	for i := range good {
		bad := bytes.Clone(good)
		bad[i] ^= 1
		if _, err := Open(o, bad); !errors.Is(err, confirm.ErrMalformed) {
			t.Errorf("with byte %d changed: %v", i, err)
		}
	}
	large := bytes.Repeat(records[2], MaxBucket/RecordSize+1)
	if _, err := Open(o, append(large, good...)); !errors.Is(err, confirm.ErrMalformed) {
		t.Errorf("a bucket that is too large: %v", err)
	}
	// What only a holder of the output can make.
	plain := func(change func([]byte)) []byte {
		b := make([]byte, plainSize)
		change(b)
		record, err := seal(o, 0, b)
		if err != nil {
			t.Fatal(err)
		}
		return record
	}
	for name, change := range map[string]func([]byte){
		"an unknown flag":           func(b []byte) { b[0] = 4 },
		"a hash without its flag":   func(b []byte) { b[32] = 1 },
		"a label that is no UTF-8":  func(b []byte) { b[33] = 0xff },
		"a label with a zero in it": func(b []byte) { b[34] = 'x' },
		"more than there are":       func(b []byte) { b[0] = flagMore },
	} {
		if entries, err := Open(o, plain(change)); !errors.Is(err, confirm.ErrMalformed) || entries != nil {
			t.Errorf("%s: %v, error %v", name, entries, err)
		}
	}
}

func TestSealRejects(t *testing.T) {
	for name, entries := range map[string][]Entry{
		"no entries":     nil,
		"too many":       make([]Entry, 1<<16+1),
		"a long label":   {{Label: strings.Repeat("x", 33)}},
		"no UTF-8":       {{Label: "\xff"}},
		"a zero":         {{Label: "a\x00b"}},
		"a zero at last": {{Label: "a\x00"}},
	} {
		if _, err := Seal(&confirm.Output{}, entries); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func FuzzOpen(f *testing.F) {
	o := &confirm.Output{1}
	f.Add(bytes.Join(sealed(f, o, Entry{Label: "a"}, Entry{PDQ: &phash.PDQ{1}}), nil))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, bucket []byte) {
		entries, err := Open(o, bucket)
		if err != nil {
			if !errors.Is(err, confirm.ErrMalformed) || entries != nil {
				t.Errorf("%d entries, error %v", len(entries), err)
			}
			return
		}
		for _, record := range sealed(t, o, entries...) {
			if !bytes.Contains(bucket, record) {
				t.Errorf("%v was not sealed like that", entries)
			}
		}
	})
}

func FuzzParseEntry(f *testing.F) {
	f.Add(make([]byte, plainSize))
	f.Add(append(append([]byte{flagPDQ}, make([]byte, hashSize)...), bytes.Repeat([]byte("x"), MaxLabel)...))
	f.Fuzz(func(t *testing.T, plain []byte) {
		if len(plain) != plainSize {
			return
		}
		e, err := parseEntry(plain)
		if err == nil && !bytes.Equal(e.plain(plain[0]&flagMore != 0), plain) {
			t.Errorf("%x is read as %v", plain, e)
		}
	})
}
