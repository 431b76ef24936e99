package recall

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"math/rand/v2"

	"github.com/preseal/preseal/tools/internal/corpus"
)

// The groups of transforms, in the order of the tables.
const (
	Messenger   = "messenger"   // what a messenger does: encode anew, make smaller
	Tonal       = "tonal"       // brightness, contrast, colour, sharpness
	Small       = "small"       // crops of 1 and 2 %, a watermark
	Orientation = "orientation" // mirrored, quarter turns
	Frame       = "frame"       // borders and caption bars around the picture
	Hard        = "hard"        // crops of 5 % and of one side, rotation
)

// Groups lists them.
var Groups = []string{Messenger, Tonal, Small, Orientation, Frame, Hard}

// edition is part of the cache's name: raise it when a transform changes.
const edition = 1

// A Transform is what happens to a picture between the list and the check.
type Transform struct {
	Name, Group string
	// apply returns nil where the transform would do nothing. The chance is
	// the picture's own, the same each time.
	apply func(img *image.RGBA, chance *rand.Rand) (image.Image, error)
}

// Transforms returns all of them. WebP is encoded by the corpus's program
// cwebp; without it that transform is missing.
func Transforms(c *corpus.Corpus) []Transform {
	var out []Transform
	add := func(group, name string, apply func(*image.RGBA, *rand.Rand) (image.Image, error)) {
		out = append(out, Transform{name, group, apply})
	}
	edit := func(group, name string, apply func(*image.RGBA, *rand.Rand) *image.RGBA) {
		add(group, name, func(img *image.RGBA, chance *rand.Rand) (image.Image, error) {
			// A nil *image.RGBA is no nil image.Image.
			if m := apply(img, chance); m != nil {
				return m, nil
			}
			return nil, nil
		})
	}
	for _, q := range []int{90, 75, 50, 30} {
		add(Messenger, fmt.Sprintf("jpeg-%d", q), func(img *image.RGBA, _ *rand.Rand) (image.Image, error) { return viaJPEG(img, q) })
	}
	for _, side := range []int{1600, 1280, 800, 512, 256} {
		edit(Messenger, fmt.Sprintf("downscale-%d", side), func(img *image.RGBA, _ *rand.Rand) *image.RGBA { return shrink(img, side) })
	}
	if program := c.Program("cwebp"); program != "" {
		add(Messenger, "webp-75", func(img *image.RGBA, _ *rand.Rand) (image.Image, error) { return viaWebP(program, img, 75) })
	}
	add(Messenger, "png", func(img *image.RGBA, _ *rand.Rand) (image.Image, error) { return viaPNG(img) })
	edit(Messenger, "screenshot", func(img *image.RGBA, _ *rand.Rand) *image.RGBA { return screenshot(img, 1080) })
	add(Messenger, "three-times", func(img *image.RGBA, _ *rand.Rand) (image.Image, error) { return threeTimes(img) })

	for _, t := range []struct {
		name string
		tone func(v float64) float64 // 0 to 1
	}{
		{"brighter", func(v float64) float64 { return v * 1.25 }},
		{"darker", func(v float64) float64 { return v * 0.75 }},
		{"more-contrast", func(v float64) float64 { return (v-0.5)*1.3 + 0.5 }},
		{"less-contrast", func(v float64) float64 { return (v-0.5)*0.7 + 0.5 }},
		{"gamma-0.8", func(v float64) float64 { return pow(v, 0.8) }},
		{"gamma-1.25", func(v float64) float64 { return pow(v, 1.25) }},
	} {
		edit(Tonal, t.name, func(img *image.RGBA, _ *rand.Rand) *image.RGBA { return tone(img, t.tone) })
	}
	edit(Tonal, "grey", func(img *image.RGBA, _ *rand.Rand) *image.RGBA { return grey(img) })
	edit(Tonal, "blur", func(img *image.RGBA, _ *rand.Rand) *image.RGBA { return blur(img) })
	edit(Tonal, "noise", noise)

	for _, percent := range []float64{1, 2} {
		edit(Small, fmt.Sprintf("crop-%g", percent), func(img *image.RGBA, _ *rand.Rand) *image.RGBA { return crop(img, percent, percent, percent, percent) })
	}
	edit(Small, "watermark", watermark)

	edit(Orientation, "mirror", func(img *image.RGBA, _ *rand.Rand) *image.RGBA { return turn(img, true, 0) })
	for _, quarters := range []int{1, 2, 3} {
		edit(Orientation, fmt.Sprintf("turn-%d", 90*quarters), func(img *image.RGBA, _ *rand.Rand) *image.RGBA { return turn(img, false, quarters) })
	}
	edit(Orientation, "mirror-turn-90", func(img *image.RGBA, _ *rand.Rand) *image.RGBA { return turn(img, true, 1) })

	edit(Frame, "border-white", func(img *image.RGBA, _ *rand.Rand) *image.RGBA { return border(img, color.White) })
	edit(Frame, "border-black", func(img *image.RGBA, _ *rand.Rand) *image.RGBA { return border(img, color.Black) })
	edit(Frame, "caption-top", func(img *image.RGBA, chance *rand.Rand) *image.RGBA { return caption(img, chance, true) })
	edit(Frame, "caption-bottom", func(img *image.RGBA, chance *rand.Rand) *image.RGBA { return caption(img, chance, false) })

	edit(Hard, "crop-5", func(img *image.RGBA, _ *rand.Rand) *image.RGBA { return crop(img, 5, 5, 5, 5) })
	edit(Hard, "crop-side-8", func(img *image.RGBA, chance *rand.Rand) *image.RGBA {
		var sides [4]float64
		sides[chance.IntN(4)] = 8
		return crop(img, sides[0], sides[1], sides[2], sides[3])
	})
	edit(Hard, "rotate-2", func(img *image.RGBA, _ *rand.Rand) *image.RGBA { return rotate(img, 2) })
	return out
}

func viaJPEG(img image.Image, quality int) (image.Image, error) {
	var b bytes.Buffer
	if err := jpeg.Encode(&b, img, &jpeg.Options{Quality: quality}); err != nil {
		return nil, err
	}
	return jpeg.Decode(&b)
}

func viaPNG(img *image.RGBA) (image.Image, error) {
	var b bytes.Buffer
	if err := (&png.Encoder{CompressionLevel: png.BestSpeed}).Encode(&b, img); err != nil {
		return nil, err
	}
	return png.Decode(&b)
}

// threeTimes is a picture that was forwarded three times.
func threeTimes(img *image.RGBA) (image.Image, error) {
	first, err := viaJPEG(img, 80)
	if err != nil {
		return nil, err
	}
	pixels := opaque(first)
	if small := shrink(pixels, 1280); small != nil {
		pixels = small
	}
	second, err := viaJPEG(pixels, 70)
	if err != nil {
		return nil, err
	}
	return viaJPEG(opaque(second), 60)
}
