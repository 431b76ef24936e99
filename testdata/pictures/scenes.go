package pictures

// coast paints the sea under a big sky, with islands, rocks and a boat.
func coast(c *canvas, r *rng) {
	p := somePalette(r)
	horizon := r.in(one/4, one*3/4)
	sunX := sky(c, r, p, horizon)
	tops := [][]int{ridge(c, r, horizon+one/16, r.in(0, one/3), r.in(1, 2))}
	paintRidge(c, r, p, tops, 0, sunX, 0)
	c.water(r, horizon, mix(p.top, p.lit, r.in(0, one/2)))
	for i := range r.in(1, 6) {
		size := r.in(one/16, one/6+i*one/20)
		c.blob(blob{
			x: r.in(0, c.width), y: horizon + (one-horizon)*(i+1)/5 + r.in(0, one/8), rx: size * 3 / 2, ry: size,
			dark: p.land.times(one / 2), light: p.lit, lx: one / 2, rough: one * 2 / 3, texture: one, alpha: one, seed: r.next(),
		})
	}
	if r.oneIn(2) {
		sail(c, r, r.in(c.width/8, c.width*7/8), horizon+r.in(0, one/8), r.in(one/6, one/2))
	}
}

// sail paints a boat whose waterline is at y.
func sail(c *canvas, r *rng, x, y, height int) {
	cloth, hull := hex(0xf4efe4).jitter(r, one/8), hex(0x7a3a2c).jitter(r, one/4)
	c.paint(x-height/2, y-height, x+height/2, y, func(u, v int) (colour, int) {
		down, off := v-y+height, u-x
		switch {
		case down > height*9/10: // hull, wider above
			half := height/3 - (down-height*9/10)/2
			return hull.plus(off / 4), clamp((half-max(off, -off))*one/(2*c.px), 0, one)
		case off < 0: // main sail
			return cloth.plus(off / 2), clamp((down/3+off)*one/(2*c.px), 0, one)
		default: // jib
			return cloth.times(one * 7 / 8).plus(-off / 2), clamp((down/5-off)*one/(2*c.px), 0, one)
		}
	})
}

// town paints rows of houses with windows, at day or by night, some by water.
func town(c *canvas, r *rng) {
	p := somePalette(r)
	ground := r.in(one*5/8, one)
	sky(c, r, p, ground)
	lamp := hex(0xffd98a).jitter(r, one/10)
	rows := r.in(2, 3)
	for row := range rows {
		for x := -r.in(0, one/8); x < c.width; {
			width := r.in(one/16, one/4)
			top := ground - r.in(one/8, one*7/8)*(rows-row)/rows
			wall := mix(p.land, p.lit, r.in(0, one)).jitter(r, one/8)
			house(c, r, x, top, width, ground, mix(wall, p.low, (rows-1-row)*one/4), lamp)
			x += width + r.in(-one/32, one/24)
		}
	}
	if ground < one {
		c.paint(0, ground, c.width, one, func(_, _ int) (colour, int) { return p.land, one })
		c.water(r, ground, mix(p.top, p.land, one/2))
	}
}

func house(c *canvas, r *rng, x, top, width, ground int, wall, lamp colour) {
	seed, cell, lamps := r.next(), r.in(one/48, one/24), r.in(one/8, one/2)
	shade := r.in(-one/8, one/8)
	c.paint(x, top, x+width, ground, func(u, v int) (colour, int) {
		u, v = u-x, v-top
		col := wall.plus(shade*(2*u-width)/width + (fbm(seed, u*24, v*24, 3)-one/2)/8)
		cu, cv := u%cell*one/cell, v%(cell*3/2)*one/(cell*3/2)
		if cu > one/4 && cu < one*3/4 && cv > one/4 && cv < one*3/4 {
			col = col.times(one / 2)
			if pane := int(splitmix64(seed+uint64(u/cell*1000+v/(cell*3/2))) >> (64 - shift)); pane < lamps {
				col = mix(col, lamp, one-pane/2)
			}
		}
		return col, one
	})
}

// turns are cosines and sines of steps around a quarter circle.
var turns = [][2]int{{4096, 0}, {3784, 1567}, {2896, 2896}, {1567, 3784}, {0, 4096}, {-1567, 3784}, {-2896, 2896}, {-3784, 1567}}

