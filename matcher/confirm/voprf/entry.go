package voprf

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/binary"
	"fmt"
	"math"
	"strings"
	"unicode/utf8"

	"github.com/preseal/preseal/matcher/confirm"
	"github.com/preseal/preseal/matcher/phash"
)

const (
	// MaxLabel is the most bytes of a label.
	MaxLabel = 32
	// RecordSize is the length of a sealed entry in bytes. All have the same.
	RecordSize = idSize + nonceSize + plainSize + tagSize
	// MaxBucket is the most bytes of a bucket. Most have a twentieth.
	MaxBucket = 1 << 20

	idSize    = 8
	nonceSize = 12
	tagSize   = 16
	hashSize  = 32
	plainSize = 1 + hashSize + MaxLabel

	flagPDQ  = 1 << 0 // the entry has a PDQ hash
	flagMore = 1 << 1 // another entry has the same key
)

// An Entry is what a client gets to know of a listed key.
type Entry struct {
	// PDQ is the second hash, nil if the list has none.
	PDQ *phash.PDQ
	// Label is UTF-8 of MaxLabel bytes at most, without zeros; mostly empty.
	Label string
}

// A record is one sealed entry:
//
//	id 8 | nonce 12 | AES-256-GCM( flags 1 | PDQ 32 | label 32 ) 65 | tag 16
//
// The n-th entry with a key, from 0, has its own id and keys, so that records
// of one key cannot be told to belong together. Lists change: the nonce is a
// MAC of the content, so that another content never meets the same nonce.
type recordKeys struct{ id, seal, nonce []byte }

// keysOf derives what the n-th record with an output needs (RFC 5869).
func keysOf(o *confirm.Output, n int) (recordKeys, error) {
	info := string(binary.BigEndian.AppendUint16([]byte("preseal entry 1"), uint16(n)))
	k, err := hkdf.Key(sha512.New, o[:], nil, info, idSize+32+32)
	if err != nil {
		return recordKeys{}, fmt.Errorf("derive keys: %w", err)
	}
	return recordKeys{k[:idSize], k[idSize : idSize+32], k[idSize+32:]}, nil
}

func (k recordKeys) aead() (cipher.AEAD, error) {
	block, err := aes.NewCipher(k.seal)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

// Seal returns one record for each of the 1 to 65,536 entries that have the
// output's key. The same entries always give the same records. A bucket is the
// records of all outputs with the same Bucket, sorted.
func Seal(o *confirm.Output, entries []Entry) ([][]byte, error) {
	if len(entries) < 1 || len(entries) > math.MaxUint16+1 {
		return nil, fmt.Errorf("a key has 1 to %d entries, not %d", math.MaxUint16+1, len(entries))
	}
	records := make([][]byte, len(entries))
	for n, e := range entries {
		if !validLabel(e.Label) {
			return nil, fmt.Errorf("label %.40q: want valid UTF-8 of %d bytes at most, without zeros", e.Label, MaxLabel)
		}
		var err error
		if records[n], err = seal(o, n, e.plain(n < len(entries)-1)); err != nil {
			return nil, err
		}
	}
	return records, nil
}

// plain returns what is sealed. More says that the key has another entry.
func (e Entry) plain(more bool) []byte {
	b := make([]byte, plainSize)
	if more {
		b[0] |= flagMore
	}
	if e.PDQ != nil {
		b[0] |= flagPDQ
		copy(b[1:], e.PDQ[:])
	}
	copy(b[1+hashSize:], e.Label)
	return b
}

func seal(o *confirm.Output, n int, plain []byte) ([]byte, error) {
	k, err := keysOf(o, n)
	if err != nil {
		return nil, err
	}
	aead, err := k.aead()
	if err != nil {
		return nil, err
	}
	mac := hmac.New(sha256.New, k.nonce)
	mac.Write(plain)
	nonce := mac.Sum(nil)[:nonceSize]
	record := append(make([]byte, 0, RecordSize), k.id...)
	return aead.Seal(append(record, nonce...), nonce, plain, k.id), nil
}

// Open returns the entries that have the output's key out of their bucket. An
// error wraps confirm.ErrMalformed: the bucket is no row of records, it lacks
// one of the entries, or one of them was changed. Whoever knows the output can
// forge them.
func Open(o *confirm.Output, bucket []byte) ([]Entry, error) {
	if len(bucket)%RecordSize != 0 || len(bucket) > MaxBucket {
		return nil, fmt.Errorf("%w: a bucket of %d bytes", confirm.ErrMalformed, len(bucket))
	}
	var entries []Entry
	for n := range min(len(bucket)/RecordSize+1, math.MaxUint16+1) {
		plain, err := openRecord(o, n, bucket)
		if err != nil {
			return nil, err
		}
		e, err := parseEntry(plain)
		if err != nil {
			return nil, fmt.Errorf("entry %d: %w", n, err)
		}
		entries = append(entries, e)
		if plain[0]&flagMore == 0 {
			return entries, nil
		}
	}
	return nil, fmt.Errorf("%w: more entries than there can be", confirm.ErrMalformed)
}

func openRecord(o *confirm.Output, n int, bucket []byte) ([]byte, error) {
	k, err := keysOf(o, n)
	if err != nil {
		return nil, err
	}
	aead, err := k.aead()
	if err != nil {
		return nil, err
	}
	for ; len(bucket) > 0; bucket = bucket[RecordSize:] {
		if !bytes.Equal(bucket[:idSize], k.id) {
			continue
		}
		nonce, sealed := bucket[idSize:idSize+nonceSize], bucket[idSize+nonceSize:RecordSize]
		plain, err := aead.Open(nil, nonce, sealed, k.id)
		if err != nil {
			return nil, fmt.Errorf("%w: entry %d was changed", confirm.ErrMalformed, n)
		}
		return plain, nil
	}
	return nil, fmt.Errorf("%w: entry %d is missing", confirm.ErrMalformed, n)
}

func parseEntry(plain []byte) (e Entry, err error) {
	flags, pdq, padded := plain[0], phash.PDQ(plain[1:]), plain[1+hashSize:]
	e.Label = strings.TrimRight(string(padded), "\x00")
	switch {
	case flags&^(flagPDQ|flagMore) != 0:
		return Entry{}, fmt.Errorf("%w: flags %#x", confirm.ErrMalformed, flags)
	case !validLabel(e.Label):
		return Entry{}, fmt.Errorf("%w: label", confirm.ErrMalformed)
	case flags&flagPDQ != 0:
		e.PDQ = &pdq
	case pdq != phash.PDQ{}:
		return Entry{}, fmt.Errorf("%w: a second hash without its flag", confirm.ErrMalformed)
	}
	return e, nil
}

func validLabel(s string) bool {
	return len(s) <= MaxLabel && utf8.ValidString(s) && !strings.Contains(s, "\x00")
}
