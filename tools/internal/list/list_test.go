package list

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/preseal/preseal/matcher/confirm"
	"github.com/preseal/preseal/matcher/confirm/voprf"
	"github.com/preseal/preseal/matcher/phash"
	"github.com/preseal/preseal/matcher/snapshot"
)

const (
	digest = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	hash   = "9f172786e71f1e00"
	pdq    = "f8f8f0cee0f4a84f06370a22038f63f0b36e2ed596621e1d33e6b39c4e9c9b22"
)

// read returns what Read found: "line lane" and "line! reason".
func read(t *testing.T, content string) ([]string, error) {
	t.Helper()
	var got []string
	err := Read(strings.NewReader(content), Handler{
		Entry: func(line int, lane snapshot.Lane, key []byte, label string) {
			got = append(got, fmt.Sprint(line, " ", lane))
			if len(label) > 32 {
				t.Errorf("line %d: label %q", line, label)
			}
			if len(key) != lane.HashSize() {
				t.Errorf("line %d: hash of %d bytes in lane %s", line, len(key), lane)
			}
		},
		Reject: func(line int, reason error) { got = append(got, fmt.Sprint(line, "! ", reason)) },
	})
	return got, err
}

func TestRead(t *testing.T) {
	long := strings.Repeat("x", maxLine+10)
	for _, tc := range []struct {
		name, content string
		want          []string
	}{
		{"csv", "algorithm,hash\nsha256," + digest + "\nphash," + hash + "\n", []string{"2 sha256", "3 phash"}},
		{"any order, CRLF, mark, no last line feed", "\uFEFFLabel,HASH,Algorithm\r\nx," + hash + ",PHash\r\n\r\n,p:" + strings.ToUpper(hash) + ", phash ", nil},
		{"quoted", "algorithm,hash,label\n\"phash\" , \"" + hash + "\",\"a, \"\"b\"\"\"\n", []string{"2 phash"}},
		{"label of two lines", "algorithm,hash,label\nphash," + hash + ",\"a\nb\"\nphash," + hash + ",\n", []string{"2 phash", "4 phash"}},
		{"forgotten quote", "algorithm,hash,label\nphash," + hash + ",\"a\nphash," + hash + ",b\n", []string{"2! a quoted field is not well formed", "3 phash"}},
		{"too many fields", "algorithm,hash\nphash," + hash + ",b\n", []string{"2! 3 fields under a header of 2"}},
		{"too few fields", "label,algorithm,hash\nphash," + hash + "\n", []string{"2! the field algorithm or hash is missing"}},
		{"not supported", "algorithm,hash\nmd5,00\nphoto,00\n", []string{"2! lane md5 is not supported yet", "3! there is no lane \"photo\""}},
		{"no algorithm", "algorithm,hash\n,00\n", []string{"2! the algorithm is missing"}},
		{"long line", "algorithm,hash\n" + long + "\nphash," + hash + "\n", []string{"2! longer than 65536 bytes", "3 phash"}},
		{"json", "\n {\"hash\":\"" + hash + "\",\"algorithm\":\"phash\",\"more\":[1]}\n\n{}\n[]\n{\"algorithm\":1}\n" + long + "\n", []string{
			"2 phash", "4! the member algorithm or hash is missing", "5! not a JSON object with the strings algorithm and hash",
			"6! not a JSON object with the strings algorithm and hash", "7! longer than 65536 bytes",
		}},
		{"flat", "algorithm,hash\nphash,8000000000000000\n", []string{"2! the phash 8000000000000000 is that of flat pictures and would match all of them"}},
		{"pdq", "algorithm,hash,quality\npdq," + pdq + "\nPDQ," + strings.ToUpper(pdq) + ",50\npdq," + pdq + ",100.0\n", []string{"2 pdq", "3 pdq", "4 pdq"}},
		{"bad pdq", "algorithm,hash\npdq," + pdq[1:] + "\npdq,x" + pdq[1:] + "\npdq," + strings.Repeat("00", 32) + "\npdq," + strings.Repeat("7f", 32) + "\n", []string{
			"2! a pdq has 64 hexadecimal digits, and \"" + pdq[1:] + "\" has 63", "3! \"x" + pdq[1:] + "\" is not hexadecimal",
			"4! the pdq " + strings.Repeat("00", 32) + " is that of flat pictures and would match all of them",
			"5! the pdq " + strings.Repeat("7f", 32) + " is that of flat pictures and would match all of them",
		}},
		{"quality", "quality,algorithm,hash\n49,phash," + hash + "\n12,sha256," + digest + "\nhigh,phash," + hash + "\nNaN,phash," + hash + "\n101,phash," + hash + "\n", []string{
			"2! the phash " + hash + ": the quality 49 is below 50: too little structure to be listed", "3 sha256",
			"4! the phash " + hash + ": the quality \"high\" is not a number from 0 to 100", "5! the phash " + hash + ": the quality \"NaN\" is not a number from 0 to 100",
			"6! the phash " + hash + ": the quality \"101\" is not a number from 0 to 100",
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			want := tc.want
			if want == nil {
				want = []string{"2 phash", "4 phash"}
			}
			got, err := read(t, tc.content)
			if err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("got %q, error %v, want %q", got, err, want)
			}
		})
	}
}

