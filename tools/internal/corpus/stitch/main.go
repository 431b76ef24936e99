// Command stitch makes large pictures of many photographs, side by side at
// their own size: what it writes is as rich in detail as a photograph of that
// size, which an enlarged one is not.
package main

import (
	"bufio"
	"fmt"
	"image"
	"image/draw"
	_ "image/jpeg"
	"image/png"
	"os"
	"path/filepath"
	"strconv"

	"github.com/preseal/preseal/testdata/pictures"
	"github.com/preseal/preseal/tools/internal/corpus"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "stitch:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) < 4 {
		return fmt.Errorf("usage: stitch CORPUS WIDTH HEIGHT FILE.ppm|FILE.png")
	}
	w, err := strconv.Atoi(args[1])
	if err != nil {
		return err
	}
	h, err := strconv.Atoi(args[2])
	if err != nil {
		return err
	}
	img, said, err := stitch(args[0], w, h)
	if err != nil {
		return err
	}
	fmt.Println(said)
	f, err := os.Create(args[3])
	if err != nil {
		return err
	}
	defer f.Close()
	if err := write(f, img); err != nil {
		return err
	}
	return f.Close()
}

// The parts of a stitched picture.
const cellW, cellH = 1000, 750

// stitch fills w×h pixels with the middles of photographs, each of them once
// as long as there are some, and says which they were. Without a corpus it
// generates pictures.
func stitch(dir string, w, h int) (*image.NRGBA, string, error) {
	out := image.NewNRGBA(image.Rect(0, 0, w, h))
	cells := (w + cellW - 1) / cellW * ((h + cellH - 1) / cellH)
	parts, said := photographs(dir, cells)
	if len(parts) == 0 {
		said = "generated pictures, since there is no corpus: make corpus"
		for seed := range uint64(min(cells, 16)) {
			parts = append(parts, pictures.Photo(seed, cellW, cellH))
		}
	}
	for i := range cells {
		part := parts[i%len(parts)]
		across := (w + cellW - 1) / cellW
		at := image.Rect(0, 0, cellW, cellH).Add(image.Pt(i%across*cellW, i/across*cellH))
		b := part.Bounds()
		draw.Draw(out, at, part, b.Min.Add(image.Pt((b.Dx()-cellW)/2, (b.Dy()-cellH)/2)), draw.Src)
	}
	for x := cellW; x+soft <= w; x += cellW {
		for y := range h {
			blend(out, x, y, 4)
		}
	}
	for y := cellH; y+soft <= h; y += cellH {
		for x := range w {
			blend(out, x, y, out.Stride)
		}
	}
	return out, said, nil
}

// soft is how many pixels on either side of a seam run into the other side. A
// straight edge across a picture would be taken for that of a frame.
const soft = 64

// blend softens the seam before a pixel; step is from there to the next one.
func blend(img *image.NRGBA, x, y, step int) {
	at := img.PixOffset(x, y)
	for d := range soft {
		own, other := soft+d+1, soft-d-1 // of 2·soft
		for c := range 3 {
			a, b := &img.Pix[at-(d+1)*step+c], &img.Pix[at+d*step+c]
			*a, *b = uint8((own*int(*a)+other*int(*b))/(2*soft)), uint8((own*int(*b)+other*int(*a))/(2*soft))
		}
	}
}

// photographs opens the first n that cover a cell.
func photographs(dir string, n int) (parts []image.Image, said string) {
	c, err := corpus.Open(dir)
	if err != nil {
		return nil, ""
	}
	names := map[string]bool{}
	for _, p := range c.Pictures {
		if p.Set != corpus.Whole || len(parts) == n {
			continue
		}
		if img, err := open(p.File); err == nil && img.Bounds().Dx() >= cellW && img.Bounds().Dy() >= cellH {
			// The cell alone: whole photographs would take gigabytes.
			cell := image.NewNRGBA(image.Rect(0, 0, cellW, cellH))
			b := img.Bounds()
			draw.Draw(cell, cell.Rect, img, b.Min.Add(image.Pt((b.Dx()-cellW)/2, (b.Dy()-cellH)/2)), draw.Src)
			parts = append(parts, cell)
			names[p.Photo] = true
		}
	}
	return parts, fmt.Sprintf("%d photographs of the corpus", len(names))
}

func open(name string) (image.Image, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	img, _, err := image.Decode(f)
	return img, err
}

func write(f *os.File, img *image.NRGBA) error {
	if filepath.Ext(f.Name()) == ".png" {
		return (&png.Encoder{CompressionLevel: png.DefaultCompression}).Encode(f, opaque{img})
	}
	w := bufio.NewWriterSize(f, 1<<20)
	fmt.Fprintf(w, "P6\n%d %d\n255\n", img.Rect.Dx(), img.Rect.Dy())
	for i := 0; i < len(img.Pix); i += 4 {
		w.Write(img.Pix[i : i+3])
	}
	return w.Flush()
}

// opaque keeps the encoder from looking for transparency pixel by pixel.
type opaque struct{ *image.NRGBA }

func (opaque) Opaque() bool { return true }
