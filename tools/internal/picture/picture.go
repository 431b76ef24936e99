// Package picture reads a file as preseal sees it: digests of its bytes and, if it is a picture that can be decoded
// here, the upright luma planes that are hashed. The first frame of an animation counts.
package picture

import (
	"context"
	"crypto/md5"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/preseal/preseal/matcher/media"
	"github.com/preseal/preseal/matcher/media/stills"
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
	white, black, err := stills.Decode(&readerAt{ctx, r}, size, p.Info)
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
