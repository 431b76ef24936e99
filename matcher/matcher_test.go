package matcher_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"image"
	"image/jpeg"
	"math/bits"
	"reflect"
	"runtime"
	"runtime/debug"
	"slices"
	"sync"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/preseal/preseal/matcher"
	"github.com/preseal/preseal/matcher/confirm"
	"github.com/preseal/preseal/matcher/media"
	"github.com/preseal/preseal/matcher/phash"
	"github.com/preseal/preseal/matcher/probe"
	"github.com/preseal/preseal/matcher/snapshot"
	"github.com/preseal/preseal/testdata/pictures"
)

var now = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// query is what a client knows of a picture in a file.
func query(t testing.TB, img image.Image, file []byte) matcher.Query {
	t.Helper()
	white, black, err := media.FromImage(img, 1)
	if err != nil {
		t.Fatal(err)
	}
	q := matcher.Query{SHA256: sha256.Sum256(file), Pictures: []phash.Luma{white}}
	if black != nil {
		q.Pictures = append(q.Pictures, *black)
	}
	return q
}

func decode(t testing.TB, file []byte) image.Image {
	t.Helper()
	img, err := jpeg.Decode(bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	return img
}

// lists opens a snapshot of these pictures and of many random keys.
func lists(t testing.TB, imgs ...image.Image) *matcher.Matcher {
	t.Helper()
	digests, hashes, pdqs := snapshot.LaneKeys{Lane: snapshot.SHA256}, snapshot.LaneKeys{Lane: snapshot.PHash}, snapshot.LaneKeys{Lane: snapshot.PDQ}
	for _, img := range imgs {
		file := pictures.PNG(img)
		q := query(t, img, file)
		im, err := phash.Of(q.Pictures[0])
		if err != nil {
			t.Fatal(err)
		}
		digests.Hashes = append(digests.Hashes, q.SHA256[:]...)
		hashes.Hashes = binary.BigEndian.AppendUint64(hashes.Hashes, uint64(im.PHash))
		pdqs.Hashes = append(pdqs.Hashes, im.PDQ[:]...)
	}
	for i := range uint64(2000) {
		sum := sha256.Sum256(binary.BigEndian.AppendUint64(nil, i))
		digests.Hashes = append(digests.Hashes, sum[:]...)
		hashes.Hashes = append(hashes.Hashes, sum[:8]...)
		pdqs.Hashes = append(pdqs.Hashes, sum[:]...)
	}
	return opens(t, snapshot.Spec{
		Origin: "example.org/test", Version: 1, Published: now, Expires: now.Add(time.Hour),
		Lanes: []snapshot.LaneKeys{digests, hashes, pdqs},
	})
}

func opens(t testing.TB, spec snapshot.Spec) *matcher.Matcher {
	t.Helper()
	file, m, err := snapshot.Build(spec)
	if err != nil {
		t.Fatal(err)
	}
	skey, vkey, err := note.GenerateKey(nil, "test")
	if err != nil {
		t.Fatal(err)
	}
	signer, err := note.NewSigner(skey)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := snapshot.Sign(m, signer)
	if err != nil {
		t.Fatal(err)
	}
	if m, err = snapshot.OpenManifest(signed, snapshot.Trust{Roles: snapshot.Trusted(vkey)}, now); err != nil {
		t.Fatal(err)
	}
	s, err := snapshot.Open(file, m, nil)
	if err != nil {
		t.Fatal(err)
	}
	return matcher.New(s)
}

func check(t testing.TB, m *matcher.Matcher, q matcher.Query) matcher.Finding {
	t.Helper()
	f, err := m.Check(q, now)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestListedAndReencodedPicturesAreCandidates(t *testing.T) {
	listed := pictures.Photo(1, 640, 480)
	m := lists(t, listed)

	f := check(t, m, query(t, listed, pictures.PNG(listed)))
	want := []snapshot.Lane{snapshot.SHA256, snapshot.PDQ, snapshot.PHash}
	if len(f.Candidates) != len(want) || f.Probes < 1+2*snapshot.DefaultProbes {
		t.Fatalf("the listed file: %+v", f)
	}
	for i, c := range f.Candidates {
		if c.Lane != want[i] || c.Probe != 1 || c.Distance != 0 || c.Window != 0 || c.Orientation != phash.Upright {
			t.Errorf("candidate %d: %+v", i, c)
		}
	}

	small := pictures.JPEG(pictures.Scale(listed, 320, 240), 50)
	f = check(t, m, query(t, decode(t, small), small))
	if len(f.Candidates) != 2 || f.Candidates[0].Lane != snapshot.PDQ || f.Candidates[1].Lane != snapshot.PHash || f.Clear() {
		t.Errorf("its copy at half size, quality 50: %+v", f)
	}

	for seed := range uint64(8) {
		other := pictures.Photo(100+seed, 640, 480)
		f = check(t, m, query(t, other, pictures.PNG(other)))
		if !f.Clear() || f.Image == nil || f.Featureless {
			t.Errorf("unlisted photo %d: %+v", seed, f)
		}
	}
}

func TestChecksAtTheSameTime(t *testing.T) {
	listed := pictures.Photo(1, 640, 480)
	m := lists(t, listed)
	q := query(t, pictures.Scale(listed, 320, 240), nil)
	want := check(t, m, q)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 4 {
				if got, err := m.Check(q, now); err != nil || !reflect.DeepEqual(got, want) {
					t.Errorf("%+v, alone %+v, %v", got, want, err)
				}
			}
		})
	}
	all.Wait()
}

