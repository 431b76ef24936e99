package outputs

import (
	"bufio"
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
	"io/fs"
	"os"

	"github.com/preseal/preseal/matcher/confirm"
	"github.com/preseal/preseal/matcher/snapshot"
)

// Name is the name of the journal in a snapshot's folder. Clients do not need it, and it tells nothing without the OPRF
// key.
const Name = "outputs.sealed"

// A journal is a file to which chunks are added:
//
//	 0   16  magic, "preseal outputs\n"
//	16    8  key id
//	24   32  salt, random
//	56    …  chunks: length u32 | nonce 12, random | plaintext | tag 16
//
// The length, big-endian, is that of the plaintext, which is the number of a lane, u16, and one row for each of 1 to 256
// keys of the lane: the key and its output. A chunk is AES-256-GCM under HKDF-SHA256(secret: the OPRF key, salt, info:
// "preseal outputs 1" | key id), its additional data its number as a u64. A file that ends within a chunk, or has a chunk
// that is not authentic, ends before it.
const (
	magic      = "preseal outputs\n"
	saltSize   = 32
	headerSize = len(magic) + len(confirm.KeyID{}) + saltSize
	nonceSize  = 12
	tagSize    = 16
	frameSize  = 4 + nonceSize
	chunkRows  = 256
	outputSize = len(confirm.Output{})
	maxChunk   = 2 + chunkRows*(32+outputSize) // of plaintext
)

// A Journal keeps outputs in a file from the moment that they are known, for whoever has the OPRF key. It must be closed.
type Journal struct {
	file   *os.File
	aead   cipher.AEAD
	chunks uint64
	used   int // rows that the table took
	spare  int // others
}

// OpenJournal reads the outputs that a file has into t and returns the journal that goes on after them. A file that is
// not there, or of another key, begins anew. The end of one that was cut short is dropped.
func OpenJournal(path string, secret [32]byte, id confirm.KeyID, t *Table) (*Journal, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, err
	}
	j := &Journal{file: f}
	err = j.open(secret, id, t)
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return j, nil
}

func (j *Journal) open(secret [32]byte, id confirm.KeyID, t *Table) error {
	aead, end, chunks, err := read(j.file, secret, id, func(lane snapshot.Lane, rows []byte) {
		used, spare := t.set(lane, rows)
		j.used, j.spare = j.used+used, j.spare+spare
	})
	if err != nil {
		return err
	}
	if aead == nil {
		var header []byte
		if header, aead, err = begin(secret, id); err != nil {
			return err
		}
		if err := j.file.Truncate(0); err != nil {
			return err
		}
		if _, err := j.file.WriteAt(header, 0); err != nil {
			return err
		}
		end = int64(headerSize)
	}
	if err := j.file.Truncate(end); err != nil {
		return err
	}
	j.aead, j.chunks = aead, chunks
	_, err = j.file.Seek(end, io.SeekStart)
	return err
}

