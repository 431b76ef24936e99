package pictures

import "image"

// canvas is what the scenes paint on. Its coordinates are units: its height
// is one, so a scene looks the same at every size.
type canvas struct {
	w, h  int // pixels
	width int // units
	px    int // units per pixel, at least 1
	pix   []colour
}

func newCanvas(w, h int) *canvas {
	return &canvas{w: w, h: h, width: w * one / h, px: max(1, one/h), pix: make([]colour, w*h)}
}

// unit is the place of pixel number p, in units.
func (c *canvas) unit(p int) int { return p * one / c.h }

// pixel is the number of the pixel at u, which may lie outside.
func (c *canvas) pixel(u int) int { return u * c.h >> shift }

// paint blends the colours that f returns over the rectangle from (x0, y0) to
// (x1, y1), in units; f is called with units and returns a colour and its
// opacity.
func (c *canvas) paint(x0, y0, x1, y1 int, f func(x, y int) (colour, int)) {
	left, right := max(0, c.pixel(x0)), min(c.w, c.pixel(x1)+1)
	for py := max(0, c.pixel(y0)); py < min(c.h, c.pixel(y1)+1); py++ {
		for px := left; px < right; px++ {
			if col, alpha := f(c.unit(px), c.unit(py)); alpha > 0 {
				p := &c.pix[py*c.w+px]
				*p = mix(*p, col, alpha)
			}
		}
	}
}

// blob is a lit ellipse: a fruit, a crown of leaves, a rock, a light, a petal.
type blob struct {
	x, y, rx, ry int    // units
	cos, sin     int    // its turn; 0, 0 is upright
	dark, light  colour // away from and towards the light
	lx           int    // where the light comes from: -one left, one right
	rough        int    // how ragged the edge is, 0 to one
	texture      int    // strength of the surface's pattern
	gloss        int    // strength of the highlight
	alpha        int    // opacity
	soft         int    // width of the soft edge, as a part of the radius
	seed         uint64
}

func (c *canvas) blob(b blob) {
	if b.cos == 0 && b.sin == 0 {
		b.cos = one
	}
	b.rx, b.ry = max(b.rx, c.px), max(b.ry, c.px)
	reach := max(b.rx, b.ry) * (one + b.rough) >> shift
	edge := max(b.soft, 2*c.px*one/min(b.rx, b.ry))
	c.paint(b.x-reach, b.y-reach, b.x+reach, b.y+reach, func(x, y int) (colour, int) {
		x, y = x-b.x, y-b.y
		// u and v run from -one to one over the ellipse, q is their squared length.
		u := (x*b.cos + y*b.sin) / b.rx
		v := (y*b.cos - x*b.sin) / b.ry
		if u > 2*one || u < -2*one || v > 2*one || v < -2*one {
			return colour{}, 0
		}
		q := u*u>>shift + v*v>>shift
		if q > one+b.rough {
			return colour{}, 0
		}
		if b.rough > 0 {
			q += (fbm(b.seed, x*12, y*12, 3) - one/2) * b.rough >> (shift - 1)
		}
		alpha := clamp((one-q)*one/edge, 0, one) * b.alpha >> shift
		if alpha == 0 {
			return colour{}, 0
		}
		shade := one/2 + (u*b.lx>>shift-v)/3 + (one/2-q)/4
		if b.texture > 0 {
			shade += (fbm(b.seed+9, x*16, y*16, 4) - one/2) * b.texture >> (shift - 1)
		}
		col := mix(b.dark, b.light, shade)
		if b.gloss > 0 {
			hu, hv := u-b.lx/3, v+one/3
			col = col.plus(b.gloss * clamp(one-(hu*hu+hv*hv)>>(shift-4), 0, one) >> shift)
		}
		return col, alpha
	})
}

// water mirrors what is above line into what is below it, on ripples.
func (c *canvas) water(r *rng, line int, tint colour) {
	seed := r.next()
	depth := r.in(one/4, one*2/3)
	row := clamp(c.pixel(line), 1, c.h)
	for py := row; py < c.h; py++ {
		below := py - row
		// Ripples look longer and taller near the viewer.
		scale := one*8/(below*one/c.h/64+6) + 2
		for px := range c.w {
			x, y := c.unit(px), c.unit(below)
			n := fbm(seed, x*5, y*scale/64, 3) - one/2
			src := clamp(row-1-below*9/8+n*below>>shift, 0, row-1)
			sx := clamp(px+n*c.h>>(shift+5), 0, c.w-1)
			col := mix(c.pix[src*c.w+sx], tint, depth*(one/2+y/2)>>shift)
			c.pix[py*c.w+px] = col.plus(n / 6)
		}
	}
}

// finish adds uneven light, a vignette and film grain, and rounds to bytes.
func (c *canvas) finish(r *rng) *image.NRGBA {
	light, grain := r.next(), r.next()
	strength, vignette, film := r.in(one/3, one), r.in(0, one/2), r.in(40, 160)
	img := image.NewNRGBA(image.Rect(0, 0, c.w, c.h))
	for py := range c.h {
		for px := range c.w {
			x, y := c.unit(px), c.unit(py)
			cx, cy := (2*px-c.w)*one/c.w, 2*y-one
			k := one + (fbm(light, x*2, y*2, 2)-one/2)*strength>>shift
			k -= vignette * ((cx*cx + cy*cy) >> (shift + 1)) >> shift
			col := c.pix[py*c.w+px].times(k)
			g := splitmix64(grain + uint64(py*c.w+px))
			// The sum of two even distributions looks more like film than one.
			col = col.plus((int(g&(one-1)) + int(g>>20&(one-1)) - one) * film >> shift)
			p := img.Pix[py*img.Stride+4*px:]
			p[0], p[1], p[2], p[3] = octet(col.r), octet(col.g), octet(col.b), 255
		}
	}
	return img
}

func octet(v int) uint8 { return uint8(clamp((v*255+one/2)>>shift, 0, 255)) }
