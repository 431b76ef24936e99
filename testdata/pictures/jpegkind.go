package pictures

import (
	"encoding/binary"
	"image"
	"image/color"
)

// A JPEGKind is a way to store a picture as JPEG (ITU-T T.81) that image/jpeg
// can read, or may not, but does not write. It is for tests of decoders: codes
// of every length occur, and nothing is optimal.
type JPEGKind struct {
	// Colour is "ycc" (the default), "grey", "rgb", "cmyk" or "ycck"; the inks of
	// the last two are inverted, as Adobe does.
	Colour string
	// Sampling are the factors of each component, across and down, 1 to 4. The
	// default is 1×1 for all.
	Sampling [][2]int
	// Quality is 1 (coarse) to 100, default 80.
	Quality int
	// Restart is the number of groups of blocks between restart markers, 0 for
	// none.
	Restart int
	// Progressive pictures come in the passes that libjpeg uses, else there is one
	// scan, or if Separate is set, one for each component.
	Progressive, Separate bool
	// Late is how many bits of the lowest frequency come one by one in passes of a
	// progressive picture behind most others, 1 by default, at most 13.
	Late int
	// NoMarkers leaves JFIF's and Adobe's segments out.
	NoMarkers bool
}

// plane is a component: its samples, and then its coefficients.
type plane struct {
	id, h, v         int
	w, high          int // in samples
	pix              []uint8
	blocksX, blocksY int // that cover it
	stride, rows     int // with those that fill up groups
	coefs            [][64]int16
}

// Encode stores img.
func (k JPEGKind) Encode(img image.Image) []byte {
	if k.Quality == 0 {
		k.Quality = 80
	}
	b := img.Bounds()
	planes, hMost, vMost := k.planes(img)
	quant := quantisation(k.Quality)
	for _, p := range planes {
		p.transform(b.Dx(), b.Dy(), hMost, vMost, quant)
	}
	e := &encoder{out: []byte{0xff, 0xd8}, restart: k.Restart}
	if !k.NoMarkers {
		switch k.Colour {
		case "rgb", "cmyk":
			e.segment(0xee, []byte("Adobe\x00\x64\x00\x00\x00\x00\x00"))
		case "ycck":
			e.segment(0xee, []byte("Adobe\x00\x64\x00\x00\x00\x00\x02"))
		default:
			e.segment(0xe0, []byte("JFIF\x00\x01\x02\x00\x00\x01\x00\x01\x00\x00"))
		}
	}
	table := []byte{0}
	for _, at := range zigzag {
		table = append(table, quant[at])
	}
	e.segment(0xdb, table)
	frame := []byte{8}
	frame = binary.BigEndian.AppendUint16(frame, uint16(b.Dy()))
	frame = binary.BigEndian.AppendUint16(frame, uint16(b.Dx()))
	frame = append(frame, byte(len(planes)))
	for _, p := range planes {
		frame = append(frame, byte(p.id), byte(p.h<<4|p.v), 0)
	}
	sof := byte(0xc1)
	if k.Progressive {
		sof = 0xc2
	}
	e.segment(sof, frame)
	if k.Restart > 0 {
		e.segment(0xdd, binary.BigEndian.AppendUint16(nil, uint16(k.Restart)))
	}
	switch {
	case k.Progressive:
		e.progressive(planes, max(1, k.Late))
	case k.Separate:
		for _, p := range planes {
			e.scan([]*plane{p}, pass{to: 63})
		}
	default:
		e.scan(planes, pass{to: 63})
	}
	return append(e.out, 0xff, 0xd9)
}

// planes converts and subsamples a picture.
func (k JPEGKind) planes(img image.Image) (planes []*plane, hMost, vMost int) {
	ids := map[string]string{"": "\x01\x02\x03", "ycc": "\x01\x02\x03", "grey": "\x01", "rgb": "RGB", "cmyk": "CMYK", "ycck": "\x01\x02\x03\x04"}[k.Colour]
	for i, id := range []byte(ids) {
		p := &plane{id: int(id), h: 1, v: 1}
		if i < len(k.Sampling) {
			p.h, p.v = k.Sampling[i][0], k.Sampling[i][1]
		}
		hMost, vMost = max(hMost, p.h), max(vMost, p.v)
		planes = append(planes, p)
	}
	b := img.Bounds()
	full := make([][]uint8, len(planes))
	for i := range full {
		full[i] = make([]uint8, 0, b.Dx()*b.Dy())
	}
	for y := b.Min.Y; y < b.Max.Y; y++ {
		for x := b.Min.X; x < b.Max.X; x++ {
			c := color.NRGBAModel.Convert(img.At(x, y)).(color.NRGBA)
			values := components(k.Colour, c.R, c.G, c.B)
			for i := range planes {
				full[i] = append(full[i], values[i])
			}
		}
	}
	for i, p := range planes {
		p.w, p.high = over(b.Dx()*p.h, hMost), over(b.Dy()*p.v, vMost)
		p.pix = make([]uint8, p.w*p.high)
		for at := range p.pix {
			x, y := at%p.w, at/p.w
			sum, n := 0, 0
			for sy := y * vMost / p.v; sy < min(b.Dy(), max(y*vMost/p.v+1, (y+1)*vMost/p.v)); sy++ {
				for sx := x * hMost / p.h; sx < min(b.Dx(), max(x*hMost/p.h+1, (x+1)*hMost/p.h)); sx++ {
					sum, n = sum+int(full[i][sy*b.Dx()+sx]), n+1
				}
			}
			p.pix[at] = uint8(sum / n)
		}
	}
	return planes, hMost, vMost
}

