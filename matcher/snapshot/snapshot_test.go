package snapshot

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/preseal/preseal/matcher/snapshot/zstd"
)

var now = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// seeded is a reader of fixed bytes, so that keys are the same on every run.
type seeded struct{ n byte }

func (s *seeded) Read(p []byte) (int, error) {
	for i := range p {
		s.n = s.n*37 + 11
		p[i] = s.n
	}
	return len(p), nil
}

func newKey(t testing.TB, n byte, name string) (note.Signer, string) {
	t.Helper()
	skey, vkey, err := note.GenerateKey(&seeded{n}, name)
	if err != nil {
		t.Fatal(err)
	}
	s, err := note.NewSigner(skey)
	if err != nil {
		t.Fatal(err)
	}
	return s, vkey
}

func keys(lane Lane, n int) [][]byte {
	out := make([][]byte, n)
	for i := range out {
		sum := sha256.Sum256(fmt.Appendf(nil, "%s %d", lane, i))
		out[i] = sum[:lane.HashSize()]
	}
	return out
}

func hashesOf(lane Lane, n int) []byte { return bytes.Join(keys(lane, n), nil) }

func spec(entries int) Spec {
	return Spec{
		Origin: "example.org/test", Version: 3, Published: now, Expires: now.Add(24 * time.Hour), Compress: zstd.Compress,
		Lanes: []LaneKeys{{Lane: PHash, Hashes: hashesOf(PHash, entries)}, {Lane: SHA256, Hashes: hashesOf(SHA256, entries)}, {Lane: PDQ, Hashes: hashesOf(PDQ, entries)}},
	}
}

// blooms is spec with filters that any program can read.
func blooms(entries int) Spec {
	s := spec(entries)
	for i := range s.Lanes {
		s.Lanes[i].Kind = Bloom
	}
	return s
}

// built is a small signed snapshot and the key that signed it.
func built(t testing.TB, s Spec) (file, manifest []byte, m *Manifest, trust Trust) {
	t.Helper()
	file, m, err := Build(s)
	if err != nil {
		t.Fatal(err)
	}
	signer, vkey := newKey(t, 1, "authority")
	manifest, err = Sign(m, signer)
	if err != nil {
		t.Fatal(err)
	}
	return file, manifest, m, Trust{Roles: Trusted(vkey)}
}

// resigned lets the manifest vouch for the file's length, header and table.
func resigned(m *Manifest, file []byte) {
	m.Hash, m.Size = sha256.Sum256(file), int64(len(file))
	if size, err := headSize(file); err == nil && size <= len(file) {
		m.Head = sha256.Sum256(file[:size])
	}
}

func rowsOf(file []byte, version uint64) ([]row, error) {
	size, err := headSize(file)
	if err != nil {
		return nil, err
	}
	return decodeHead(file[:size], uint64(len(file)), version)
}

func open(file, manifest []byte, trust Trust) (*Snapshot, error) {
	m, err := OpenManifest(manifest, trust, now)
	if err != nil {
		return nil, err
	}
	return Open(file, m, zstd.Decompress)
}

func code(err error) Code {
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	return Code(fmt.Sprint("no code: ", err))
}

func TestRoundTrip(t *testing.T) {
	for _, s := range []Spec{spec(8000), blooms(8000)} {
		t.Run(string(s.Lanes[0].Kind), func(t *testing.T) { roundTrip(t, s) })
	}
}

func roundTrip(t *testing.T, spec Spec) {
	file, manifest, want, trust := built(t, spec)
	s, err := open(file, manifest, trust)
	if err != nil {
		t.Fatal(err)
	}
	for _, lane := range []Lane{SHA256, PHash, PDQ} {
		for _, k := range keys(lane, 8000) {
			if !s.Contains(lane, KeyOf(lane, k, s.KeyBits(lane))) {
				t.Fatalf("%s: a listed key is missing", lane)
			}
		}
		hits, tries := 0, 100_000
		for i := range tries {
			k := make([]byte, lane.KeySize())
			binary.BigEndian.PutUint64(k, uint64(i)*0x9e3779b97f4a7c15)
			if s.Contains(lane, k) {
				hits++
			}
		}
		info, _ := s.Manifest().Lane(lane)
		if expect := info.Error * float64(tries); math.Abs(float64(hits)-expect) > 5*math.Sqrt(expect)+3 {
			t.Errorf("%s: %d of %d unlisted keys hit, want about %.0f", lane, hits, tries, expect)
		}
	}
	if s.Contains(MD5, make([]byte, 16)) || s.Contains(SHA256, make([]byte, 5000)) || s.Contains(SHA256, nil) {
		t.Error("a key that cannot be there hits")
	}
	got := s.Manifest()
	if got.Text() != want.Text() || fmt.Sprint(got.Signers) != "[{authority authority}]" {
		t.Errorf("got %s signed by %v, want %s", got.Text(), got.Signers, want.Text())
	}
	if n := len(s.Sections()); n != 3 {
		t.Errorf("got %d sections, want 3", n)
	}
}