func TestReadJSONQuality(t *testing.T) {
	for quality, accepted := range map[string]bool{
		"null": true, "50": true, "99.5": true, `"100"`: true, `""`: true,
		"0": false, "-1": false, `"many"`: false, "[99]": false, "{}": false, "true": false, "1e99": false,
	} {
		got, err := read(t, `{"algorithm":"pdq","hash":"`+pdq+`","quality":`+quality+"}")
		if err != nil || len(got) != 1 || (got[0] == "1 pdq") != accepted {
			t.Errorf("quality %s: %q, error %v", quality, got, err)
		}
	}
}

func TestReadLabels(t *testing.T) {
	long := strings.Repeat("ä", 16)
	content := "algorithm,hash,label\nphash," + hash + ", one \nphash," + hash + ",\"two, 2\"\nphash," + hash + "\nphash," + hash + "," + long +
		"\nphash," + hash + "," + long + "x\nphash," + hash + ",a\x00b\n"
	lines := `{"algorithm":"phash","hash":"` + hash + `","label":`
	for content, want := range map[string][]string{
		content: {
			"one", "two, 2", "", long,
			"the label \"" + long + "x\" has 33 bytes, more than 32", `the label "a\x00b" is not UTF-8 without zeros`,
		},
		lines + "\"one\"}\n" + lines + "null}\n" + lines + "1}\n" + lines + "[\"a\"]}\n": {"one", "", "the label is not a string", "the label is not a string"},
	} {
		var got []string
		err := Read(strings.NewReader(content), Handler{
			Entry:  func(_ int, _ snapshot.Lane, _ []byte, label string) { got = append(got, label) },
			Reject: func(_ int, reason error) { got = append(got, reason.Error()) },
		})
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("labels %q, error %v, want %q", got, err, want)
		}
	}
}

