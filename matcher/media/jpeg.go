package media

import (
	"io"

	"github.com/preseal/preseal/matcher/phash"
)

// A JPEG is made of blocks of 8×8 pixels, each stored as its frequencies
// (ITU-T T.81). A hash needs a small picture only, which the lowest frequencies
// of every block are already:
//
//	scale             1/8   1/4   1/2   1
//	samples a block   1×1   2×2   4×4   8×8
//	frequencies       1×1   2×2   4×4   8×8
//
// Each sample is the mean of the pixels that it stands for, as far as the kept
// frequencies tell. The smallest scale is taken whose longer side has enough
// samples, and whose shorter side has phash.Side of them.
const enough = 256

// Limits on the parts of a file. Encoders write about ten scans and some dozens
// of segments.
const (
	maxScans    = 100
	maxSegments = maxParts
)

// FromJPEG decodes the picture in the size bytes of r at the scale that hashing
// needs, and turns it upright: orientation is the EXIF value, 1 to 8, which
// Sniff reads; others count as 1. The plane holds the luma of the encoded
// samples: Y of YCbCr, that of red, green and blue, or that of CMYK and YCCK,
// whose inks are inverted as Adobe writes and browsers read them.
//
// Pictures of 8 bits a sample with Huffman codes are decoded: baseline,
// extended and progressive, of any sampling. Others have the reason Format.
//
// What the plane is made of must be there whole, and nothing behind it is read:
// of a baseline picture the scans with its luma; of a progressive one that is
// scaled down the first passes over the kept frequencies, and of the lowest one
// all bits but one. A file that breaks off before, or is damaged, is
// Undecodable: browsers differ in what they make of it. Errors are *Error, but
// for those of r itself.
func FromJPEG(r io.ReaderAt, size int64, orientation int) (phash.Luma, error) {
	return new(JPEG).Decode(r, size, orientation)
}

// A JPEG does what FromJPEG does and reuses its memory. It is not safe for
// concurrent use.
type JPEG struct {
	input   []byte
	samples [4][]uint16 // of the components
	means   [4][]uint16 // see resample
}

// Decode is FromJPEG. The plane is valid until the next call.
func (j *JPEG) Decode(r io.ReaderAt, size int64, orientation int) (phash.Luma, error) {
	d := j.decoder(r, size)
	err := d.decode()
	j.input = d.bits.input.store
	if err != nil {
		return phash.Luma{}, err
	}
	return upright(d.luma(), orientation), nil
}

// Scale returns at which scale FromJPEG decodes a picture of w×h pixels: 1/8,
// 1/4, 1/2 or 1, of which it is the denominator.
func Scale(w, h int) int { return 8 / scale(w, h) }

// A decoder decodes one file. Its memory is bounded by the scaled picture.
type decoder struct {
	bits   bitReader
	memory *JPEG

	progressive   bool
	width, height int // of the picture, in pixels
	hMost, vMost  int // the largest sampling factors
	components    []*component
	colour        colour
	side          int       // samples of a block's edge: 1, 2, 4 or 8
	last          int       // the last frequency that is kept, in zigzag order
	place         [64]uint8 // of frequencies in zigzag order among side × side, 63 for none

	quants   [4]*[64]uint16 // in zigzag order
	dc, ac   [4]*huffman
	interval int // groups of blocks between restart markers, 0 without

	jfif      bool
	adobe     bool
	transform byte // of Adobe's segment
	scans     int
}

// A component is one of the planes that a picture is stored as.
type component struct {
	number int
	id     byte
	h, v   int // sampling factors, 1 to 4
	table  byte
	wanted bool // it is a part of the luma

	width, height    int // in pixels of its own
	blocksX, blocksY int // that cover it
	strideX, strideY int // with those that fill up the last groups

	dc    int32 // of the block before
	done  bool
	quant *[64]int64 // see scaled; nil before the first scan
	level int64      // what is added to samples
	plane []uint16   // side × side samples a block, 0 to phash.White

	// Of a progressive picture: side × side coefficients a block, rows first,
	// and of each frequency in zigzag order the bits that are still to come, -1
	// before its first pass.
	coefs  []int16
	coming [64]int8
}

// decoder returns one that works in j's memory.
func (j *JPEG) decoder(r io.ReaderAt, size int64) *decoder {
	d := &decoder{memory: j}
	d.bits.input = &input{r: r, size: size, piece: chunk, store: j.input}
	return d
}

// decode reads as far as what is wanted goes.
func (d *decoder) decode() error {
	in := d.bits.input
	if in.size > MaxBytes {
		return tooManyBytes(in.size)
	}
	start, err := in.next(2)
	if err != nil {
		return err
	}
	if start[0] != 0xff || start[1] != markerSOI {
		return damaged("the file does not begin with a picture")
	}
	for range maxSegments {
		marker, err := in.segment()
		if err != nil {
			return err
		}
		switch {
		case marker == markerEOI:
			return d.complete()
		case marker == markerSOS:
			if done, err := d.scan(); err != nil || done {
				return err
			}
		default:
			if err := d.tables(marker); err != nil {
				return err
			}
		}
	}
	return fail(TooComplex, "the file has more than %d segments", maxSegments)
}

// complete fails unless every wanted component has samples. Passes that do not
// come before the end of the image are not missed: encoders may leave them out.
func (d *decoder) complete() error {
	if d.components == nil {
		return damaged("the file has no frame header")
	}
	for _, c := range d.components {
		if c.wanted && !c.done && c.coefs == nil {
			return damaged("a component has no scan")
		}
	}
	return nil
}