// A WebAssembly program grows for new memory until its collector runs, which takes
// long.
func TestChecksReuseMemory(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1)) // a sync.Pool has memory for each
	m := lists(t)
	q := query(t, pictures.Photo(1, 1200, 900), nil)
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	check(t, m, q)
	const n, most = 4, 300 << 10
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range n {
		check(t, m, q)
	}
	runtime.ReadMemStats(&after)
	if each := (after.TotalAlloc - before.TotalAlloc) / n; each > most {
		t.Errorf("a check takes %d bytes of new memory, more than %d", each, most)
	}
}

func TestQuestionAboutAFinding(t *testing.T) {
	listed := pictures.Photo(1, 300, 200)
	f := check(t, lists(t, listed), query(t, listed, pictures.PNG(listed)))
	q, err := confirm.PlainClient{}.Ask(f.Keys())
	if err != nil {
		t.Fatal(err)
	}
	server := confirm.NewPlainServer(func(k confirm.Key) confirm.Answer {
		return confirm.Answer{Listed: k.Lane == snapshot.PHash && bytes.Equal(k.Bytes, f.Candidates[2].Key)}
	})
	response, err := server.Answer(q.Request())
	if err != nil {
		t.Fatal(err)
	}
	answers, err := q.Answers(response)
	if err != nil || len(answers) != 3 || answers[0].Listed || answers[1].Listed || !answers[2].Listed {
		t.Errorf("got %+v, %v", answers, err)
	}
}

// turn returns img mirrored, upside down and with rows and columns exchanged,
// by the bits of n.
func turn(img *image.NRGBA, n int) *image.NRGBA {
	w, h := img.Rect.Dx(), img.Rect.Dy()
	out := image.NewNRGBA(image.Rect(0, 0, w, h))
	if n&4 != 0 {
		out = image.NewNRGBA(image.Rect(0, 0, h, w))
	}
	for y := range out.Rect.Dy() {
		for x := range out.Rect.Dx() {
			sx, sy := x, y
			if n&1 != 0 {
				sx = out.Rect.Dx() - 1 - x
			}
			if n&2 != 0 {
				sy = out.Rect.Dy() - 1 - y
			}
			if n&4 != 0 {
				sx, sy = sy, sx
			}
			out.SetNRGBA(x, y, img.NRGBAAt(sx, sy))
		}
	}
	return out
}

func TestMirroredAndTurnedPicturesAreCandidates(t *testing.T) {
	listed := pictures.Photo(1, 640, 480)
	m := lists(t, listed)
	want := phash.PDQ{}
	seen := map[phash.Orientation]bool{}
	for n := range 8 {
		copied := pictures.JPEG(turn(listed, n), 60)
		f := check(t, m, query(t, decode(t, copied), copied))
		if len(f.Candidates) == 0 || f.Candidates[0].Lane != snapshot.PDQ {
			t.Errorf("orientation %d: %+v", n, f)
			continue
		}
		c := f.Candidates[0]
		if n == 0 {
			want = c.PDQs[0]
		}
		if d := c.PDQs[0].Distance(want); d > 20 {
			t.Errorf("orientation %d: the second hash is at distance %d", n, d)
		}
		seen[c.Orientation] = true
	}
	if len(seen) != 8 {
		t.Errorf("the candidates have orientations %v, want 8", seen)
	}
}

func TestPicturesInsideAFrameAreCandidates(t *testing.T) {
	listed := pictures.Photo(1, 640, 480)
	framed := image.NewNRGBA(image.Rect(0, 0, 720, 600))
	for i := range framed.Pix {
		framed.Pix[i] = 255
	}
	for y := range 480 {
		copy(framed.Pix[framed.PixOffset(40, 60+y):], listed.Pix[listed.PixOffset(0, y):listed.PixOffset(0, y)+4*640])
	}
	f := check(t, lists(t, listed), query(t, framed, []byte("another file")))
	if len(f.Candidates) != 2 || f.Candidates[0].Window == 0 || f.Candidates[1].Window == 0 {
		t.Errorf("a listed picture in a white frame: %+v", f)
	}
}

