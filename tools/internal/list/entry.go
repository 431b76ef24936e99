package list

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math/bits"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/preseal/preseal/matcher/confirm/voprf"
	"github.com/preseal/preseal/matcher/phash"
	"github.com/preseal/preseal/matcher/snapshot"
)

// ParseEntry reads an algorithm's name, a hash and a quality ("" if there is none) as a list spells them, in any case and
// with space around them.
func ParseEntry(algorithm, hash, quality string) (snapshot.Lane, []byte, error) {
	name := strings.ToLower(strings.TrimSpace(algorithm))
	hash = strings.ToLower(strings.TrimSpace(hash))
	if name == "" {
		return 0, nil, fmt.Errorf("the algorithm is missing")
	}
	lane, err := snapshot.ParseLane(name)
	if err != nil {
		return 0, nil, err
	}
	digits := hash
	if lane == snapshot.PHash {
		digits = strings.TrimPrefix(hash, "p:") // goimagehash's prefix
	}
	if want := 2 * lane.HashSize(); len(digits) != want {
		return 0, nil, fmt.Errorf("a %s has %d hexadecimal digits, and %s has %d", lane, want, quote(hash), len(digits))
	}
	key, err := hex.DecodeString(digits)
	if err != nil {
		return 0, nil, fmt.Errorf("%s is not hexadecimal", quote(hash))
	}
	if lane == snapshot.SHA256 {
		return lane, key, nil
	}
	if err := checkQuality(strings.TrimSpace(quality)); err != nil {
		return 0, nil, fmt.Errorf("the %s %s: %w", lane, digits, err)
	}
	if Degenerate(lane, key) {
		return 0, nil, fmt.Errorf("the %s %s is that of flat pictures and would match all of them", lane, digits)
	}
	return lane, key, nil
}

// ParseLabel reads a label as a list spells it, with space around it.
func ParseLabel(text string) (string, error) {
	label := strings.TrimSpace(text)
	switch {
	case len(label) > voprf.MaxLabel:
		return "", fmt.Errorf("the label %s has %d bytes, more than %d", quote(label), len(label), voprf.MaxLabel)
	case !utf8.ValidString(label) || strings.Contains(label, "\x00"):
		return "", fmt.Errorf("the label %s is not UTF-8 without zeros", quote(label))
	}
	return label, nil
}

// checkQuality applies the gate to what a list says of the picture behind a hash.
func checkQuality(text string) error {
	if text == "" {
		return nil
	}
	q, err := strconv.ParseFloat(text, 64)
	switch {
	case err != nil || !(q >= 0 && q <= 100):
		return fmt.Errorf("the quality %s is not a number from 0 to 100", quote(text))
	case q < phash.MinQuality:
		return fmt.Errorf("the quality %s is below %d: too little structure to be listed", text, phash.MinQuality)
	}
	return nil
}

// PHashKey returns a pHash as the lane phash has it.
func PHashKey(h phash.PHash) []byte { return binary.BigEndian.AppendUint64(nil, uint64(h)) }

// Degenerate reports whether a perceptual hash is one of pictures of one flat colour. Half the bits of a PDQ hash are set
// by construction, unless many frequencies are equally strong.
func Degenerate(lane snapshot.Lane, hash []byte) bool {
	switch lane {
	case snapshot.PHash:
		h := binary.BigEndian.Uint64(hash)
		return h == 0 || h == ^uint64(0) || h == 1 || h == 1<<63
	case snapshot.PDQ:
		set := 0
		for _, b := range hash {
			set += bits.OnesCount8(b)
		}
		return set < 64 || set > 192
	}
	return false
}

// quote shows at most 80 bytes of what a list file contains.
func quote(s string) string {
	if len(s) > 80 {
		return fmt.Sprintf("%q…", s[:80])
	}
	return fmt.Sprintf("%q", s)
}
