package voprf

import (
	"bytes"
	"encoding/binary"
	"errors"
	"slices"
	"testing"

	"github.com/preseal/preseal/matcher/confirm"
)

type namedBytes struct {
	name  string
	bytes []byte
}

// badElements are encodings that RFC 9496 has readers reject, and the identity.
func badElements(t testing.TB) []namedBytes {
	t.Helper()
	p := append(append([]byte{0xed}, bytes.Repeat([]byte{0xff}, 30)...), 0x7f)
	set := func(b []byte, at int, v byte) []byte {
		b = bytes.Clone(b)
		b[at] = v
		return b
	}
	good := testKey(t, 1).public
	negative := make([]byte, elementSize) // p minus it
	borrow := 0
	for i := range negative {
		d := int(p[i]) - int(good[i]) - borrow
		negative[i], borrow = byte(d), (d>>8)&1
	}
	bad := []namedBytes{
		{"the identity", make([]byte, elementSize)},
		{"zero, not canonical", p},
		{"two, not canonical", set(p, 0, 0xef)},
		{"the highest bit of the identity set", set(make([]byte, elementSize), 31, 0x80)},
		{"the highest bit of an element set", set(good[:], 31, good[31]|0x80)},
		{"all bits set", bytes.Repeat([]byte{0xff}, elementSize)},
		{"negative: one", set(make([]byte, elementSize), 0, 1)},
		{"negative of an element", negative},
		{"no point with this y: minus one", set(p, 0, 0xec)},
	}
	// Half of the even numbers are no element: the first few of those.
	for i, found := byte(2), 0; found < 4; i += 2 {
		b := set(make([]byte, elementSize), 0, i)
		if suite.Group().NewElement().UnmarshalBinary(b) != nil {
			bad = append(bad, namedBytes{"no square", b})
			found++
		}
	}
	return bad
}

// badRequests mangles a good request with 4 slots, for each field.
func badRequests(t testing.TB, good []byte) []namedBytes {
	t.Helper()
	with := func(at int, v ...byte) []byte { return slices.Replace(bytes.Clone(good), at, at+len(v), v...) }
	sized := func(m byte, slots int) []byte {
		return append(with(3, m)[:headerSize], make([]byte, slots*elementSize)...)
	}
	bad := []namedBytes{
		{"empty", nil},
		{"a part of the header", good[:headerSize-1]},
		{"header only", good[:headerSize]},
		{"an element too few", good[:len(good)-elementSize]},
		{"a byte too few", good[:len(good)-1]},
		{"a byte too many", append(bytes.Clone(good), 0)},
		{"an element too many", append(bytes.Clone(good), good[headerSize:headerSize+elementSize]...)},
		{"type 0", with(0, 0)},
		{"type response", with(0, typeResponse)},
		{"version 0", with(1, 0)},
		{"version 2", with(1, 2)},
		{"suite 0", with(2, 0)},
		{"suite 2", with(2, 2)},
		{"m = 0", sized(0, 0)},
		{"m = 1", sized(1, 1)},
		{"m = 3", sized(3, 3)},
		{"m = 5", sized(5, 5)},
		{"m = 8 with 4 elements", with(3, 8)},
		{"m = 17", sized(17, 17)},
		{"m = 255", sized(255, 255)},
		{"zeros for elements", sized(4, 4)},
	}
	for i, e := range badElements(t) {
		bad = append(bad, namedBytes{e.name, with(headerSize+i%4*elementSize, e.bytes...)})
	}
	return bad
}

// sealedRefusal reports whether b is a refusal of m slots without content.
func sealedRefusal(b []byte, status Status, m int, id confirm.KeyID) bool {
	want := append([]byte{typeResponse, version, byte(status), byte(m)}, id[:]...)
	return bytes.Equal(b, append(want, make([]byte, m*elementSize+proofSize)...))
}

func TestServerRejects(t *testing.T) {
	key := testKey(t, 1)
	server := NewServer(key)
	for _, bad := range badRequests(t, ask(t, testClient(t, key), 1).Request()) {
		if response, status := server.Answer(bad.bytes); status != Malformed || !sealedRefusal(response, Malformed, 4, key.public.ID()) {
			t.Errorf("%s: %s, response %x", bad.name, status, response)
		}
	}
	q := ask(t, testClient(t, testKey(t, 2)), 16)
	if response, status := server.Answer(q.Request()); status != UnknownKey || !sealedRefusal(response, UnknownKey, 16, key.public.ID()) {
		t.Errorf("another key: %s, response %x", status, response)
	}
}

// Refusals are as long as answers, whatever is refused, and clients know them.
func TestRefuse(t *testing.T) {
	key := testKey(t, 1)
	server, client := NewServer(key), testClient(t, key)
	for _, n := range []int{1, 5, 16} {
		q := ask(t, client, n)
		answer, _ := server.Answer(q.Request())
		for _, status := range []Status{Malformed, Busy, Internal} {
			response := server.Refuse(q.Request(), status)
			_, err := q.Outputs(response)
			var refusal *Refusal
			if len(response) != len(answer) || !errors.As(err, &refusal) || refusal.Status != status {
				t.Errorf("%d keys, %s: %d bytes, error %v", n, status, len(response), err)
			}
		}
	}
	if got := server.Refuse(nil, Busy); !sealedRefusal(got, Busy, 4, key.public.ID()) {
		t.Errorf("unread: %x", got)
	}
}