// A filter of few bits repeats itself: its errors come in clusters, far more
// often than its fill suggests.
func TestTinyListsKeepTheirErrorRate(t *testing.T) {
	for entries := 1; entries <= 40; entries += 13 {
		file, manifest, _, trust := built(t, blooms(entries))
		s, err := open(file, manifest, trust)
		if err != nil {
			t.Fatal(err)
		}
		hits := 0
		for i := range uint64(500_000) {
			if s.Contains(PHash, binary.BigEndian.AppendUint64(nil, i*0x9e3779b97f4a7c15)) {
				hits++
			}
		}
		if hits > 3 { // 0.02 are expected
			t.Errorf("%d entries: %d of 500,000 unlisted keys hit", entries, hits)
		}
		if len(file) > 8192 {
			t.Errorf("%d entries make a file of %d bytes", entries, len(file))
		}
	}
}

func TestBuildIsDeterministic(t *testing.T) {
	a, ma, err := Build(spec(300))
	if err != nil {
		t.Fatal(err)
	}
	again := spec(300)
	slices.Reverse(again.Lanes)
	for i := range again.Lanes { // another order, and repetitions
		lane := again.Lanes[i].Lane
		hashes := keys(lane, 300)
		slices.Reverse(hashes)
		again.Lanes[i].Hashes, again.Lanes[i].Capacity = append(bytes.Join(hashes, nil), hashes[7]...), 300
	}
	b, mb, err := Build(again)
	if err != nil || !bytes.Equal(a, b) || ma.Text() != mb.Text() {
		t.Errorf("the same list builds differently: %v", err)
	}
}

