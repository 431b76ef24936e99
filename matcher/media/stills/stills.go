// Package stills decodes PNG, GIF, WebP and BMP files: the first frame of each,
// reduced as package media does it. In a browser that is the browser's work,
// unless its canvas falsifies what is read back.
package stills

import (
	"bufio"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/gif"
	"image/png"
	"io"

	"golang.org/x/image/bmp"

	"github.com/preseal/preseal/matcher/media"
	"github.com/preseal/preseal/matcher/phash"
)

// MaxMemory is how many bytes the pixels of a decoded picture may take.
const MaxMemory = 1 << 29

// decoders are by the names that media.Sniff gives to formats.
var decoders = map[string]struct {
	config func(io.Reader) (image.Config, error)
	decode func(io.Reader) (image.Image, error)
}{
	"png": {png.DecodeConfig, png.Decode},
	"gif": {gif.DecodeConfig, gif.Decode},
	"bmp": {bmp.DecodeConfig, bmp.Decode},
}

// Decode decodes the picture in the size bytes of r, of which media.Sniff has
// said info, and reduces it to the planes that media.FromImage makes. Formats
// that it does not know have the reason Format; pictures that take more than
// MaxMemory once decoded, or more pixels than media.MaxPixels, are TooLarge.
// Errors are *media.Error.
func Decode(r io.ReaderAt, size int64, info media.Info) (white phash.Luma, black *phash.Luma, err error) {
	img, err := decode(r, size, info.Format)
	if err != nil {
		var unfit *media.Error
		if !errors.As(err, &unfit) {
			err = &media.Error{Reason: media.Undecodable, Detail: err.Error()}
		}
		return phash.Luma{}, nil, err
	}
	return media.FromImage(img, info.Orientation)
}

func decode(r io.ReaderAt, size int64, format string) (image.Image, error) {
	if format == "webp" {
		return decodeWebP(r, size)
	}
	d, ok := decoders[format]
	if !ok {
		return nil, &media.Error{Reason: media.Format, Detail: fmt.Sprintf("%q is not decoded here", format)}
	}
	section := func() io.Reader { return bufio.NewReaderSize(io.NewSectionReader(r, 0, size), 64<<10) }
	// The decoder's own view of the size counts: it is what gets allocated.
	c, err := d.config(section())
	if err != nil {
		return nil, err
	}
	if err := fits(c.Width, c.Height, depth(c.ColorModel)); err != nil {
		return nil, err
	}
	img, err := d.decode(section())
	if err != nil {
		return nil, err
	}
	if opaque, ok := img.(*image.RGBA); ok && opaque.Opaque() { // then straight alpha is the same
		img = &image.NRGBA{Pix: opaque.Pix, Stride: opaque.Stride, Rect: opaque.Rect}
	}
	return covering(img, image.Rect(0, 0, c.Width, c.Height))
}

// fits fails unless a picture of so many bytes a pixel may be decoded.
func fits(w, h, depth int) error {
	if w < 1 || h < 1 {
		return &media.Error{Reason: media.Undecodable, Detail: fmt.Sprintf("the picture is %d×%d pixels", w, h)}
	}
	if most := min(media.MaxPixels, MaxMemory/depth); w > most/h {
		return &media.Error{Reason: media.TooLarge, Detail: fmt.Sprintf("the picture is %d×%d pixels, more than %d in all", w, h, most)}
	}
	return nil
}

// depth returns how many bytes a pixel takes in memory.
func depth(m color.Model) int {
	switch m {
	case color.GrayModel:
		return 1
	case color.Gray16Model:
		return 2
	case color.RGBA64Model, color.NRGBA64Model:
		return 8
	}
	if _, ok := m.(color.Palette); ok {
		return 1
	}
	return 4
}

// covering returns img, whose frame may be a part of the canvas, as the whole
// of it.
func covering(img image.Image, canvas image.Rectangle) (image.Image, error) {
	if img.Bounds() == canvas {
		return img, nil
	}
	if err := fits(canvas.Dx(), canvas.Dy(), 4); err != nil {
		return nil, err
	}
	whole := image.NewNRGBA(canvas)
	draw.Draw(whole, img.Bounds(), img, img.Bounds().Min, draw.Src)
	return whole, nil
}
