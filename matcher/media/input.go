package media

import (
	"bytes"
	"io"
)

// chunk is how much of a file is read at a time. In a browser every piece is a
// slice of a Blob, which takes a fraction of a millisecond to get.
const chunk = 128 << 10

// most is how many bytes are looked at in one: a segment.
const most = 1<<16 - 1

// An input reads a file of size bytes forwards, in chunks, and no further than
// it is asked to. It passes over what nobody wants to see.
type input struct {
	r      io.ReaderAt
	size   int64
	behind int64  // where in the file buf ends
	buf    []byte // read, and from pos on not yet taken
	pos    int
	piece  int // how much to read at a time
	store  []byte
	err    error // of r, if it is not about the file's end
}

// at returns the place in the file of the next byte.
func (in *input) at() int64 { return in.behind - int64(len(in.buf)-in.pos) }

// left returns how many bytes are still to be taken.
func (in *input) left() int64 { return in.size - in.at() }

// more appends a chunk to what is left of the buffer, and reports whether there
// was one.
func (in *input) more() bool {
	rest := len(in.buf) - in.pos
	n := int(min(int64(in.piece), in.size-in.behind))
	if in.err != nil || n <= 0 {
		return false
	}
	if in.store == nil {
		in.store = make([]byte, most+in.piece)
	}
	copy(in.store, in.buf[in.pos:])
	in.buf, in.pos = in.store[:rest+n], 0
	got, err := in.r.ReadAt(in.buf[rest:], in.behind)
	if got < n { // nothing half-read is looked at
		in.buf = in.buf[:rest]
		if in.err = err; err == nil || err == io.EOF {
			in.err = damaged("the file is shorter than it was")
		}
		return false
	}
	in.behind += int64(n)
	return true
}

// next returns the next n bytes, as many as most at most, which stay valid until the
// next call.
func (in *input) next(n int) ([]byte, error) {
	for len(in.buf)-in.pos < n {
		if !in.more() {
			return nil, in.missing()
		}
	}
	in.pos += n
	return in.buf[in.pos-n : in.pos], nil
}

// skip passes over n bytes without reading those that are not in the buffer.
func (in *input) skip(n int64) error {
	if n > in.left() {
		return in.missing()
	}
	if rest := int64(len(in.buf) - in.pos); n > rest {
		in.behind += n - rest
		in.buf, in.pos = in.buf[:0], 0
		return nil
	}
	in.pos += int(n)
	return nil
}

func (in *input) missing() error {
	if in.err != nil {
		return in.err
	}
	return damaged("the file ends within the image")
}

// marker passes over everything up to the next marker, and over that. Coded
// data holds 0xff only with a 0 behind it; fill bytes are 0xff themselves.
func (in *input) marker() (byte, error) {
	for {
		for in.pos < len(in.buf) {
			i := bytes.IndexByte(in.buf[in.pos:], 0xff)
			if i < 0 {
				in.pos = len(in.buf)
				break
			}
			in.pos += i
			if in.pos+1 == len(in.buf) && !in.more() {
				return 0, in.missing()
			}
			if m := in.buf[in.pos+1]; m == 0xff {
				in.pos++
			} else if in.pos += 2; m != 0 {
				return m, nil
			}
		}
		if !in.more() {
			return 0, in.missing()
		}
	}
}
