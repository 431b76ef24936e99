// Package pictures makes the images that preseal's tests, benchmarks and demo
// need: photograph-like ones, synthetic ones, and edited copies of both. A
// picture depends on its seed and size alone; it is the same on every
// processor, because only integers are computed with.
package pictures

import "image"

// Photo returns a photograph-like picture of w×h pixels: a landscape, a coast,
// a town, a still life or a flower, with light, texture and grain. Different
// seeds differ in composition, so their perceptual hashes are unrelated.
func Photo(seed uint64, w, h int) *image.NRGBA {
	c := newCanvas(w, h)
	r := rng(splitmix64(seed ^ 0x70726573))
	switch r.in(0, 9) {
	case 0, 1, 2, 3:
		landscape(c, &r)
	case 4, 5:
		coast(c, &r)
	case 6:
		town(c, &r)
	case 7, 8:
		stillLife(c, &r)
	default:
		flowers(c, &r)
	}
	return c.finish(&r)
}

// palette is the light of one hour of the day.
type palette struct {
	top, low         colour // sky overhead and at the horizon
	sun              colour
	cloud, underside colour
	land, lit        colour // ground in shade and in light
}

var palettes = []palette{
	{hex(0x2f6fb5), hex(0xc4dcea), hex(0xfff6d8), hex(0xffffff), hex(0x8fa3b5), hex(0x24351f), hex(0x8a9a52)}, // noon
	{hex(0x2c3a73), hex(0xf39a5b), hex(0xfff0b0), hex(0xffb98a), hex(0x6b4a6d), hex(0x1d1a26), hex(0x94593c)}, // sunset
	{hex(0x7fa6c9), hex(0xf7dccb), hex(0xfffaf0), hex(0xfff0ea), hex(0xb59cab), hex(0x39434f), hex(0xa8a588)}, // dawn
	{hex(0x0c1330), hex(0x34476f), hex(0xf4f2e4), hex(0x5b6c92), hex(0x161f3d), hex(0x0a0f18), hex(0x8fa0b4)}, // moonlight
	{hex(0x8d98a1), hex(0xdadfe0), hex(0xf4f4f0), hex(0xeef0f0), hex(0x77828b), hex(0x2d3733), hex(0x77836f)}, // overcast
	{hex(0x5f95c9), hex(0xe9f1f6), hex(0xffffff), hex(0xffffff), hex(0xa9bccb), hex(0x5e7184), hex(0xf3f7fa)}, // snow
	{hex(0x3f86b8), hex(0xf1dfb8), hex(0xfff7dc), hex(0xfffaf0), hex(0xc3b194), hex(0x6f3f22), hex(0xe0a866)}, // desert
	{hex(0x1d4f63), hex(0x9fd0c0), hex(0xf6ffe6), hex(0xd6efe6), hex(0x3e6f77), hex(0x112a22), hex(0x5f9a5c)}, // forest
}

func somePalette(r *rng) palette {
	p := palettes[r.in(0, len(palettes)-1)]
	for _, c := range []*colour{&p.top, &p.low, &p.cloud, &p.underside, &p.land, &p.lit} {
		*c = c.jitter(r, one/20)
	}
	return p
}

// sky paints the whole canvas: gradient, sun or moon, and clouds. It returns
// the place of the sun.
func sky(c *canvas, r *rng, p palette, horizon int) (sunX int) {
	sunX = r.in(0, c.width)
	sunY, radius := r.in(horizon/8, horizon), r.in(one/40, one/12)
	glow := radius * r.in(2, 6)
	seed, cover, size := r.next(), r.in(one/3, one*2/3), r.in(1, 3)
	contrast := r.in(3, 8)
	c.paint(0, 0, c.width, one, func(x, y int) (colour, int) {
		col := mix(p.top, p.low, y*one/horizon)
		dx, dy := x-sunX, y-sunY
		d := dx*dx + dy*dy
		col = mix(col, p.sun, glow*one/(glow+d/glow)*3/4)
		col = mix(col, p.sun, (radius*radius-d)/(2*radius)*one/(3*c.px))
		// Clouds flatten towards the horizon.
		cy := y * (one + y) >> shift * 2
		n := fbm(seed, x*size, cy*size, 5)
		if density := (n - cover) * contrast; density > 0 {
			lit := fbm(seed, x*size+(sunX-x)/4, cy*size-one/4, 2)
			col = mix(col, mix(p.underside, p.cloud, one/2+(n-lit)*4), density)
		}
		return col, one
	})
	return sunX
}

// ridge is a line of hills from the left edge to the right one.
func ridge(c *canvas, r *rng, base, height, detail int) []int {
	seed, sharp := r.next(), r.oneIn(2)
	tilt := r.in(-height/2, height/2)
	tops := make([]int, c.w)
	for px := range tops {
		x := c.unit(px)
		n := fbm(seed, x*detail, 0, 7) * 2
		if sharp { // folding the noise over makes peaks
			n = 2*one - 2*max(n-one, one-n)*3/2
		}
		tops[px] = base - n*height>>(shift+1) + tilt*(x-c.width/2)/max(c.width, 1)
	}
	return tops
}