func TestBuildRejects(t *testing.T) {
	for name, change := range map[string]func(*Spec){
		"no entries":        func(s *Spec) { s.Lanes = nil },
		"lane twice":        func(s *Spec) { s.Lanes[0].Lane = SHA256; s.Lanes[0].Hashes = hashesOf(SHA256, 3) },
		"part of a hash":    func(s *Spec) { s.Lanes[0].Hashes = s.Lanes[0].Hashes[1:] },
		"unsupported lane":  func(s *Spec) { s.Lanes[0].Lane = MD5 },
		"47 key bits":       func(s *Spec) { s.Lanes[2].KeyBits = 47 },
		"65 key bits":       func(s *Spec) { s.Lanes[2].KeyBits = 65 },
		"distance of 49":    func(s *Spec) { s.Distance = 49 },
		"negative distance": func(s *Spec) { s.Distance = -1 },
		"no origin":         func(s *Spec) { s.Origin = "" },
		"origin with space": func(s *Spec) { s.Origin = "a b" },
		"origin with line":  func(s *Spec) { s.Origin = "a\nversion" },
		"version 0":         func(s *Spec) { s.Version = 0 },
		"huge version":      func(s *Spec) { s.Version = 1 << 53 },
		"too long a life":   func(s *Spec) { s.Expires = s.Published.Add(MaxLifetime + time.Hour) },
		"expired at birth":  func(s *Spec) { s.Expires = s.Published },
		"error rate of 1":   func(s *Spec) { s.Lanes[0].Error = 1 },
		"negative probes":   func(s *Spec) { s.Lanes[0].Probes = -1 },
		"huge capacity":     func(s *Spec) { s.Lanes[0].Capacity = maxEntries + 1 },
		"no compression":    func(s *Spec) { s.Lanes[0].Kind, s.Compress = Bloom, nil },
	} {
		s := spec(3)
		change(&s)
		if _, _, err := Build(s); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestEveryFlippedByteIsRejected(t *testing.T) {
	file, manifest, _, trust := built(t, spec(3))
	for i := range manifest {
		bad := bytes.Clone(manifest)
		bad[i] ^= 1
		if _, err := open(file, bad, trust); code(err) != Untrusted {
			t.Fatalf("manifest byte %d (%q): %v", i, manifest[i], err)
		}
	}
	for i := range manifest {
		if _, err := open(file, manifest[:i], trust); code(err) != Untrusted {
			t.Fatalf("manifest cut at %d: %v", i, err)
		}
	}
	for i := range file {
		bad := bytes.Clone(file)
		bad[i] ^= 1
		if _, err := open(bad, manifest, trust); code(err) != Corrupt {
			t.Fatalf("file byte %d: %v", i, err)
		}
		if _, err := open(file[:i], manifest, trust); code(err) != Corrupt {
			t.Fatalf("file cut at %d: %v", i, err)
		}
	}
}

// Until the hash fits, bytes cost nothing but the error.
func TestUnverifiedBytesAllocateNothing(t *testing.T) {
	file, _, m, _ := built(t, spec(3))
	s, err := Open(file, m, zstd.Decompress)
	if err != nil {
		t.Fatal(err)
	}
	large := *m
	large.Size = 64 << 20
	large.Deltas = []DeltaInfo{{Source: m.Hash, Size: MaxDelta}}
	whole, delta, garbage := make([]byte, large.Size), make([]byte, MaxDelta), bytes.Repeat([]byte("lane "), MaxManifest/5)
	_, key := newKey(t, 1, "authority")
	trust := Trust{Roles: Trusted(key)}
	for name, read := range map[string]func() error{
		"a file":       func() error { _, err := Open(whole, &large, zstd.Decompress); return err },
		"a cut file":   func() error { _, err := Open(file[:len(file)-1], m, zstd.Decompress); return err },
		"a delta":      func() error { _, err := s.Apply(delta, &large); return err },
		"chunk hashes": func() error { _, err := large.OpenChunks(whole[:64*32]); return err },
		"a manifest":   func() error { _, err := OpenManifest(garbage, trust, now); return err },
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		err := read()
		runtime.ReadMemStats(&after)
		if err == nil {
			t.Errorf("%s: no error", name)
		}
		if size := after.TotalAlloc - before.TotalAlloc; size > 1<<16 {
			t.Errorf("%s: %d bytes were allocated", name, size)
		}
	}
}

// Even a signer cannot make a client swallow a malformed file: the hash is
// right here, the content is not.
func TestSignedButMalformed(t *testing.T) {
	file, _, good, _ := built(t, blooms(200))
	patch := func(at int, b ...byte) func([]byte) []byte {
		return func(f []byte) []byte { copy(f[at:], b); return f }
	}
	row := headerSize // the first row
	u64 := func(v uint64) []byte { return binary.LittleEndian.AppendUint64(nil, v) }
	for _, c := range []struct {
		name   string
		change func([]byte) []byte
		want   Code
	}{
		{"empty", func([]byte) []byte { return nil }, Corrupt},
		{"magic", patch(0, 'P'), Corrupt},
		{"major version", patch(8, 2), UnsupportedVersion},
		{"no sections", patch(12, 0), Corrupt},
		{"65 sections", patch(12, 65), Corrupt},
		{"2^32-1 sections", patch(12, 255, 255, 255, 255), Corrupt},
		{"file length", patch(16, u64(1<<40)...), Corrupt},
		{"list version", patch(24, 9), Corrupt},
		{"reserved header", patch(63, 1), Corrupt},
		{"unknown critical kind", patch(row, 9), UnsupportedVersion},
		{"unknown other kind", func(f []byte) []byte { f[row], f[row+4] = 9, 0; return f }, Corrupt}, // a lane is missing
		{"unknown lane", patch(row+2, 77), UnsupportedVersion},
		{"another lane", patch(row+2, byte(PHash)), Corrupt},
		{"unknown flag", patch(row+4, 3), Corrupt},
		{"offset unaligned", patch(row+8, u64(headerSize+2*rowSize+1)...), Corrupt},
		{"offset far", patch(row+8, u64(1<<63)...), Corrupt},
		{"offset into the table", patch(row+8, u64(0)...), Corrupt},
		{"length long", patch(row+16, u64(math.MaxUint64)...), Corrupt},
		{"entries", patch(row+24, u64(1<<36)...), Corrupt},
		{"m = 0", patch(row+32, u64(0)...), Corrupt},
		{"m = 2^36", patch(row+32, u64(1<<36)...), Corrupt},
		{"m = 2^64-1", patch(row+32, u64(math.MaxUint64)...), Corrupt},
		{"m one more", patch(row+32, u64(binary.LittleEndian.Uint64(file[row+32:])+1)...), Corrupt},
		{"k = 0", patch(row+40, 0), Corrupt},
		{"k = 65", patch(row+40, 65), Corrupt},
		{"k one more", patch(row+40, file[row+40]+1), Corrupt},
		{"key bits", patch(row+44, 1), Corrupt},
		{"another seed", patch(row+48, file[row+48]+1), Canary},
		{"reserved in row", patch(row+56, 1), Corrupt},
		{"reserved at row's end", patch(row+127, 1), Corrupt},
		{"section hash", patch(row+64, file[row+64]+1), Corrupt},
		{"bytes behind", func(f []byte) []byte {
			f = append(f, make([]byte, 64)...)
			copy(f[16:], u64(uint64(len(f))))
			return f
		}, Corrupt},
		{"padding", func(f []byte) []byte { f[len(f)-1] = 1; return f }, Corrupt},
	} {
		bad := c.change(bytes.Clone(file))
		m := *good
		resigned(&m, bad)
		if _, err := Open(bad, &m, zstd.Decompress); code(err) != c.want {
			t.Errorf("%s: got %v, want %s", c.name, err, c.want)
		}
	}
}

// rebuilt replaces the filter of the first lane and signs the result.
func rebuilt(t *testing.T, raw []byte, compress func([]byte) []byte) ([]byte, *Manifest) {
	t.Helper()
	s := blooms(6001)
	s.Lanes = s.Lanes[1:2]
	file, m, err := Build(s)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := rowsOf(file, m.Version)
	if err != nil {
		t.Fatal(err)
	}
	if raw == nil {
		raw, err = zstd.Decompress(file[rows[0].offset:rows[0].offset+rows[0].length], bloomHeaderSize+int(rows[0].bits+63)/64*8)
		if err != nil {
			t.Fatal(err)
		}
	}
	file, err = layOut(m.Version, rows, 0, func(i int, b []byte) ([]byte, error) {
		section := compress(raw)
		rows[i].sum = sha256.Sum256(section)
		return append(b, section...), nil
	})
	if err != nil {
		t.Fatal(err)
	}
	resigned(m, file)
	return file, m
}

func TestHostileFilters(t *testing.T) {
	compress := func(raw []byte) []byte {
		b, err := zstd.Compress(raw)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	for _, c := range []struct {
		name   string
		raw    []byte
		change func([]byte) []byte
		want   Code
	}{
		{"unchanged", nil, compress, ""},
		{"not zstd", nil, func(raw []byte) []byte { return raw }, Corrupt},
		{"empty", nil, func([]byte) []byte { return nil }, Corrupt},
		{"everything hits", nil, func(raw []byte) []byte {
			for i := bloomHeaderSize; i < len(raw)-8; i++ {
				raw[i] = 0xff
			}
			return compress(raw)
		}, Overfull},
		{"nothing hits", nil, func(raw []byte) []byte { clear(raw[bloomHeaderSize:]); return compress(raw) }, Corrupt},
		{"m differs inside", nil, func(raw []byte) []byte { raw[7]++; return compress(raw) }, Corrupt},
		{"k differs inside", nil, func(raw []byte) []byte { raw[15]++; return compress(raw) }, Corrupt},
		{"length differs inside", nil, func(raw []byte) []byte { raw[16] = 255; return compress(raw) }, Corrupt},
		{"bits beyond the end", nil, func(raw []byte) []byte { raw[len(raw)-8] |= 0x80; return compress(raw) }, Corrupt},
		{"a byte short", nil, func(raw []byte) []byte { return compress(raw[:len(raw)-1]) }, Corrupt},
		{"a byte long", nil, func(raw []byte) []byte { return compress(append(raw, 0)) }, Corrupt},
		{"bomb", make([]byte, 64<<20), compress, Corrupt},
		{"two bombs", make([]byte, 1<<20), func(raw []byte) []byte { return bytes.Repeat(compress(raw), 50) }, Corrupt},
	} {
		file, m := rebuilt(t, c.raw, c.change)
		_, err := Open(file, m, zstd.Decompress)
		if c.want == "" && err != nil || c.want != "" && code(err) != c.want {
			t.Errorf("%s: got %v, want %q", c.name, err, c.want)
		}
	}
}

// What decompresses is asked once the table's numbers are verified, and believed
// in nothing.
func TestDecompressIsHandedIn(t *testing.T) {
	file, _, m, _ := built(t, blooms(100))
	if _, err := Open(file, m, nil); !errors.Is(err, ErrCompressed) {
		t.Errorf("without: %v, want ErrCompressed", err)
	}
	answers := map[string]Decompress{
		"fails":       func([]byte, int) ([]byte, error) { return nil, errors.New("failed") },
		"says little": func(stream []byte, size int) ([]byte, error) { return make([]byte, size-1), nil },
		"says more": func(stream []byte, size int) ([]byte, error) {
			b, err := zstd.Decompress(stream, size)
			return append(b, 0), err
		},
		"says nothing": func([]byte, int) ([]byte, error) { return nil, nil },
		"says zeros":   func(_ []byte, size int) ([]byte, error) { return make([]byte, size), nil },
	}
	for name, d := range answers {
		if _, err := Open(file, m, d); code(err) != Corrupt {
			t.Errorf("%s: %v, want corrupt", name, err)
		}
	}
	unasked := func([]byte, int) ([]byte, error) { t.Error("asked to decompress"); return nil, nil }
	plain, _, other, _ := built(t, spec(100))
	if _, err := Open(plain, other, unasked); err != nil {
		t.Errorf("of the kind rice: %v", err)
	}
	for name, at := range map[string]int{"bits": headerSize + 32, "hash functions": headerSize + 40, "entries": headerSize + 24} {
		bad, claims := bytes.Clone(file), *m
		binary.LittleEndian.PutUint32(bad[at:], 1<<30)
		resigned(&claims, bad)
		if _, err := Open(bad, &claims, unasked); code(err) != Corrupt {
			t.Errorf("2^30 %s: %v, want corrupt", name, err)
		}
	}
	if most := bloomHeaderSize + maxBits/8; most != zstd.MaxSize {
		t.Errorf("the largest filter has %d bytes, but %d are decompressed at most", most, zstd.MaxSize)
	}
}

// A signer cannot claim more or fewer entries than the filter holds.
func TestEntriesThatLie(t *testing.T) {
	for i, entries := range []uint64{1, 1 << 20, 1, 1 << 20} {
		file, _, good, _ := built(t, []Spec{spec(200), blooms(200)}[i/2])
		m := *good
		m.Lanes = slices.Clone(m.Lanes)
		m.Lanes[1].Entries = entries // phash
		binary.LittleEndian.PutUint64(file[headerSize+rowSize+24:], entries)
		resigned(&m, file)
		if _, err := Open(file, &m, zstd.Decompress); code(err) != Corrupt {
			t.Errorf("%d entries instead of 200: %v", entries, err)
		}
	}
}

// The frames of a film have different hashes and one key.
func TestHashesThatShareAKey(t *testing.T) {
	frames := LaneKeys{Lane: PDQ}
	for i := range byte(200) {
		frames.Hashes = append(append(frames.Hashes, 0xaa, i), bytes.Repeat([]byte{0x55}, 30)...)
	}
	for _, kind := range []Kind{Rice, Bloom} {
		s := spec(1)
		frames.Kind = kind
		s.Lanes = []LaneKeys{frames}
		file, manifest, m, trust := built(t, s)
		if m.Lanes[0].Entries != 1 {
			t.Errorf("%s: %d entries, want 1 key", kind, m.Lanes[0].Entries)
		}
		if _, err := open(file, manifest, trust); err != nil {
			t.Errorf("%s: %v", kind, err)
		}
	}
}

// The hash is made to fit, as if a signer had vouched for the bytes.
func FuzzOpen(f *testing.F) {
	file, _, m, _ := built(f, spec(3))
	f.Add(file)
	file, _, _, _ = built(f, blooms(3))
	f.Add(file)
	f.Fuzz(func(t *testing.T, b []byte) {
		m := *m
		resigned(&m, b)
		if s, err := Open(b, &m, zstd.Decompress); err == nil {
			s.Contains(PHash, make([]byte, 8))
		} else if strings.HasPrefix(string(code(err)), "no code") {
			t.Errorf("error %v", err)
		}
	})
}

func FuzzFilter(f *testing.F) {
	raw, err := zstd.Compress(make([]byte, bloomHeaderSize+8))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(raw, uint64(64), uint64(1))
	f.Fuzz(func(t *testing.T, data []byte, m, k uint64) {
		if m < 64 || m > 1<<16 {
			return
		}
		if words, err := readBloom(data, m, k, zstd.Decompress); err == nil && uint64(len(words)) != (m+63)/64 {
			t.Errorf("%d words for %d bits", len(words), m)
		}
	})
}
