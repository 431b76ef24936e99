package media

import "github.com/preseal/preseal/matcher/phash"

// A colour is what the components of a JPEG mean.
type colour int

const (
	lumaFirst colour = iota // grey, or YCbCr
	rgb
	cmyk
	ycck
)

// want decides as libjpeg does, and so browsers: by JFIF's and Adobe's segments
// (Adobe Technical Note 5116, 18), else by the components' names.
func (d *decoder) want() {
	c := d.components
	switch {
	case len(c) == 4 && d.adobe && d.transform != 0:
		d.colour = ycck
	case len(c) == 4:
		d.colour = cmyk
	case len(c) == 3 && !d.jfif && (d.adobe && d.transform == 0 || !d.adobe && c[0].id == 'R' && c[1].id == 'G' && c[2].id == 'B'):
		d.colour = rgb
	}
	for i, c := range c {
		c.wanted = i == 0 || d.colour == rgb || d.colour == cmyk || d.colour == ycck && i == 3
	}
}

// luma makes a grey picture of the decoded components, on the grid that
// FromImage uses: a hash depends on it.
func (d *decoder) luma() phash.Luma {
	x, y := columns(nil, d.width), make([]int, boxRows(d.height)+1)
	for i := range y {
		y[i] = i * d.height / (len(y) - 1)
	}
	var planes [4][]uint16
	for i, c := range d.components {
		if !c.wanted {
			continue
		}
		if c.coefs != nil {
			d.render(c)
		}
		across := overlaps(x, c.width*d.side, 8)
		down := overlaps(y, c.height*d.side, 8)
		means := &d.memory.means[c.number]
		*means = resample(*means, c.plane, c.strideX*d.side, across, down)
		planes[i] = *means
		c.plane = nil
	}
	d.colour.mix(&planes)
	return phash.Luma{Pix: planes[0], W: len(x) - 1, H: len(y) - 1}
}

// mix makes the luma of all components, in the plane of the first.
func (c colour) mix(planes *[4][]uint16) {
	if c == lumaFirst {
		return
	}
	for i, v := range planes[0] {
		y := uint64(v)
		switch c { // Adobe stores inks inverted, as light, and YCC inverted once more
		case rgb, cmyk:
			y = (lumaR*y + lumaG*uint64(planes[1][i]) + lumaB*uint64(planes[2][i])) >> 16
		case ycck:
			y = phash.White - y
		}
		if c == cmyk || c == ycck {
			y = y * uint64(planes[3][i]) / phash.White
		}
		planes[0][i] = uint16(y)
	}
}