func TestConfirmed(t *testing.T) {
	m := lists(t, pictures.Photo(1, 300, 200))
	single := opens(t, snapshot.Spec{
		Origin: "example.org/test", Version: 1, Published: now, Expires: now.Add(time.Hour), Distance: 5,
		Lanes: []snapshot.LaneKeys{{Lane: snapshot.PHash, Hashes: make([]byte, 8), SingleHash: true}},
	})
	own, other := phash.PDQ{0: 0xff}, phash.PDQ{31: 0x07}
	for i, c := range []struct {
		m        *matcher.Matcher
		lane     snapshot.Lane
		answer   confirm.Answer
		match    bool
		distance int
	}{
		{m, snapshot.SHA256, confirm.Answer{Listed: true}, true, -1},
		{m, snapshot.SHA256, confirm.Answer{}, false, -1},
		{m, snapshot.PDQ, confirm.Answer{}, false, -1},
		{m, snapshot.PDQ, confirm.Answer{Listed: true, Hashes: []phash.PDQ{own}}, true, 0},
		{m, snapshot.PDQ, confirm.Answer{Listed: true, Hashes: []phash.PDQ{other}}, true, 11},
		{m, snapshot.PDQ, confirm.Answer{Listed: true, Hashes: []phash.PDQ{{1, 2, 3, 4, 5, 6, 7, 255, 255, 255, 255}}}, false, 50},
		{m, snapshot.PHash, confirm.Answer{Listed: true, Hashes: []phash.PDQ{{9, 9, 9, 9}, other}}, true, 11},
		{single, snapshot.PHash, confirm.Answer{Listed: true}, true, -1},
		{single, snapshot.PHash, confirm.Answer{Listed: true, Hashes: []phash.PDQ{other}}, false, 11},
	} {
		candidate := matcher.Candidate{Lane: c.lane, PDQs: []phash.PDQ{own}}
		if match, distance, err := c.m.Confirmed(candidate, c.answer); match != c.match || distance != c.distance || err != nil {
			t.Errorf("case %d: got %v at %d, %v; want %v at %d", i, match, distance, err, c.match, c.distance)
		}
	}
	// There may be more entries with this key than the answer holds.
	many := confirm.Answer{Listed: true, Hashes: make([]phash.PDQ, confirm.MaxHashes)}
	far := matcher.Candidate{Lane: snapshot.PDQ, PDQs: []phash.PDQ{phash.PDQ(bytes.Repeat([]byte{0x77}, 32))}}
	if match, _, err := m.Confirmed(far, many); match || !errors.Is(err, confirm.ErrTooMany) {
		t.Errorf("far from as many hashes as fit: got %v, %v", match, err)
	}
	many.Hashes[253] = far.PDQs[0]
	if match, distance, err := m.Confirmed(far, many); !match || distance != 0 || err != nil {
		t.Errorf("among as many hashes as fit: got %v at %d, %v", match, distance, err)
	}
	for _, lane := range []snapshot.Lane{snapshot.PDQ, snapshot.PHash, snapshot.MD5} {
		if match, _, err := m.Confirmed(matcher.Candidate{Lane: lane}, confirm.Answer{Listed: true}); match || err == nil {
			t.Errorf("lane %s without a promised second hash: got %v, %v", lane, match, err)
		}
	}
}

func TestDigestOnly(t *testing.T) {
	listed := pictures.Photo(1, 300, 200)
	m := lists(t, listed)
	f := check(t, m, matcher.Query{SHA256: sha256.Sum256(pictures.PNG(listed))})
	if len(f.Candidates) != 1 || f.Image != nil || f.Featureless || f.Probes != 1 {
		t.Errorf("a file that is not decoded: %+v", f)
	}
}

func TestFeaturelessPicturesAreNotProbed(t *testing.T) {
	flat := image.NewGray(image.Rect(0, 0, 200, 200))
	m := lists(t, pictures.Photo(1, 300, 200), flat)
	f := check(t, m, query(t, flat, []byte("another file")))
	if !f.Clear() || !f.Featureless || f.Image == nil || f.Probes != 1 {
		t.Errorf("a flat picture: %+v", f)
	}
}

