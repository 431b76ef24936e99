package corpus

import (
	"bufio"
	"errors"
	"fmt"
	"image"
	"image/jpeg"
	_ "image/png" // some of the photographs
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/image/draw"
)

const (
	longest  = 2048 // pixels of a base image's longer side
	shortest = 200  // of the shorter side: less is an icon
	cropSide = 1000 // at least, of a crop
	cropsX   = 3    // at most, across and down
	cropsY   = 2
	quality  = 95 // of the JPEG files written here
)

// prepare returns the base images that a photograph gives: itself, at most
// longest pixels long, and if it is large, the parts of a grid laid over it.
func (c *Corpus) prepare(pkg, file string) ([]Picture, error) {
	img, format, err := decode(file)
	if err != nil {
		return nil, err
	}
	size := img.Bounds().Size()
	if min(size.X, size.Y) < shortest {
		return nil, nil
	}
	rel, err := filepath.Rel(filepath.Join(c.Dir, "packages"), file)
	if err != nil {
		return nil, err
	}
	photo := filepath.ToSlash(rel)
	whole := Picture{Name: name(pkg, file), Set: Whole, Photo: photo, File: file}
	if long := max(size.X, size.Y); long > longest || format != "jpeg" {
		small := img
		if long > longest {
			to := image.NewRGBA(image.Rect(0, 0, size.X*longest/long, size.Y*longest/long))
			draw.CatmullRom.Scale(to, to.Bounds(), img, img.Bounds(), draw.Src, nil)
			small = to
		}
		if whole.File, err = c.save(whole.Name, small); err != nil {
			return nil, err
		}
	}
	out := []Picture{whole}
	nx, ny := min(size.X/cropSide, cropsX), min(size.Y/cropSide, cropsY)
	if nx*ny < 2 {
		return out, nil
	}
	for i := range nx * ny {
		x, y := i%nx, i/nx
		part := image.Rect(x*size.X/nx, y*size.Y/ny, (x+1)*size.X/nx, (y+1)*size.Y/ny)
		to := image.NewRGBA(image.Rect(0, 0, part.Dx(), part.Dy()))
		draw.Draw(to, to.Bounds(), img, img.Bounds().Min.Add(part.Min), draw.Src)
		crop := Picture{Name: fmt.Sprintf("%s-%d", whole.Name, i+1), Set: Crops, Photo: photo}
		if crop.File, err = c.save(crop.Name, to); err != nil {
			return nil, err
		}
		out = append(out, crop)
	}
	return out, nil
}

// name is unique within a package, except for plasma's: those are all called
// after their size, three folders below what tells them apart.
func name(pkg, file string) string {
	base := strings.TrimSuffix(filepath.Base(file), filepath.Ext(file))
	if dir := filepath.Dir(file); filepath.Base(dir) == "images" {
		base = filepath.Base(filepath.Dir(filepath.Dir(dir)))
	}
	return pkg + "-" + base
}

func (c *Corpus) save(name string, img image.Image) (string, error) {
	dir := filepath.Join(c.Dir, "pictures")
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return "", err
	}
	file := filepath.Join(dir, name+".jpg")
	f, err := os.Create(file)
	if err != nil {
		return "", err
	}
	defer f.Close()
	w := bufio.NewWriter(f)
	return file, errors.Join(jpeg.Encode(w, img, &jpeg.Options{Quality: quality}), w.Flush(), f.Close())
}

func decode(file string) (image.Image, string, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, "", err
	}
	defer f.Close()
	return image.Decode(bufio.NewReader(f))
}

// Load returns the picture's pixels: opaque, with the origin 0, 0.
func (p Picture) Load() (*image.RGBA, error) {
	img, _, err := decode(p.File)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", p.File, err)
	}
	b := img.Bounds()
	out := image.NewRGBA(image.Rect(0, 0, b.Dx(), b.Dy()))
	draw.Draw(out, out.Bounds(), image.White, image.Point{}, draw.Src)
	draw.Draw(out, out.Bounds(), img, b.Min, draw.Over)
	return out, nil
}
