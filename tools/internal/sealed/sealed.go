// Package sealed encrypts the entries of a list for the confirmation server, so that the folder of a snapshot can be
// published whole without giving the list away.
//
//	 0   16  magic, "preseal list 1\n\0"
//	16   32  salt, random
//	48   …   chunks: 65,536 bytes of plaintext, the last one fewer, each followed by a tag of 16 bytes
//
// A chunk is AES-256-GCM under HKDF-SHA256(secret: the OPRF key, salt, info: "preseal sealed list" | SHA-256 of the
// manifest's signed text, to which others may add their signatures). Its nonce is its number as 11 bytes, big-endian, and one byte that is 1 for the last chunk and else 0,
// as in the STREAM construction (Hoang et al., CRYPTO 2015). The plaintext is, for each lane in ascending order,
//
//	lane u16 | kind u16 | 0 u32 | count u64 | count rows in ascending order, none twice       (big-endian)
//
// Kind 0 has the hashes of the lane: 32 bytes for sha256, 8 for phash, 32 for pdq. Kind 1 follows kind 0 in the lane phash
// only: its rows are one of these pHashes and the PDQ hash of the same picture, 40 bytes. A block of no rows is left out.
package sealed

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/preseal/preseal/matcher/snapshot"
	"github.com/preseal/preseal/tools/internal/list"
)

// Name is the name of the sealed list in a snapshot's folder.
const Name = "list.sealed"

const (
	magic      = "preseal list 1\n\x00"
	saltSize   = 32
	chunkSize  = 64 << 10
	tagSize    = 16
	headerSize = 16

	hashes, pairs = 0, 1 // the kinds
)

// ErrWrongKey says that a sealed list cannot be opened: it was sealed with another key or for another manifest, or it
// was changed.
var ErrWrongKey = errors.New("the sealed list does not belong to this key and manifest, or it is damaged")

func newAEAD(key [32]byte, salt []byte, mark snapshot.Mark) (cipher.AEAD, error) {
	derived, err := hkdf.Key(sha256.New, key[:], salt, "preseal sealed list"+string(mark.Hash[:]), 32)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(derived)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

// Seal writes the entries of a sorted set to w, for the holder of key and the manifest with this mark, which was built
// from them.
func Seal(w io.Writer, set *list.Set, key [32]byte, mark snapshot.Mark) error {
	header := make([]byte, len(magic)+saltSize)
	copy(header, magic)
	rand.Read(header[len(magic):])
	aead, err := newAEAD(key, header[len(magic):], mark)
	if err != nil {
		return err
	}
	if _, err := w.Write(header); err != nil {
		return err
	}
	c := &chunks{w: w, aead: aead}
	for _, lane := range list.Lanes {
		if err := c.block(lane, hashes, set.Flat(lane), lane.HashSize()); err != nil {
			return err
		}
		if lane == snapshot.PHash {
			if err := c.block(lane, pairs, set.Pairs(), list.PairSize); err != nil {
				return err
			}
		}
	}
	return c.flush(1)
}

func (c *chunks) block(lane snapshot.Lane, kind uint16, rows []byte, size int) error {
	if len(rows) == 0 {
		return nil
	}
	var h [headerSize]byte
	binary.BigEndian.PutUint16(h[:], uint16(lane))
	binary.BigEndian.PutUint16(h[2:], kind)
	binary.BigEndian.PutUint64(h[8:], uint64(len(rows)/size))
	_, err := io.Copy(c, io.MultiReader(bytes.NewReader(h[:]), bytes.NewReader(rows)))
	return err
}

// chunks is the writer of the plaintext.
type chunks struct {
	w       io.Writer
	aead    cipher.AEAD
	pending []byte
	number  uint64
}

func (c *chunks) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 {
		if len(c.pending) == chunkSize { // not the last chunk: there is more
			if err := c.flush(0); err != nil {
				return 0, err
			}
		}
		take := min(len(p), chunkSize-len(c.pending))
		c.pending = append(c.pending, p[:take]...)
		p = p[take:]
	}
	return n, nil
}