// landscape paints hills behind hills, with a lake and trees where they fit.
func landscape(c *canvas, r *rng) {
	p := somePalette(r)
	horizon := r.in(one/4, one*3/4)
	sunX := sky(c, r, p, horizon)
	layers := r.in(2, 5)
	tops := make([][]int, layers)
	for i := range tops {
		near := (i + 1) * one / layers
		base := horizon + (one-horizon)*near>>(shift+1)
		tops[i] = ridge(c, r, base, r.in(one/8, one/2)*(2*one-near)>>(shift+1), r.in(1, 3)+i)
	}
	snow := r.in(0, one)
	for i := range tops {
		paintRidge(c, r, p, tops, i, sunX, snow)
	}
	water := r.oneIn(2)
	if water {
		c.water(r, r.in(one*5/8, one*15/16), mix(p.top, p.land, one/2))
	}
	trees(c, r, p, r.in(0, 7), sunX)
}

func paintRidge(c *canvas, r *rng, p palette, tops [][]int, layer, sunX, snow int) {
	seed := r.next()
	haze := one - (layer+1)*one/len(tops)
	dark, lit := p.land.jitter(r, one/16), p.lit.jitter(r, one/16)
	white := mix(p.cloud, hex(0xffffff), one/2)
	for px := range c.w {
		x, top, end := c.unit(px), tops[layer][px], one
		for _, nearer := range tops[layer+1:] {
			end = min(end, nearer[px])
		}
		side := clamp((sunX-x)/4, -one/8, one/8)
		for py := max(0, c.pixel(top)); py < min(c.h, c.pixel(end)+2); py++ {
			y := c.unit(py)
			// The slope of the noise towards the sun stands in for the ground's.
			n := fbm(seed, x*8, y*13, 5)
			shade := one/2 + (n-fbm(seed, x*8+side*3, y*13-one/4, 3))*5/2
			col := mix(dark, lit, shade)
			if layer == 0 && y+n/4 < snow {
				col = mix(col, white, shade+one/4)
			}
			col = mix(col, p.low, haze*3/4+(y-top)*haze>>(shift+1))
			q := &c.pix[py*c.w+px]
			*q = mix(*q, col, (y-top+c.px)*one/(2*c.px))
		}
	}
}

// trees paints n trees, far ones first.
func trees(c *canvas, r *rng, p palette, n, sunX int) {
	conifers := r.oneIn(2)
	for i := range n {
		near := (i + 1) * one / n
		x := r.in(0, c.width)
		foot := one*3/4 + near/4 + r.in(0, one/16)
		height := r.in(one/8, one/3) + near*r.in(one/8, one/2)>>shift
		dark := p.land.jitter(r, one/12).times(one * 2 / 3)
		lit := mix(p.lit, p.land, one/3).jitter(r, one/12)
		light := one / 2
		if x > sunX {
			light = -light
		}
		trunk := height / 24
		bark := mix(hex(0x2a1d14), p.land, one/3)
		c.paint(x-trunk, foot-height*3/5, x+trunk, foot, func(u, v int) (colour, int) {
			half := trunk - (foot-v)/24
			return bark.plus((u - x) * light / max(trunk, 1) / 8), (half - max(u-x, x-u)) * one / (2 * c.px)
		})
		if conifers {
			conifer(c, r, x, foot-height, height*7/8, light, dark, lit)
			continue
		}
		for range r.in(5, 9) {
			size := r.in(height/7, height/4)
			c.blob(blob{
				x: x + r.in(-height/5, height/5), y: foot - height*2/3 + r.in(-height/5, height/6),
				rx: size, ry: size * 7 / 8, dark: dark, light: lit, lx: light,
				rough: one / 2, texture: one, alpha: one, seed: r.next(),
			})
		}
	}
}

func conifer(c *canvas, r *rng, x, top, height, light int, dark, lit colour) {
	seed, tiers := r.next(), r.in(5, 9)
	c.paint(x-height/3, top, x+height/3, top+height, func(u, v int) (colour, int) {
		down := (v - top) * one / height
		// Every tier starts narrow and hangs out over the next one.
		width := down*2/3 + (down*tiers)&(one-1)*down>>(shift+1)
		width = width * height >> (shift + 2)
		n := fbm(seed, u*40, v*24, 3) - one/2
		off := max(u-x, x-u)
		alpha := (width - off + n*height>>(shift+3)) * one / (2 * c.px)
		return mix(dark, lit, one/3+n*2+(u-x)*light/max(width, 1)/2), clamp(alpha, 0, one)
	})
}