func TestReadNoHeader(t *testing.T) {
	for _, content := range []string{"", "\n\n", digest + "\n", "algorithm;hash\n", "hash,label\n", "[]", "\"algorithm,hash\n", "\x00\xff"} {
		if got, err := read(t, content); !errors.Is(err, ErrNoHeader) || got != nil {
			t.Errorf("Read(%q) = %q, %v, want ErrNoHeader", content, got, err)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add("algorithm,hash\nphash," + hash + "\n\"\n\",\n")
	f.Add("quality,algorithm,hash\n50,pdq," + pdq + "\n,pdq,\n")
	f.Add("{\"algorithm\":\"pdq\",\"hash\":\"" + pdq + "\",\"quality\":\"7\"}\n")
	f.Add("{\"algorithm\":\"phash\",\"hash\":\"" + hash + "\"}\n{")
	f.Fuzz(func(t *testing.T, content string) {
		got, err := read(t, content)
		if lines := strings.Count(content, "\n") + 1; len(got) > lines {
			t.Errorf("%d results from %d lines", len(got), lines)
		}
		if err != nil && !errors.Is(err, ErrNoHeader) {
			t.Errorf("error %v", err)
		}
	})
}

func TestSet(t *testing.T) {
	var s Set
	r := rand.New(rand.NewPCG(1, 2))
	var added [][]byte
	for range 1000 {
		key := make([]byte, 8)
		for i := range key {
			key[i] = byte(r.Uint32())
		}
		added = append(added, key)
		s.Add(snapshot.PHash, key)
	}
	s.Add(snapshot.PHash, added[0])
	s.Add(snapshot.PHash, added[999])
	if got := s.Sort(); len(got) != 2 {
		t.Errorf("Sort() = %d duplicates, want 2", len(got))
	}
	if got := s.Len(snapshot.PHash); got != 1000 {
		t.Errorf("Len = %d, want 1000", got)
	}
	for _, key := range added {
		if !s.Contains(snapshot.PHash, key) {
			t.Errorf("%x is missing", key)
		}
		other := bytes.Clone(key)
		other[7] ^= 1
		if s.Contains(snapshot.PHash, other) {
			t.Errorf("%x is there", other)
		}
	}
	if s.Contains(snapshot.SHA256, make([]byte, 32)) || s.Contains(snapshot.PHash, nil) {
		t.Error("an empty lane or key is there")
	}
}

// What is kept is what was listed first.
func TestDuplicates(t *testing.T) {
	var s Set
	for i, hash := range []string{"bbbbbbbb", "aaaaaaaa", "bbbbbbbb", "cccccccc", "bbbbbbbb"} {
		s.AddFrom(snapshot.PHash, []byte(hash), Place{1, uint32(i + 1)})
	}
	want := []Duplicate{
		{snapshot.PHash, []byte("bbbbbbbb"), Place{1, 3}, Place{1, 1}},
		{snapshot.PHash, []byte("bbbbbbbb"), Place{1, 5}, Place{1, 1}},
	}
	if got := s.Sort(); !reflect.DeepEqual(got, want) {
		t.Errorf("duplicates %v, want %v", got, want)
	}
	if got := string(s.Flat(snapshot.PHash)); got != "aaaaaaaabbbbbbbbcccccccc" {
		t.Errorf("%q is left", got)
	}
}

// A label stays with its hash, whatever is sorted and removed around it.
func TestLabels(t *testing.T) {
	var s Set
	s.Add(snapshot.PHash, []byte("unlabeld"))
	for _, label := range []string{"c", "a", "e", "b", "d"} {
		s.AddLabelled(snapshot.PHash, []byte("hash of " + label)[:8], "", Place{}) // the same for all
		s.AddLabelled(snapshot.PHash, []byte(label+"-hashed"), "label "+label, Place{1, 1})
	}
	s.AddLabelled(snapshot.PHash, []byte("a-hashed"), "another", Place{1, 2})
	near := phash.PDQ{7}
	s.AddLabelled(snapshot.PDQ, near[:], "near", Place{})
	s.AddPair(append([]byte("b-hashed"), near[:]...))
	s.Sort()
	s.Remove(snapshot.PHash, func(hash []byte, _ Place) bool { return hash[0] == 'c' })
	x := NewIndex(&s, 52)
	entries := func(lane snapshot.Lane, key []byte) []voprf.Entry {
		return x.Entries(confirm.Key{Lane: lane, Bytes: key})
	}
	for hash, want := range map[string][]voprf.Entry{
		"a-hashed": {{Label: "label a"}}, "b-hashed": {{PDQ: &near, Label: "label b"}}, "c-hashed": nil, "d-hashed": {{Label: "label d"}},
		"e-hashed": {{Label: "label e"}}, "unlabeld": {{}}, "hash of ": {{}}, "unlisted": nil,
	} {
		if got := entries(snapshot.PHash, []byte(hash)); !reflect.DeepEqual(got, want) {
			t.Errorf("%s has %+v, want %+v", hash, got, want)
		}
	}
	if got := entries(snapshot.PDQ, snapshot.KeyOf(snapshot.PDQ, near[:], 52)); !reflect.DeepEqual(got, []voprf.Entry{{PDQ: &near, Label: "near"}}) {
		t.Errorf("the pdq has %+v", got)
	}
}

func TestIndex(t *testing.T) {
	const keyBits = 52
	r := rand.New(rand.NewPCG(3, 4))
	random := func() (h phash.PDQ) {
		for i := range h {
			h[i] = byte(r.Uint32())
		}
		return h
	}
	var s Set
	var listed []phash.PDQ
	for range 500 {
		listed = append(listed, random())
	}
	// Three entries with the same key: it is made of the lowest frequencies only.
	twin, triplet := listed[0], listed[0]
	twin[0] ^= 0x80
	triplet[0] ^= 0x40
	listed = append(listed, twin, triplet)
	for i, h := range listed {
		s.Add(snapshot.PDQ, h[:])
		if i%2 == 0 {
			s.AddPair(append(bytes.Repeat([]byte{byte(i / 4)}, 8), h[:]...))
		}
		if i%4 == 0 {
			s.Add(snapshot.PHash, bytes.Repeat([]byte{byte(i / 4)}, 8))
		}
	}
	s.Add(snapshot.PHash, []byte("no pairs"))
	s.Sort()
	if got := s.Singles(); got != 1 {
		t.Errorf("%d pHashes without a pair, want 1", got)
	}
	x := NewIndex(&s, keyBits)
	for _, h := range listed {
		a := x.Answer(confirm.Key{Lane: snapshot.PDQ, Bytes: snapshot.KeyOf(snapshot.PDQ, h[:], keyBits)})
		if want := 1; !a.Listed || !slices.Contains(a.Hashes, h) || h != listed[0] && h != twin && h != triplet && len(a.Hashes) != want {
			t.Fatalf("%s: %+v", h, a)
		}
	}
	if got := x.PDQs(snapshot.KeyOf(snapshot.PDQ, twin[:], keyBits), confirm.MaxHashes); len(got) != 3 {
		t.Errorf("%d hashes with the same key, want 3", len(got))
	}
	for _, tc := range []struct {
		lane   snapshot.Lane
		key    []byte
		listed bool
		hashes int
	}{
		{snapshot.PHash, bytes.Repeat([]byte{5}, 8), true, 2},
		{snapshot.PHash, []byte("no pairs"), true, 0},
		{snapshot.PHash, []byte("no entry"), false, 0},
		{snapshot.PHash, nil, false, 0},
		{snapshot.PDQ, make([]byte, 8), false, 0},
		{snapshot.PDQ, listed[0][:], false, 0},
		{snapshot.SHA256, make([]byte, 32), false, 0},
		{77, []byte{1}, false, 0},
	} {
		if a := x.Answer(confirm.Key{Lane: tc.lane, Bytes: tc.key}); a.Listed != tc.listed || len(a.Hashes) != tc.hashes {
			t.Errorf("%s %x: %+v", tc.lane, tc.key, a)
		}
	}
	s.Remove(snapshot.PHash, func(hash []byte, _ Place) bool { return hash[0] == 5 })
	if got := len(s.Pairs()) / PairSize; got != 249 || s.Contains(snapshot.PHash, bytes.Repeat([]byte{5}, 8)) {
		t.Errorf("%d pairs are left", got)
	}
}

// A degenerate pHash does not keep the PDQ hash of the same picture out.
func TestAddPicture(t *testing.T) {
	for _, tc := range []struct {
		hash phash.PHash
		want int
	}{{1 << 63, 0}, {0x123456789abcdef0, 1}} {
		s := new(Set)
		ok := s.AddPicture(&phash.Image{PHash: tc.hash}, Place{})
		if ok != (tc.want == 1) || s.Len(snapshot.PHash) != tc.want || len(s.Pairs()) != tc.want*PairSize || s.Len(snapshot.PDQ) != 1 {
			t.Errorf("%s: %t, %d pHashes, %d PDQ hashes", tc.hash, ok, s.Len(snapshot.PHash), s.Len(snapshot.PDQ))
		}
	}
}