func (c *chunks) flush(last byte) error {
	_, err := c.w.Write(c.aead.Seal(nil, nonce(c.number, last), c.pending, nil))
	c.pending = c.pending[:0]
	c.number++
	return err
}

func nonce(number uint64, last byte) []byte {
	n := make([]byte, 12)
	binary.BigEndian.PutUint64(n[3:], number) // bytes 3 to 10
	n[11] = last
	return n
}

// Open reads a sealed list. Nothing of it is returned unless all of it is authentic.
func Open(r io.Reader, key [32]byte, mark snapshot.Mark) (*list.Set, error) {
	header := make([]byte, len(magic)+saltSize)
	if _, err := io.ReadFull(r, header); err != nil {
		return nil, short(err)
	}
	if string(header[:len(magic)]) != magic {
		return nil, errors.New("this is not a sealed list")
	}
	aead, err := newAEAD(key, header[len(magic):], mark)
	if err != nil {
		return nil, err
	}
	o := &opener{r: r, aead: aead, sealed: make([]byte, 0, chunkSize+tagSize+1)}
	set := new(list.Set)
	for previous := uint32(0); ; {
		var h [headerSize]byte
		if _, err := io.ReadFull(o, h[:]); err == io.EOF {
			return set, nil
		} else if err != nil {
			return nil, short(err)
		}
		// Lane and kind as one number must rise.
		number, count := binary.BigEndian.Uint32(h[:]), binary.BigEndian.Uint64(h[8:])
		if number <= previous {
			return nil, fmt.Errorf("block %#x is out of order", number)
		}
		previous = number
		if err := readBlock(o, set, snapshot.Lane(number>>16), uint16(number), count); err != nil {
			return nil, err
		}
	}
}

// readBlock adds the rows of a block to set. It believes count only as far as rows follow.
func readBlock(r io.Reader, set *list.Set, lane snapshot.Lane, kind uint16, count uint64) error {
	size, add := lane.HashSize(), func(row []byte) { set.Add(lane, row) }
	switch {
	case lane == snapshot.PHash && kind == pairs:
		size, add = list.PairSize, set.AddPair
	case size == 0 || kind != hashes:
		return fmt.Errorf("a block of lane %d and kind %d is unknown", lane, kind)
	}
	row, last := make([]byte, size), make([]byte, size)
	for i := range count {
		if _, err := io.ReadFull(r, row); err != nil {
			return short(err)
		}
		if i > 0 && bytes.Compare(last, row) >= 0 {
			return fmt.Errorf("entries of lane %s are out of order", lane)
		}
		if kind == pairs && !set.Contains(lane, row[:8]) {
			return fmt.Errorf("a pair in lane %s has a hash that is not listed", lane)
		}
		add(row)
		last, row = row, last
	}
	return nil
}

// short tells the end of a file from an error of its reader.
func short(err error) error {
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return errors.New("the sealed list is truncated")
	}
	return err
}

// opener is the reader of the plaintext.
type opener struct {
	r      io.Reader
	aead   cipher.AEAD
	sealed []byte // read but not opened: a byte more than a chunk shows that the chunk is not the last
	plain  []byte // opened but not read
	number uint64
	done   bool
}

func (o *opener) Read(p []byte) (int, error) {
	for len(o.plain) == 0 {
		if o.done {
			return 0, io.EOF
		}
		if err := o.open(); err != nil {
			return 0, err
		}
	}
	n := copy(p, o.plain)
	o.plain = o.plain[n:]
	return n, nil
}

func (o *opener) open() error {
	n, err := io.ReadFull(o.r, o.sealed[len(o.sealed):cap(o.sealed)])
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		return err
	}
	have, last := o.sealed[:len(o.sealed)+n], byte(0)
	if o.done = len(have) < cap(o.sealed); o.done {
		last = 1
	}
	chunk := have[:min(len(have), chunkSize+tagSize)]
	if o.plain, err = o.aead.Open(nil, nonce(o.number, last), chunk, nil); err != nil {
		return ErrWrongKey
	}
	o.number++
	o.sealed = append(o.sealed[:0], have[len(chunk):]...)
	return nil
}
