package stills

import (
	"bytes"
	"encoding/binary"
	"errors"
	"image"
	"io"

	"golang.org/x/image/webp"
)

// decodeWebP decodes a still picture, or the first frame of an animation.
func decodeWebP(r io.ReaderAt, size int64) (image.Image, error) {
	file := func() io.Reader { return io.NewSectionReader(r, 0, size) }
	var place image.Point
	var canvas image.Rectangle
	var head [30]byte
	_, err := r.ReadAt(head[:], 0)
	isAnimated := err == nil && string(head[12:16]) == "VP8X" && head[20]&2 != 0
	if isAnimated {
		canvas.Max = image.Pt(1+le24(head[24:]), 1+le24(head[27:]))
		if file, place, err = firstFrame(r, size); err != nil {
			return nil, err
		}
	}
	c, err := webp.DecodeConfig(file())
	if err != nil {
		return nil, err
	}
	if err := fits(c.Width, c.Height, 8); err != nil { // what alpha takes on the way included
		return nil, err
	}
	img, err := webp.Decode(file())
	if err != nil {
		return nil, err
	}
	// Lossy pictures hold luma from 16 to 235 (RFC 6386, 9.2), which the decoder
	// hands on as if it were 0 to 255.
	switch img := img.(type) {
	case *image.YCbCr:
		fullRange(img.Y)
		img.Rect = img.Rect.Add(place)
	case *image.NYCbCrA:
		fullRange(img.Y)
		img.Rect = img.Rect.Add(place)
	case *image.NRGBA:
		img.Rect = img.Rect.Add(place)
	}
	if !isAnimated {
		return img, nil
	}
	if !img.Bounds().In(canvas) {
		return nil, errors.New("a frame lies outside the canvas")
	}
	return covering(img, canvas)
}

func fullRange(luma []uint8) {
	for i, y := range luma {
		luma[i] = uint8((int(min(max(y, 16), 235)) - 16) * 255 / 219)
	}
}

// firstFrame returns the first frame of an animation as a file of its own, which
// is what package webp can read, and where on the canvas it lies (RFC 9649, 2.7):
//
//	ANMF | length | x/2 | y/2 | width-1 | height-1 | duration | flags | ALPH and VP8, or VP8L
//	4      4        3     3     3         3          3          1
func firstFrame(r io.ReaderAt, size int64) (file func() io.Reader, place image.Point, err error) {
	const most = 4096 // chunks before it
	at := int64(12)
	for range most {
		var b [28]byte
		if n, err := r.ReadAt(b[:], at); n < 8 {
			return nil, place, err
		}
		length := int64(binary.LittleEndian.Uint32(b[4:]))
		if length > size-at-8 {
			return nil, place, errors.New("a chunk is longer than the file")
		}
		if string(b[:4]) != "ANMF" {
			at += 8 + length + length&1
			continue
		}
		if length < 20 {
			return nil, place, errors.New("a frame is too short")
		}
		head := []byte("RIFF\x00\x00\x00\x00WEBP")
		if string(b[24:]) == "ALPH" {
			head = append(head, "VP8X\x0a\x00\x00\x00\x10\x00\x00\x00"...)
			head = append(head, b[14:20]...)
		}
		data := length - 16
		binary.LittleEndian.PutUint32(head[4:], uint32(int64(len(head))-8+data))
		file = func() io.Reader { return io.MultiReader(bytes.NewReader(head), io.NewSectionReader(r, at+24, data)) }
		return file, image.Pt(2*le24(b[8:]), 2*le24(b[11:])), nil
	}
	return nil, place, errors.New("too many chunks before the first frame")
}

func le24(b []byte) int { return int(b[0]) | int(b[1])<<8 | int(b[2])<<16 }
