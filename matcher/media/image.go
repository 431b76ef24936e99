package media

import (
	"image"
	"image/color"

	"github.com/preseal/preseal/matcher/phash"
)

// FromImage reduces a decoded picture like FromRGBA and turns it upright:
// orientation is the EXIF value, 1 to 8; others count as 1.
func FromImage(img image.Image, orientation int) (white phash.Luma, black *phash.Luma, err error) {
	b := img.Bounds()
	w, h := b.Dx(), b.Dy()
	layout := RGBA
	switch img.(type) {
	case *image.YCbCr, *image.Gray:
		layout = Luma
	}
	var r Reducer
	if err := r.Reset(layout, w, h); err != nil {
		return phash.Luma{}, nil, err
	}
	row := make([]byte, 4*w)
	palette := straight(img)
	for y := b.Min.Y; y < b.Max.Y; y++ {
		switch img := img.(type) {
		case *image.YCbCr:
			at := img.YOffset(b.Min.X, y)
			r.row(img.Y[at : at+w])
		case *image.Gray:
			at := img.PixOffset(b.Min.X, y)
			r.row(img.Pix[at : at+w])
		case *image.NRGBA:
			at := img.PixOffset(b.Min.X, y)
			r.row(img.Pix[at : at+4*w])
		case *image.Paletted:
			at := img.PixOffset(b.Min.X, y)
			for x, i := range img.Pix[at : at+w] {
				copy(row[4*x:], palette[i][:])
			}
			r.row(row)
		default:
			for x := range w {
				c := color.NRGBAModel.Convert(img.At(b.Min.X+x, y)).(color.NRGBA)
				row[4*x], row[4*x+1], row[4*x+2], row[4*x+3] = c.R, c.G, c.B, c.A
			}
			r.row(row)
		}
	}
	if white, black, err = r.Luma(); err != nil {
		return phash.Luma{}, nil, err
	}
	white = upright(white, orientation)
	if black != nil {
		turned := upright(*black, orientation)
		black = &turned
	}
	return white, black, nil
}

// straight returns the colours of a picture with a palette, with straight
// alpha; those that it lacks are transparent.
func straight(img image.Image) (colours [256][4]byte) {
	if img, ok := img.(*image.Paletted); ok {
		for i, c := range img.Palette[:min(len(img.Palette), 256)] {
			c := color.NRGBAModel.Convert(c).(color.NRGBA)
			colours[i] = [4]byte{c.R, c.G, c.B, c.A}
		}
	}
	return colours
}
