//go:build js && wasm

package main

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"syscall/js"
	"unsafe"

	"github.com/preseal/preseal/matcher"
	"github.com/preseal/preseal/matcher/media"
	"github.com/preseal/preseal/matcher/phash"
	"github.com/preseal/preseal/wasm/internal/bridge"
)

// pictures is what the engine makes of files before it checks them. Its memory
// is reused: linear memory never shrinks.
type pictures struct {
	room    []byte // where JavaScript puts rows; it stays where it is
	part    []byte // of a file
	reducer media.Reducer
	jpeg    media.JPEG

	failed   error // of rows
	panicked any

	// For the next check. Nil while a picture is incomplete.
	decoded []phash.Luma
	probed  *matcher.Finding // of decoded; nil until it has been probed

	hash hash.Hash
	at   int64 // how much of the file is in hash
}

const (
	maxRoom = 1 << 20 // bytes of pixels
	maxPart = 8 << 20 // bytes of a file
)

// forget lets go of the picture for the next check.
func (p *pictures) forget() { p.decoded, p.probed = nil, nil }

// sniff(source)
func sniff(args []js.Value) (any, error) {
	r, size := bridge.Source(args[0])
	info, err := media.Sniff(r, size)
	if err != nil && info.Format == "" {
		return nil, err
	}
	sniffed := bridge.Object(
		"format", info.Format, "width", info.Width, "height", info.Height, "orientation", info.Orientation,
	)
	if info.Format == "jpeg" {
		sniffed.Set("scale", media.Scale(info.Width, info.Height))
		sniffed.Set("progressive", info.Progressive)
	}
	var unfit *media.Error
	if errors.As(err, &unfit) {
		sniffed.Set("unfit", unfit.Reason)
	} else if err != nil {
		return nil, err
	}
	return sniffed, nil
}

// digest(part: Uint8Array, at): the SHA-256 of a file up to the end of part,
// which begins where the one before ended. At 0 another file begins.
func (p *pictures) digest(args []js.Value) (any, error) {
	part, err := bridge.Bytes(args[0], maxPart, p.part)
	if err != nil {
		return nil, err
	}
	p.part = part
	at := int64(args[1].Float())
	if at == 0 {
		p.hash, p.at = sha256.New(), 0
	}
	if p.hash == nil || at != p.at {
		return nil, fmt.Errorf("the part at byte %d does not follow", at)
	}
	p.hash.Write(part)
	p.at += int64(len(part))
	return bridge.Object("sha256", bridge.Uint8Array(p.hash.Sum(nil))), nil
}

// decode(source, orientation): decodes a JPEG for the next check.
func (p *pictures) decode(args []js.Value) (any, error) {
	p.forget()
	r, size := bridge.Source(args[0])
	luma, err := p.jpeg.Decode(r, size, args[1].Int())
	if err != nil {
		return nil, err
	}
	p.decoded = []phash.Luma{luma}
	return bridge.Object(), nil
}

// place(): the address and the size of the room for rows. Both stay as they are.
func (p *pictures) place([]js.Value) (any, error) {
	if p.room == nil {
		p.room = make([]byte, maxRoom)
	}
	address := float64(uintptr(unsafe.Pointer(unsafe.SliceData(p.room))))
	return bridge.Object("address", address, "size", len(p.room)), nil
}

// layouts are the ways in which browsers hand out pixels, in the order of
// js/src/engine.ts.
var layouts = [...]media.Layout{media.RGBA, media.BGRA, media.BGRX, media.Luma, media.VideoLuma}

// rows says that the first bytes of the room are rows of a picture from number
// from on, for the next check. At 0 another picture begins. It returns 1 if all
// rows so far are opaque, 0 if not, and -1 if it failed: failure says why.
//
//go:wasmexport rows
//lint:ignore U1000 JavaScript calls it
func rows(size, layout, width, height, from int32) (state int32) {
	defer func() {
		if e.panicked = recover(); e.panicked != nil {
			state = -1
		}
	}()
	e.failed = e.rows(int(size), int(layout), int(width), int(height), int(from))
	switch {
	case e.failed != nil:
		return -1
	case e.reducer.Opaque():
		return 1
	}
	return 0
}

// failure(): why rows failed.
func (p *pictures) failure([]js.Value) (any, error) {
	if p.panicked != nil {
		panic(p.panicked)
	}
	return nil, p.failed
}

func (p *pictures) rows(size, layout, width, height, from int) error {
	if size < 0 || size > len(p.room) {
		return fmt.Errorf("%d bytes are not 0 to %d", size, len(p.room))
	}
	if layout < 0 || layout >= len(layouts) {
		return fmt.Errorf("layout %d", layout)
	}
	if from == 0 {
		p.forget()
		if err := p.reducer.Reset(layouts[layout], width, height); err != nil {
			return err
		}
	}
	if err := p.reducer.Write(p.room[:size]); err != nil {
		return err
	}
	if from+size/(layouts[layout].Size()*width) < height {
		return nil
	}
	white, black, err := p.reducer.Luma()
	if err != nil {
		return err
	}
	if p.decoded = append(p.decoded[:0], white); black != nil {
		p.decoded = append(p.decoded, *black)
	}
	return nil
}

// planes([{width, height, samples: Uint8Array}]): a picture that the other
// WebAssembly file decoded, for the next check: over white, and over black if
// it is transparent. Samples are 16 bits, little-endian.
func (p *pictures) planes(args []js.Value) (any, error) {
	p.forget()
	var planes []phash.Luma
	for i := range args[0].Length() {
		v := args[0].Index(i)
		l := phash.Luma{W: v.Get("width").Int(), H: v.Get("height").Int()}
		if l.W < 1 || l.H < 1 || l.W > media.MaxSide || l.H > media.MaxSide || i > 1 {
			return nil, fmt.Errorf("plane %d of %d×%d samples", i, l.W, l.H)
		}
		b, err := bridge.Bytes(v.Get("samples"), 2*l.W*l.H, nil)
		if err != nil || len(b) < 2*l.W*l.H {
			return nil, fmt.Errorf("plane %d has %d bytes", i, len(b))
		}
		for ; len(b) > 0; b = b[2:] {
			l.Pix = append(l.Pix, binary.LittleEndian.Uint16(b))
		}
		planes = append(planes, l)
	}
	p.decoded = planes
	return bridge.Object(), nil
}