// stillLife paints fruit on a table.
func stillLife(c *canvas, r *rng) {
	wall, table := hex(0x777a7a).times(r.in(one/3, one*5/4)).jitter(r, one/8), hex(0x8a6746).times(r.in(one/2, one*4/3)).jitter(r, one/10)
	edge, seed := r.in(one/4, one*3/4), r.next()
	light := one * 3 / 4
	if r.oneIn(2) {
		light = -light
	}
	slope := r.in(-one/4, one/4)
	c.paint(0, 0, c.width, one, func(x, y int) (colour, int) {
		fall := (x - c.width/2) * light / c.width / 2
		if y < edge {
			return wall.plus(fall + (fbm(seed, x*3, y*3, 4)-one/2)/2), one
		}
		grain := fbm(seed+7, x*2+y*slope>>shift, y*30, 4) - one/2
		return table.plus(fall + grain/2 + (y-edge)/6), one
	})
	skins := []int{0xb3261e, 0xe08a1e, 0xd9c23a, 0x5f8f2f, 0x6b2a52, 0xe7dfd0, 0x2f5d8a}
	n := r.in(2, 6)
	for i := range n {
		size := r.in(one/12, one/4)
		x, y := r.in(0, c.width), edge+(one-edge)*(i+1)/(n+1)-size/3
		skin := hex(skins[r.in(0, len(skins)-1)]).jitter(r, one/10)
		c.blob(blob{ // its shadow
			x: x - light*size>>shift, y: y + size*7/8, rx: size * 3 / 2, ry: size / 3,
			alpha: one * 2 / 3, soft: one * 3 / 4, seed: seed,
		})
		c.blob(blob{
			x: x, y: y, rx: size, ry: size * r.in(3*one/4, one*9/8) >> shift, dark: skin.times(one / 4), light: skin.plus(one / 10),
			lx: light, texture: r.in(0, one/3), gloss: r.in(one/8, one*2/3), alpha: one, seed: r.next(),
		})
	}
}

// flowers paints blossoms close up, before a background out of focus.
func flowers(c *canvas, r *rng) {
	p := somePalette(r)
	seed := r.next()
	c.paint(0, 0, c.width, one, func(x, y int) (colour, int) {
		return mix(p.land, p.lit, (fbm(seed, x*2, y*2, 2)-one/2)*3+one/2), one
	})
	for range r.in(6, 20) {
		size := r.in(one/24, one/6)
		glow := mix(p.low, p.sun, r.in(0, one))
		c.blob(blob{
			x: r.in(0, c.width), y: r.in(0, one), rx: size, ry: size, dark: glow, light: glow,
			alpha: r.in(one/8, one/2), soft: one / 4,
		})
	}
	for range r.in(1, 4) {
		blossom(c, r, r.in(c.width/6, c.width*5/6), r.in(one/6, one*3/4), r.in(one/10, one/4), p)
	}
}

func blossom(c *canvas, r *rng, x, y, size int, p palette) {
	stem, bend := p.land.times(one*3/4), r.in(-one/2, one/2)
	c.paint(0, y, c.width, one, func(u, v int) (colour, int) {
		off := u - x - (v-y)*(v-y)>>shift*bend>>shift
		return stem.plus(-off), clamp((size/10-max(off, -off))*one/(2*c.px), 0, one)
	})
	tints := []int{0xd8322f, 0xf0b429, 0xf7f3ea, 0xb65fc4, 0x4f6fd0, 0xef8fb0}
	petal := hex(tints[r.in(0, len(tints)-1)]).jitter(r, one/12)
	for i := range 2 * len(turns) {
		t := turns[i%len(turns)]
		if i >= len(turns) {
			t = [2]int{-t[0], -t[1]}
		}
		c.blob(blob{
			x: x + t[0]*size>>shift, y: y + t[1]*size>>shift, rx: size * 3 / 4, ry: size / 4, cos: t[0], sin: t[1],
			dark: petal.times(one / 2), light: petal.plus(one / 12), lx: one / 2, texture: one / 4, alpha: one, seed: r.next(),
		})
	}
	c.blob(blob{
		x: x, y: y, rx: size / 2, ry: size / 2, dark: hex(0x3a220f), light: hex(0xc9922e), lx: one / 2,
		rough: one / 6, texture: one, alpha: one, seed: r.next(),
	})
}
