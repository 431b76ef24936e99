package list

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"github.com/preseal/preseal/matcher/snapshot"
)

const (
	digest = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	hash   = "9f172786e71f1e00"
)

// read returns what Read found: "line lane" and "line! reason".
func read(t *testing.T, content string) ([]string, error) {
	t.Helper()
	var got []string
	err := Read(strings.NewReader(content), Handler{
		Entry: func(line int, lane snapshot.Lane, key []byte) {
			got = append(got, fmt.Sprint(line, " ", lane))
			if len(key) != lane.KeySize() {
				t.Errorf("line %d: key of %d bytes in lane %s", line, len(key), lane)
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
		{"not supported", "algorithm,hash\nmd5,00\npdq,00\n", []string{"2! lane md5 is not supported yet", "3! lane pdq is not supported yet"}},
		{"no algorithm", "algorithm,hash\n,00\n", []string{"2! the algorithm is missing"}},
		{"long line", "algorithm,hash\n" + long + "\nphash," + hash + "\n", []string{"2! longer than 65536 bytes", "3 phash"}},
		{"json", "\n {\"hash\":\"" + hash + "\",\"algorithm\":\"phash\",\"more\":[1]}\n\n{}\n[]\n{\"algorithm\":1}\n" + long + "\n", []string{
			"2 phash", "4! the member algorithm or hash is missing", "5! not a JSON object with the strings algorithm and hash",
			"6! not a JSON object with the strings algorithm and hash", "7! longer than 65536 bytes",
		}},
		{"flat", "algorithm,hash\nphash,8000000000000000\n", []string{"2! the phash 8000000000000000 is that of flat pictures and would match all of them"}},
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

func TestReadNoHeader(t *testing.T) {
	for _, content := range []string{"", "\n\n", digest + "\n", "algorithm;hash\n", "hash,label\n", "[]", "\"algorithm,hash\n", "\x00\xff"} {
		if got, err := read(t, content); !errors.Is(err, ErrNoHeader) || got != nil {
			t.Errorf("Read(%q) = %q, %v, want ErrNoHeader", content, got, err)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add("algorithm,hash\nphash," + hash + "\n\"\n\",\n")
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
	if got := s.Sort(); got != 2 {
		t.Errorf("Sort() = %d duplicates, want 2", got)
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