// What a sender's software flattens a picture on is not known.
func TestTransparentPicturesAreProbedOverWhiteAndBlack(t *testing.T) {
	glass := pictures.Photo(2, 400, 300)
	for y := range 300 {
		for x := range 400 {
			if x+y < 250 {
				glass.Pix[glass.PixOffset(x, y)+3] = 0
			}
		}
	}
	onBlack := image.NewNRGBA(glass.Rect)
	for i := 0; i < len(glass.Pix); i += 4 {
		a := int(glass.Pix[i+3])
		for c := range 3 {
			onBlack.Pix[i+c] = uint8(int(glass.Pix[i+c]) * a / 255)
		}
		onBlack.Pix[i+3] = 255
	}
	f := check(t, lists(t, onBlack), query(t, glass, []byte("another file")))
	if len(f.Candidates) != 2 || f.Probes < 1+4*snapshot.DefaultProbes {
		t.Errorf("a transparent picture listed over black: %+v", f)
	}
}

func TestOverflow(t *testing.T) {
	listed := pictures.Photo(1, 300, 200)
	q := query(t, listed, nil)
	im, err := phash.Of(q.Pictures[0])
	if err != nil {
		t.Fatal(err)
	}
	// Half a percent of all keys near the picture's are listed.
	keys := snapshot.LaneKeys{Lane: snapshot.PHash, Probes: 4096, Error: 1e-9}
	for a := range 64 {
		for b := range a {
			keys.Hashes = binary.BigEndian.AppendUint64(keys.Hashes, uint64(im.PHash)^1<<a^1<<b)
		}
	}
	f := check(t, opens(t, snapshot.Spec{
		Origin: "example.org/test", Version: 1, Published: now, Expires: now.Add(time.Hour), Lanes: []snapshot.LaneKeys{keys},
	}), q)
	if len(f.Candidates) != matcher.MaxCandidates || !f.Overflow || f.Probes < 4096/matcher.LeaningShare || f.Probes > 4096/2 {
		t.Errorf("%d candidates, overflow %v, %d probes", len(f.Candidates), f.Overflow, f.Probes)
	}
	for i, c := range f.Candidates[1:] {
		if c.Probe <= f.Candidates[i].Probe || c.Distance != 2 {
			t.Errorf("candidate %d is %+v", i+1, c)
		}
	}
}

// Variants with more ones or fewer than a picture's hash are looked for as well,
// those of a sixteenth of the probes.
func TestLeaningVariantsAreCandidates(t *testing.T) {
	q := query(t, pictures.Photo(1, 300, 200), nil)
	im, err := phash.Of(q.Pictures[0])
	if err != nil {
		t.Fatal(err)
	}
	all := slices.Collect(probe.Likeliest(im.Margins[:], snapshot.DefaultProbes))
	share := len(all) / matcher.LeaningShare
	isBalanced := func(flips uint64) bool { return bits.OnesCount64(uint64(im.PHash)^flips) == 32 }
	isLeaning := func(flips uint64) bool { return !isBalanced(flips) }
	for _, flips := range [][]uint64{all[:share], all[share:]} {
		slices.Reverse(flips)
		for _, is := range []func(uint64) bool{isBalanced, isLeaning} {
			mask := flips[slices.IndexFunc(flips, is)] // the last
			keys := snapshot.LaneKeys{Lane: snapshot.PHash, Hashes: binary.BigEndian.AppendUint64(nil, uint64(im.PHash)^mask), Error: 1e-9}
			f := check(t, opens(t, snapshot.Spec{
				Origin: "example.org/test", Version: 1, Published: now, Expires: now.Add(time.Hour), Lanes: []snapshot.LaneKeys{keys},
			}), q)
			if want := isBalanced(mask) || len(flips) == share; f.Clear() == want {
				t.Errorf("flips %x of %d: %+v", mask, len(flips), f.Candidates)
			}
		}
	}
}

func TestExpiredAndMalformed(t *testing.T) {
	m := lists(t, pictures.Photo(1, 300, 200))
	var e *snapshot.Error
	if _, err := m.Check(matcher.Query{}, now.Add(2*time.Hour)); !errors.As(err, &e) || e.Code != snapshot.Expired {
		t.Errorf("an expired snapshot: %v", err)
	}
	if _, err := m.Check(matcher.Query{Pictures: []phash.Luma{{W: 3, H: 3}}}, now); err == nil {
		t.Error("a malformed picture has a finding")
	}
}

// 65,536 probes of a snapshot of 100,000 entries.
func BenchmarkCheck(b *testing.B) {
	keys := snapshot.LaneKeys{Lane: snapshot.PHash}
	for i := range uint64(100_000) {
		sum := sha256.Sum256(binary.BigEndian.AppendUint64(nil, i))
		keys.Hashes = append(keys.Hashes, sum[:8]...)
	}
	m := opens(b, snapshot.Spec{
		Origin: "example.org/test", Version: 1, Published: now, Expires: now.Add(time.Hour), Lanes: []snapshot.LaneKeys{keys},
	})
	q := query(b, pictures.Photo(1, 640, 480), nil)
	for b.Loop() {
		check(b, m, q)
	}
}
