// Package media turns attachments into what can be hashed: it recognises a
// file by its content, reads its dimensions and EXIF orientation without
// decoding it, decodes JPEG at the scale that hashing needs, and reduces pixels
// that others decoded to the same small grey picture.
//
// Three rules make a picture the same one wherever it is decoded. The upright
// image is hashed, with the EXIF orientation applied. Transparent pictures are
// seen over white, and over black as well, since both is what senders'
// software does. Grey is the luma of the encoded samples (ITU-R BT.601), with
// no colour management.
package media

import "fmt"

// Limits on what is looked at. Above them a file is too large to check.
const (
	MaxBytes  = 1 << 32 // of a file
	MaxPixels = 1 << 27 // of a picture, width times height
)

// MaxSide is the most samples that a side of a plane has which this package
// makes.
const MaxSide = 2*detail - 1

// Reasons why a file cannot be hashed.
const (
	Empty       = "empty"        // no bytes at all
	NotAnImage  = "not-an-image" // no picture format that Sniff knows
	Undecodable = "undecodable"  // a picture format, but damaged
	TooLarge    = "too-large"    // over MaxBytes or MaxPixels
	TooComplex  = "too-complex"  // of more parts than any encoder makes
	Format      = "format"       // a kind of picture that is not decoded
)

// An Error says why a file cannot be hashed.
type Error struct {
	Reason string // one of the constants above
	Detail string // for people
}

func (e *Error) Error() string { return e.Reason + ": " + e.Detail }

// fail and damaged are called in so many places that inlining them would cost
// kilobytes.
//
//go:noinline
func fail(reason, format string, args ...any) error {
	return &Error{Reason: reason, Detail: fmt.Sprintf(format, args...)}
}

// damaged is the error of a file that does not follow its format.
//
//go:noinline
func damaged(what string) error { return &Error{Undecodable, what} }

func tooManyBytes(n int64) error {
	return fail(TooLarge, "the file has %d bytes, more than %d", n, int64(MaxBytes))
}

// checkSize rejects dimensions that no picture has or that are not looked at.
func checkSize(w, h int) error {
	if w < 1 || h < 1 {
		return fail(Undecodable, "the picture is %d×%d pixels", w, h)
	}
	if w > MaxPixels/h {
		return fail(TooLarge, "the picture is %d×%d pixels, more than %d in all", w, h, MaxPixels)
	}
	return nil
}