// components returns what a colour is stored as.
func components(kind string, r, g, b uint8) [4]uint8 {
	most := max(r, g, b) // the light that black lets through
	if kind == "cmyk" || kind == "ycck" {
		if most == 0 {
			r, g, b = 255, 255, 255
		} else {
			r, g, b = uint8(int(r)*255/int(most)), uint8(int(g)*255/int(most)), uint8(int(b)*255/int(most))
		}
	}
	if kind == "rgb" || kind == "cmyk" {
		return [4]uint8{r, g, b, most}
	}
	if kind == "ycck" { // of the inks, inverted back
		r, g, b = 255-r, 255-g, 255-b
	}
	y, cb, cr := color.RGBToYCbCr(r, g, b)
	return [4]uint8{y, cb, cr, most}
}

// transform makes quantised coefficients of the samples (A.3.3).
func (p *plane) transform(w, h, hMost, vMost int, quant *[64]uint8) {
	p.blocksX, p.blocksY = over(p.w, 8), over(p.high, 8)
	p.stride, p.rows = p.h*over(w, 8*hMost), p.v*over(h, 8*vMost)
	p.coefs = make([][64]int16, p.stride*p.rows)
	for at := range p.coefs {
		var f [64]int
		for i := range f { // the last samples are repeated beyond the edge
			x, y := min(at%p.stride*8+i%8, p.w-1), min(at/p.stride*8+i/8, p.high-1)
			f[i] = int(p.pix[y*p.w+x]) - 128
		}
		frequencies(&f, 1)
		frequencies(&f, 8)
		for i, v := range f {
			const unit = 1 << (2 * dctBits)
			step := int(quant[i]) * unit
			if v < 0 {
				p.coefs[at][i] = int16(-((-v + step/2) / step))
			} else {
				p.coefs[at][i] = int16((v + step/2) / step)
			}
		}
	}
}

const dctBits = 12

// frequencies transforms all rows (step 1) or columns (step 8).
func frequencies(f *[64]int, step int) {
	for line := range 8 {
		at := line * 8 / step
		var in [8]int
		for i := range in {
			in[i] = f[at+i*step]
		}
		for u := range 8 {
			sum := 0
			for i, v := range in {
				sum += v * dct[u][i]
			}
			f[at+u*step] = sum
		}
	}
}

// dct is w(u) · cos((2i+1)uπ/16) with 12 fractional bits.
var dct = [8][8]int{
	{1448, 1448, 1448, 1448, 1448, 1448, 1448, 1448},
	{2009, 1703, 1138, 400, -400, -1138, -1703, -2009},
	{1892, 784, -784, -1892, -1892, -784, 784, 1892},
	{1703, -400, -2009, -1138, 1138, 2009, 400, -1703},
	{1448, -1448, -1448, 1448, 1448, -1448, -1448, 1448},
	{1138, -2009, 400, 1703, -1703, -400, 2009, -1138},
	{784, -1892, 1892, -784, -784, 1892, -1892, 784},
	{400, -1138, 1703, -2009, 2009, -1703, 1138, -400},
}

// quantisation returns steps that grow with the frequency.
func quantisation(quality int) *[64]uint8 {
	out := new([64]uint8)
	for i := range out {
		out[i] = uint8(min(255, 1+(100-quality)*(8+6*(i%8+i/8))/40))
	}
	return out
}

func over(a, b int) int { return (a + b - 1) / b }

var zigzag = func() (order [64]int) {
	at := 0
	for sum := range 15 {
		for i := max(0, sum-7); i <= min(7, sum); i++ {
			row := i // diagonals go down where sum is odd
			if sum%2 == 0 {
				row = sum - i
			}
			order[at] = row*8 + sum - row
			at++
		}
	}
	return order
}()
