// Package picture reads a file as preseal sees it: digests of its bytes and, if it is a picture that can be decoded
// here, the upright luma planes that are hashed. The first frame of an animation counts.
package picture

import (
	"context"
	"crypto/md5"
	"crypto/sha256"
	"errors"
	"fmt"
	"image"
	"image/draw"
	"image/gif"
	"image/png"
	"io"
	"os"

	"golang.org/x/image/bmp"
	"golang.org/x/image/webp"

	"github.com/preseal/preseal/matcher/media"
	"github.com/preseal/preseal/matcher/phash"
)

// Picture is one file. Reason is empty if the file is a picture that could be decoded, and else says why not, as
// media.Error does; then Planes is empty, but the digests are there.
type Picture struct {
	SHA256 [32]byte
	MD5    [16]byte
	Info   media.Info   // upright or not, as the file declares it
	Planes []phash.Luma // upright; over white, then over black if it is transparent
	Reason string
	Detail error // what the decoder said, if Reason is not empty
}

// decoders are the formats that can be decoded here, beside JPEG, which package media decodes.
var decoders = map[string]struct {
	config func(io.Reader) (image.Config, error)
	decode func(io.Reader) (image.Image, error)
}{
	"png":  {png.DecodeConfig, png.Decode},
	"gif":  {gif.DecodeConfig, gif.Decode},
	"webp": {webp.DecodeConfig, decodeWebP},
	"bmp":  {bmp.DecodeConfig, bmp.Decode},
}

// ReadFile reads the regular file of that name. The error is about reading; a file that is no picture is none.
func ReadFile(ctx context.Context, name string) (*Picture, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() { // opening a pipe would wait for its writer
		return nil, errors.New("not a regular file")
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return Read(ctx, f, info.Size())
}

// Read reads the size bytes of r.
func Read(ctx context.Context, r io.ReaderAt, size int64) (*Picture, error) {
	p := &Picture{}
	sha, md := sha256.New(), md5.New()
	n, err := io.Copy(io.MultiWriter(sha, md), &reader{ctx, io.NewSectionReader(r, 0, size)})
	if err != nil {
		return nil, err
	}
	if n != size {
		return nil, fmt.Errorf("the file shrank from %d to %d bytes while it was read", size, n)
	}
	sha.Sum(p.SHA256[:0])
	md.Sum(p.MD5[:0])
	if p.Reason, p.Detail = p.decode(ctx, r, size); ctx.Err() != nil {
		return nil, ctx.Err()
	}
	return p, nil
}

// decode fills in Info and Planes, or returns the reason why it could not.
func (p *Picture) decode(ctx context.Context, r io.ReaderAt, size int64) (reason string, detail error) {
	var err error
	if p.Info, err = media.Sniff(r, size); err != nil {
		return reasonOf(err), err
	}
	if p.Info.Format == "jpeg" {
		luma, err := media.FromJPEG(&readerAt{ctx, r}, size, p.Info.Orientation)
		if err != nil {
			return reasonOf(err), err
		}
		p.Planes = []phash.Luma{luma}
		return "", nil
	}
	d, ok := decoders[p.Info.Format]
	if !ok || p.Info.Format == "webp" && animated(r) {
		return media.Format, fmt.Errorf("this kind of %s is not decoded here", p.Info.Format)
	}
	section := func() io.Reader { return &reader{ctx, io.NewSectionReader(r, 0, size)} }
	c, err := d.config(section())
	if err != nil {
		return media.Undecodable, err
	}
	// The decoder's own view of the size counts: it is what gets allocated.
	if c.Width <= 0 || c.Height <= 0 || c.Width > media.MaxPixels/c.Height {
		return media.TooLarge, fmt.Errorf("%d×%d pixels are more than %d in all", c.Width, c.Height, media.MaxPixels)
	}
	img, err := d.decode(section())
	if err != nil {
		return media.Undecodable, err
	}
	// The first frame of an animation need not cover the canvas.
	if canvas := image.Rect(0, 0, c.Width, c.Height); img.Bounds() != canvas {
		whole := image.NewNRGBA(canvas)
		draw.Draw(whole, img.Bounds(), img, img.Bounds().Min, draw.Src)
		img = whole
	}
	white, black, err := media.FromImage(img, p.Info.Orientation)
	if err != nil {
		return reasonOf(err), err
	}
	p.Planes = []phash.Luma{white}
	if black != nil {
		p.Planes = append(p.Planes, *black)
	}
	return "", nil
}

func reasonOf(err error) string {
	var e *media.Error
	if errors.As(err, &e) {
		return e.Reason
	}
	return media.Undecodable
}

// decodeWebP decodes a still picture. Lossy ones hold luma from 16 to 235 (RFC 6386, 9.2; libwebp), which the decoder
// hands on as if it were 0 to 255.
func decodeWebP(r io.Reader) (image.Image, error) {
	img, err := webp.Decode(r)
	switch img := img.(type) {
	case *image.YCbCr:
		fullRange(img.Y)
	case *image.NYCbCrA:
		fullRange(img.Y)
	}
	return img, err
}

func fullRange(luma []uint8) {
	for i, y := range luma {
		luma[i] = uint8((int(min(max(y, 16), 235)) - 16) * 255 / 219)
	}
}

// animated reports whether a WebP file has the animation flag, which its decoder here does not know.
func animated(r io.ReaderAt) bool {
	var head [21]byte
	_, err := r.ReadAt(head[:], 0)
	return err == nil && string(head[12:16]) == "VP8X" && head[20]&2 != 0
}

// reader makes a long read end with its context.
type reader struct {
	ctx context.Context
	r   io.Reader
}

func (r *reader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.r.Read(p)
}

type readerAt struct {
	ctx context.Context
	r   io.ReaderAt
}

func (r *readerAt) ReadAt(p []byte, at int64) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.r.ReadAt(p, at)
}
