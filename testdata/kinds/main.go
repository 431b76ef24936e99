// Command kinds writes one picture in many forms into a folder, for tests of
// whatever decodes them.
package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"image"
	"image/color"
	"image/color/palette"
	"image/draw"
	"image/gif"
	"image/png"
	"os"
	"path/filepath"

	"golang.org/x/image/bmp"

	"github.com/preseal/preseal/testdata/pictures"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "kinds:", err)
		os.Exit(1)
	}
}

func run() error {
	if len(os.Args) != 2 {
		return fmt.Errorf("usage: kinds DIR")
	}
	files, err := kinds()
	if err != nil {
		return err
	}
	for name, file := range files {
		if err := os.WriteFile(filepath.Join(os.Args[1], name), file, 0o666); err != nil {
			return err
		}
	}
	return nil
}

// kinds returns the files by their names.
func kinds() (map[string][]byte, error) {
	photo := pictures.Photo(5, 800, 600)
	large := pictures.Scale(photo, 2400, 1800)
	yes := [][2]int{{2, 2}, {1, 1}, {1, 1}} // 4:2:0
	files := map[string][]byte{
		"baseline-eighth.jpg":     pictures.JPEGKind{Sampling: yes}.Encode(large),
		"baseline-half.jpg":       pictures.JPEG(photo, 85),
		"progressive-eighth.jpg":  pictures.JPEGKind{Sampling: yes, Progressive: true}.Encode(large),
		"progressive-half.jpg":    pictures.JPEGKind{Progressive: true}.Encode(photo),
		"restart.jpg":             pictures.JPEGKind{Sampling: yes, Restart: 7}.Encode(photo),
		"grey.jpg":                pictures.JPEGKind{Colour: "grey"}.Encode(photo),
		"rgb.jpg":                 pictures.JPEGKind{Colour: "rgb"}.Encode(photo),
		"cmyk.jpg":                pictures.JPEGKind{Colour: "cmyk"}.Encode(photo),
		"ycck.jpg":                pictures.JPEGKind{Colour: "ycck"}.Encode(photo),
		"small.jpg":               pictures.JPEG(pictures.Scale(photo, 160, 120), 90),
		"picture-and-archive.jpg": append(pictures.JPEG(photo, 85), "PK\x03\x04 an archive behind the picture"...),
	}
	for o := 1; o <= 8; o++ {
		file := pictures.JPEG(turned(photo, o), 85)
		files[fmt.Sprintf("orientation-%d.jpg", o)] = append(append(bytes.Clone(file[:2]), exif(o)...), file[2:]...)
	}

	deep, opaque, glass := image.NewNRGBA64(photo.Rect), image.NewRGBA(photo.Rect), image.NewNRGBA(photo.Rect)
	grey, coloured := image.NewGray(photo.Rect), image.NewPaletted(photo.Rect, palette.Plan9)
	for _, img := range []draw.Image{deep, opaque, glass, grey} {
		draw.Draw(img, img.Bounds(), photo, image.Point{}, draw.Src)
	}
	draw.FloydSteinberg.Draw(coloured, photo.Rect, photo, image.Point{})
	for y := range 600 {
		for x := range 800 {
			glass.Pix[glass.PixOffset(x, y)+3] = uint8(255 - x*255/800)
		}
	}
	for name, img := range map[string]image.Image{
		"opaque.png": opaque, "16-bit.png": deep, "transparent.png": glass, "grey.png": grey, "palette.png": coloured,
	} {
		var b bytes.Buffer
		if err := png.Encode(&b, img); err != nil {
			return nil, err
		}
		files[name] = b.Bytes()
	}
	files["a-png-by-another-name.jpg"] = files["opaque.png"]
	files["orientation-6.png"] = withEXIF(pictures.PNG(turned(photo, 6)), 6)

	var animation, bitmap bytes.Buffer
	blank := image.NewPaletted(photo.Rect, color.Palette{color.White})
	if err := gif.EncodeAll(&animation, &gif.GIF{Image: []*image.Paletted{coloured, blank}, Delay: []int{10, 10}}); err != nil {
		return nil, err
	}
	if err := bmp.Encode(&bitmap, opaque); err != nil {
		return nil, err
	}
	files["animated.gif"], files["true-colour.bmp"] = animation.Bytes(), bitmap.Bytes()
	return files, nil
}

// turned returns img as it is stored where the EXIF orientation o shows it
// upright (Exif 2.32, tag 0x0112).
func turned(img *image.NRGBA, o int) *image.NRGBA {
	w, h := img.Rect.Dx(), img.Rect.Dy()
	out := image.NewNRGBA(image.Rect(0, 0, w, h))
	if o >= 5 {
		out = image.NewNRGBA(image.Rect(0, 0, h, w))
	}
	right, bottom := out.Rect.Dx()-1, out.Rect.Dy()-1
	for y := range h {
		for x := range w {
			at := [9][2]int{
				1: {x, y}, 2: {right - x, y}, 3: {right - x, bottom - y}, 4: {x, bottom - y},
				5: {y, x}, 6: {y, bottom - x}, 7: {right - y, bottom - x}, 8: {right - y, x},
			}[o]
			out.SetNRGBA(at[0], at[1], img.NRGBAAt(x, y))
		}
	}
	return out
}

// withEXIF puts the chunk that says how a PNG is to be turned behind its header.
func withEXIF(file []byte, o int) []byte {
	const header = 33 // with the signature
	chunk := append([]byte("eXIf"), exif(o)[10:]...)
	out := binary.BigEndian.AppendUint32(bytes.Clone(file[:header]), uint32(len(chunk)-4))
	out = binary.BigEndian.AppendUint32(append(out, chunk...), crc32.ChecksumIEEE(chunk))
	return append(out, file[header:]...)
}

// exif returns a segment that says how a JPEG is to be turned.
func exif(o int) []byte {
	body := []byte("Exif\x00\x00II*\x00\x08\x00\x00\x00\x01\x00\x12\x01\x03\x00\x01\x00\x00\x00")
	body = append(body, byte(o), 0, 0, 0, 0, 0, 0, 0)
	return append(binary.BigEndian.AppendUint16([]byte{0xff, 0xe1}, uint16(2+len(body))), body...)
}