// ReadJournal reads the outputs that a file has into t. One that is not there, or of another key, has none.
func ReadJournal(path string, secret [32]byte, id confirm.KeyID, t *Table) error {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	if _, _, _, err := read(f, secret, id, func(lane snapshot.Lane, rows []byte) { t.set(lane, rows) }); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// Close makes sure that all is on disk.
func (j *Journal) Close() error { return errors.Join(j.file.Sync(), j.file.Close()) }

// append adds rows of a column, 1 to chunkRows.
func (j *Journal) append(c *column, at []int) error {
	b, err := appendChunk(nil, j.aead, j.chunks, c, at)
	if err == nil {
		_, err = j.file.Write(b)
	}
	if err != nil {
		return fmt.Errorf("keep outputs: %w", err)
	}
	j.chunks++
	j.used += len(at)
	return nil
}

// Holds reports whether the journal has all of the table that it was opened for and nothing else. If not, it should be
// written anew by Seal once the list is published: it still has what was taken off the list.
func (j *Journal) Holds(t *Table) bool { return j.spare == 0 && j.used == t.Len() }

// Seal writes a journal that has what t has and nothing else.
func (t *Table) Seal(w io.Writer, secret [32]byte, id confirm.KeyID) error {
	b, aead, err := begin(secret, id)
	if err != nil {
		return err
	}
	chunks := uint64(0)
	flush := func(c *column, at []int) error {
		if b, err = appendChunk(b, aead, chunks, c, at); err == nil {
			_, err = w.Write(b)
		}
		b = b[:0]
		chunks++
		return err
	}
	for _, c := range t.columns {
		at := make([]int, 0, chunkRows)
		for i, known := range c.known {
			if known {
				at = append(at, i)
			}
			if len(at) == chunkRows || i == len(c.known)-1 && len(at) > 0 {
				if err := flush(c, at); err != nil {
					return err
				}
				at = at[:0]
			}
		}
	}
	return nil
}

func appendChunk(b []byte, aead cipher.AEAD, number uint64, c *column, at []int) ([]byte, error) {
	plain := binary.BigEndian.AppendUint16(nil, uint16(c.lane))
	for _, i := range at {
		plain = append(append(plain, c.key(i).Bytes...), c.outputs[i][:]...)
	}
	if len(plain) > maxChunk {
		return nil, fmt.Errorf("%d outputs are too many for a chunk", len(at))
	}
	b = binary.BigEndian.AppendUint32(b, uint32(len(plain)))
	nonce := make([]byte, nonceSize)
	rand.Read(nonce) // what comes after a dropped chunk must not share its nonce
	return aead.Seal(append(b, nonce...), nonce, plain, binary.BigEndian.AppendUint64(nil, number)), nil
}

// begin returns the header of a new journal.
func begin(secret [32]byte, id confirm.KeyID) ([]byte, cipher.AEAD, error) {
	header := append([]byte(magic), id[:]...)
	salt := make([]byte, saltSize)
	rand.Read(salt)
	aead, err := newAEAD(secret, salt, id)
	return append(header, salt...), aead, err
}

func newAEAD(secret [32]byte, salt []byte, id confirm.KeyID) (cipher.AEAD, error) {
	derived, err := hkdf.Key(sha256.New, secret[:], salt, "preseal outputs 1"+string(id[:]), 32)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(derived)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

// read hands the rows of a journal to each and returns where it ends and how many chunks it has. It returns no AEAD if it
// is no journal of this key. The error is the reader's.
func read(r io.Reader, secret [32]byte, id confirm.KeyID, each func(lane snapshot.Lane, rows []byte)) (aead cipher.AEAD, end int64, chunks uint64, err error) {
	in := bufio.NewReaderSize(r, 1<<20)
	header := make([]byte, headerSize)
	if _, err := io.ReadFull(in, header); err != nil {
		return nil, 0, 0, atEnd(err)
	}
	salt, named := bytes.CutPrefix(header, append([]byte(magic), id[:]...))
	if !named {
		return nil, 0, 0, nil
	}
	if aead, err = newAEAD(secret, salt, id); err != nil {
		return nil, 0, 0, err
	}
	end = int64(headerSize)
	frame, sealed := make([]byte, frameSize), make([]byte, 0, maxChunk+tagSize)
	for ; ; chunks++ {
		if _, err := io.ReadFull(in, frame); err != nil {
			return aead, end, chunks, atEnd(err)
		}
		size := binary.BigEndian.Uint32(frame)
		if size > uint32(maxChunk) {
			return aead, end, chunks, nil
		}
		sealed = sealed[:size+tagSize]
		if _, err := io.ReadFull(in, sealed); err != nil {
			return aead, end, chunks, atEnd(err)
		}
		plain, err := aead.Open(sealed[:0], frame[4:], sealed, binary.BigEndian.AppendUint64(nil, chunks))
		if err != nil {
			return aead, end, chunks, nil
		}
		lane, rows, ok := parseChunk(plain)
		if !ok {
			return aead, end, chunks, nil
		}
		each(lane, rows)
		end += int64(frameSize + len(sealed))
	}
}

// parseChunk takes a chunk's plaintext apart.
func parseChunk(plain []byte) (lane snapshot.Lane, rows []byte, ok bool) {
	if len(plain) < 2 {
		return 0, nil, false
	}
	lane, rows = snapshot.Lane(binary.BigEndian.Uint16(plain)), plain[2:]
	size := lane.KeySize()
	return lane, rows, size > 0 && len(rows)%(size+outputSize) == 0
}

// atEnd takes the end of a file for the end of its journal.
func atEnd(err error) error {
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return nil
	}
	return err
}