func TestClientRejects(t *testing.T) {
	key := testKey(t, 1)
	server, q := NewServer(key), ask(t, testClient(t, key), 3)
	good, _ := server.Answer(q.Request())
	with := func(at int, v ...byte) []byte { return slices.Replace(bytes.Clone(good), at, at+len(v), v...) }
	refused := func(status Status, change func([]byte)) []byte {
		b := server.Refuse(q.Request(), status)
		change(b)
		return b
	}
	larger, _ := server.Answer(ask(t, testClient(t, key), 5).Request())
	order := make([]byte, 32) // the group's order, and so no canonical scalar
	binary.LittleEndian.PutUint64(order, 0x5812631a5cf5d3ed)
	binary.LittleEndian.PutUint64(order[8:], 0x14def9dea2f79cd6)
	order[31] = 0x10
	proof := len(good) - proofSize
	bad := []namedBytes{
		{"empty", nil},
		{"a byte too few", good[:len(good)-1]},
		{"a byte too many", append(bytes.Clone(good), 0)},
		{"the header only", good[:headerSize]},
		{"without a proof", good[:proof]},
		{"the request", q.Request()},
		{"more slots", larger},
		{"type request", with(0, typeRequest)},
		{"version 0", with(1, 0)},
		{"status 5", with(2, 5)},
		{"status 255", with(2, 255)},
		{"m = 0", with(3, 0)},
		{"m = 8", with(3, 8)},
		{"another key id", with(4, good[4]^1)},
		{"a refusal with elements", with(2, byte(Busy))},
		{"a refusal with a proof", refused(Busy, func(b []byte) { b[len(b)-1] = 1 })},
		{"the key is unknown, says its owner", refused(UnknownKey, func([]byte) {})},
		{"a refusal of another size", server.Refuse(nil, Busy)[:100]},
		{"proof: c is the order", with(proof, order...)},
		{"proof: s is the order", with(proof+32, order...)},
		{"proof: all bits set", with(proof, bytes.Repeat([]byte{0xff}, proofSize)...)},
	}
	for i, e := range badElements(t) {
		bad = append(bad, namedBytes{e.name, with(headerSize+i%4*elementSize, e.bytes...)})
	}
	for _, b := range bad {
		if outputs, err := q.Outputs(b.bytes); !errors.Is(err, confirm.ErrMalformed) || outputs != nil {
			t.Errorf("%s: %d outputs, error %v", b.name, len(outputs), err)
		}
	}
	element := good[headerSize:][:elementSize]
	for _, b := range []namedBytes{
		{"no proof", with(proof, make([]byte, proofSize)...)},
		{"another c", with(proof, good[proof+32:proof+64]...)},
		{"an element for another", with(headerSize+elementSize, element...)},
		{"elements exchanged", with(headerSize, append(bytes.Clone(good[headerSize+32:headerSize+64]), element...)...)},
		{"the blinded elements", with(headerSize, q.Request()[headerSize:]...)},
	} {
		if outputs, err := q.Outputs(b.bytes); !errors.Is(err, ErrBadProof) || outputs != nil {
			t.Errorf("%s: %d outputs, error %v", b.name, len(outputs), err)
		}
	}
	if _, err := q.Outputs(good); err != nil {
		t.Errorf("the good response: %v", err)
	}
}

// A byte changed on the way, up or down, never ends as an answer.
func TestMangled(t *testing.T) {
	key := testKey(t, 1)
	server, q := NewServer(key), ask(t, testClient(t, key), 2)
	good, _ := server.Answer(q.Request())
	for _, flip := range []byte{1, 0x80, 0xff} {
		for i := range q.Request() {
			request := bytes.Clone(q.Request())
			request[i] ^= flip
			response, status := server.Answer(request)
			if _, err := q.Outputs(response); err == nil {
				t.Errorf("request byte %d ^ %#x: %s, and taken for an answer", i, flip, status)
			}
		}
		for i := range good {
			response := bytes.Clone(good)
			response[i] ^= flip
			if _, err := q.Outputs(response); err == nil {
				t.Errorf("response byte %d ^ %#x: taken for an answer", i, flip)
			}
		}
	}
}

func FuzzDecodeRequest(f *testing.F) {
	key := testKey(f, 1)
	server, client := NewServer(key), testClient(f, key)
	f.Add(ask(f, client, 1).Request())
	f.Add(ask(f, client, 9).Request())
	f.Add([]byte{typeRequest, version, suiteID, 4})
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := decodeRequest(b)
		response, status := server.Answer(b)
		if (err != nil) != (status == Malformed) || len(response) > MaxResponse || len(response) < responseSize(4) {
			t.Fatalf("error %v, %s, %d bytes", err, status, len(response))
		}
		if err != nil {
			if !errors.Is(err, confirm.ErrMalformed) {
				t.Errorf("error %v", err)
			}
			return
		}
		if again, err := r.encode(); err != nil || !bytes.Equal(again, b) {
			t.Errorf("%x is read as %x, error %v", b, again, err)
		}
	})
}

func FuzzDecodeResponse(f *testing.F) {
	key := testKey(f, 1)
	server, q := NewServer(key), ask(f, testClient(f, key), 1)
	good, _ := server.Answer(q.Request())
	f.Add(good)
	f.Add(server.Refuse(q.Request(), Busy))
	f.Add([]byte{typeResponse, version, 0, 4})
	f.Fuzz(func(t *testing.T, b []byte) {
		outputs, err := q.Outputs(b)
		if (err == nil) != bytes.Equal(b, good) || (err == nil) != (len(outputs) == 1) {
			t.Errorf("%d outputs, error %v", len(outputs), err)
		}
		r, err := decodeResponse(b, 4, q.client.id)
		if err != nil {
			return
		}
		if again, err := r.encode(); err != nil || !bytes.Equal(again, b) {
			t.Errorf("%x is read as %x, error %v", b, again, err)
		}
	})
}
