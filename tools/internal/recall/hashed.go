package recall

import (
	"bytes"
	"crypto/sha256"
	"encoding/gob"
	"errors"
	"fmt"
	"hash/fnv"
	"image"
	"image/color"
	"math/rand/v2"
	"os"
	"path/filepath"

	"github.com/corona10/goimagehash"

	"github.com/preseal/preseal/matcher/media"
	"github.com/preseal/preseal/matcher/phash"
	"github.com/preseal/preseal/testdata/pictures"
	"github.com/preseal/preseal/tools/internal/corpus"
	"github.com/preseal/preseal/tools/internal/picture"
)

// Hashed is what there is to know of one picture: all that is measured is
// computed from it.
type Hashed struct {
	Windows   []*phash.Image // the whole picture, then its windows
	Reference uint64         // goimagehash.PerceptionHash
}

func (h *Hashed) whole() *phash.Image { return h.Windows[0] }

func luma(img image.Image) (phash.Luma, error) {
	if m, ok := img.(*image.RGBA); ok { // opaque, so both are the same bytes
		img = &image.NRGBA{Pix: m.Pix, Stride: m.Stride, Rect: m.Rect}
	}
	white, _, err := media.FromImage(img, 1)
	return white, err
}

func hash(img image.Image) (*Hashed, error) {
	white, err := luma(img)
	if err != nil {
		return nil, err
	}
	h := new(Hashed)
	for _, window := range media.Windows(white) {
		im, err := phash.Of(window)
		if err != nil {
			return nil, err
		}
		h.Windows = append(h.Windows, im)
	}
	reference, err := goimagehash.PerceptionHash(img)
	if err != nil {
		return nil, err
	}
	h.Reference = reference.GetHash()
	return h, nil
}

// original is the name of the picture itself among its transforms.
const original = ""

// A cache keeps hashes between runs: a file for each picture.
type cache struct {
	dir     string
	further []string // names of the augmentations
}

// newCache opens the cache of the code as it is. What pictures hash to, made
// up ones with and without frames, names the folder: if hashing changes, they
// change, and another folder is used.
func newCache(dir string) (*cache, error) {
	sum := sha256.New()
	fmt.Fprintln(sum, "edition", edition)
	for seed := range uint64(6) {
		chance := rand.New(rand.NewPCG(seed, 0))
		photo := opaque(pictures.Photo(seed, 400, 300))
		for _, img := range []*image.RGBA{photo, border(photo, color.Black), caption(photo, chance, seed%2 == 0), crop(photo, 3, 3, 3, 3)} {
			h, err := hash(img)
			if err != nil {
				return nil, err
			}
			if err := gob.NewEncoder(sum).Encode(h); err != nil {
				return nil, err
			}
		}
	}
	further, err := furtherNames()
	if err != nil {
		return nil, err
	}
	c := &cache{filepath.Join(dir, "cache", fmt.Sprintf("%.12x", sum.Sum(nil))), further}
	return c, os.MkdirAll(c.dir, 0o777)
}

// variants returns the picture's hashes under the transforms and the
// augmentations, and its own under the name original. Those that do nothing to it are missing.
func (c *cache) variants(p corpus.Picture, transforms []Transform, tick func()) (map[string]*Hashed, error) {
	content, err := os.ReadFile(p.File)
	if err != nil {
		return nil, err
	}
	file := filepath.Join(c.dir, fmt.Sprintf("%s-%.4x.gob", p.Name, sha256.Sum256(content)))
	known := map[string]*Hashed{}
	if b, err := os.ReadFile(file); err == nil {
		if err := gob.NewDecoder(bytes.NewReader(b)).Decode(&known); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
	} else if !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	var img *image.RGBA
	add := func(name string, hash func(*image.RGBA) (*Hashed, error)) error {
		if _, ok := known[name]; ok {
			return nil
		}
		if img == nil {
			var err error
			if img, err = p.Load(); err != nil {
				return err
			}
		}
		h, err := hash(img)
		if err != nil {
			return fmt.Errorf("%s: %s: %w", p.Name, name, err)
		}
		known[name] = h
		return nil
	}
	if err := add(original, func(img *image.RGBA) (*Hashed, error) { return hash(img) }); err != nil {
		return nil, err
	}
	// A picture that is not listed has no copies to find, and no further keys.
	if known[original].whole().Featureless() {
		transforms = nil
	} else {
		for i, name := range c.further {
			if err := add(name, func(img *image.RGBA) (*Hashed, error) { return augmented(img, picture.Augmentations[i]) }); err != nil {
				return nil, err
			}
		}
	}
	for _, t := range transforms {
		if err := add(t.Name, func(img *image.RGBA) (*Hashed, error) {
			h := fnv.New64a()
			h.Write([]byte(p.Name + " " + t.Name))
			changed, err := t.apply(img, rand.New(rand.NewPCG(h.Sum64(), 0)))
			if err != nil || changed == nil {
				return &Hashed{}, err
			}
			return hash(changed)
		}); err != nil {
			return nil, err
		}
		tick()
	}
	if img != nil {
		if err := c.write(file, known); err != nil {
			return nil, err
		}
	}
	return known, nil
}

func (c *cache) write(file string, known map[string]*Hashed) error {
	var b bytes.Buffer
	if err := gob.NewEncoder(&b).Encode(known); err != nil {
		return err
	}
	if err := os.WriteFile(file+".part", b.Bytes(), 0o666); err != nil {
		return err
	}
	return os.Rename(file+".part", file)
}
