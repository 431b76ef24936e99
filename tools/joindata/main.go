// Command joindata joins the data segments of WebAssembly files, in place.
//
// Go's linker leaves out the zeros between data, so that a program comes in tens
// of thousands of segments, whose addresses do not compress. With the zeros put
// back a program is larger, but smaller when it is compressed.
package main

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
)

func main() {
	flag.Usage = func() { fmt.Fprintln(flag.CommandLine.Output(), "usage: joindata file.wasm ...") }
	flag.Parse()
	if flag.NArg() == 0 {
		flag.Usage()
		os.Exit(2)
	}
	for _, path := range flag.Args() {
		if err := joinFile(path); err != nil {
			fmt.Fprintf(os.Stderr, "joindata: %s: %v\n", path, err)
			os.Exit(1)
		}
	}
}

func joinFile(path string) error {
	module, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if module, err = join(module); err != nil {
		return err
	}
	return os.WriteFile(path, module, 0o755)
}

// The binary format: WebAssembly Core Specification 2.0, chapter 5.
const (
	header      = "\x00asm\x01\x00\x00\x00"
	dataSection = 11
	constI32    = 0x41
	end         = 0x0b
)

// gap is how many zeros are put back at most between two segments.
const gap = 1 << 12

// maxGrowth is how many zeros are put back at most altogether: a limit for
// hostile files.
const maxGrowth = 1 << 24

// join joins the segments of a module's data section.
func join(module []byte) ([]byte, error) {
	r := &reader{module}
	if magic, err := r.take(len(header)); err != nil || string(magic) != header {
		return nil, errors.New("not a WebAssembly module")
	}
	out, done := []byte(header), false
	for len(r.rest) > 0 {
		id, err := r.take(1)
		if err != nil {
			return nil, err
		}
		content, err := r.vector()
		if err != nil {
			return nil, err
		}
		if id[0] == dataSection {
			if done {
				return nil, errors.New("two data sections")
			}
			done = true
			segments, err := parse(content)
			if err != nil {
				return nil, fmt.Errorf("data section: %w", err)
			}
			content = appendAll(nil, joined(segments))
		}
		out = appendVector(append(out, id[0]), content)
	}
	return out, nil
}

// A segment is data for an address of memory 0.
type segment struct {
	at   uint32
	data []byte
}

// joined returns the segments in order, and those joined that follow each other
// closely. Where segments overlap it leaves them as they are.
func joined(segments []segment) []segment {
	sorted := slices.Clone(segments)
	slices.SortStableFunc(sorted, func(a, b segment) int { return cmp.Compare(a.at, b.at) })
	var out []segment
	behind, growth := uint64(0), uint64(0) // where the last one ends
	for i, s := range sorted {
		at := uint64(s.at)
		if at < behind {
			return segments
		}
		if zeros := at - behind; i > 0 && zeros <= gap && growth+zeros <= maxGrowth {
			growth += zeros
			last := &out[len(out)-1]
			last.data = append(append(last.data, make([]byte, zeros)...), s.data...)
		} else {
			out = append(out, segment{s.at, bytes.Clone(s.data)})
		}
		behind = at + uint64(len(s.data))
	}
	return out
}

func parse(section []byte) ([]segment, error) {
	r := &reader{section}
	count, err := r.number()
	if err != nil {
		return nil, err
	}
	var segments []segment
	for range count {
		kind, err := r.take(2)
		if err != nil {
			return nil, err
		}
		if kind[0] != 0 || kind[1] != constI32 {
			return nil, errors.New("a segment that is not active, or has no constant address")
		}
		at, err := r.signed()
		if err != nil {
			return nil, err
		}
		if stop, err := r.take(1); err != nil || stop[0] != end {
			return nil, errors.New("an address is not a constant alone")
		}
		data, err := r.vector()
		if err != nil {
			return nil, err
		}
		segments = append(segments, segment{uint32(at), data})
	}
	if len(r.rest) > 0 {
		return nil, errors.New("bytes behind the last segment")
	}
	return segments, nil
}

func appendAll(out []byte, segments []segment) []byte {
	out = binary.AppendUvarint(out, uint64(len(segments)))
	for _, s := range segments {
		out = append(appendSigned(append(out, 0, constI32), int32(s.at)), end)
		out = appendVector(out, s.data)
	}
	return out
}

func appendVector(out, v []byte) []byte {
	return append(binary.AppendUvarint(out, uint64(len(v))), v...)
}

// appendSigned appends a number in signed LEB128.
func appendSigned(out []byte, v int32) []byte {
	for ; v < -64 || v > 63; v >>= 7 {
		out = append(out, byte(v)|0x80)
	}
	return append(out, byte(v)&0x7f)
}

// A reader takes a file apart.
type reader struct{ rest []byte }

var errCut = errors.New("the file is cut")

func (r *reader) take(n int) ([]byte, error) {
	if n > len(r.rest) {
		return nil, errCut
	}
	taken := r.rest[:n]
	r.rest = r.rest[n:]
	return taken, nil
}

// number takes an unsigned number in LEB128, which is what encoding/binary calls
// a varint.
func (r *reader) number() (uint32, error) {
	v, n := binary.Uvarint(r.rest)
	if n <= 0 || v > 1<<32-1 {
		return 0, errors.New("a number is cut or too large")
	}
	r.rest = r.rest[n:]
	return uint32(v), nil
}

// signed takes a signed number in LEB128.
func (r *reader) signed() (int32, error) {
	v, shift := int64(0), 0
	for {
		b, err := r.take(1)
		if err != nil {
			return 0, err
		}
		v |= int64(b[0]&0x7f) << shift
		shift += 7
		if b[0]&0x80 != 0 {
			if shift > 28 {
				return 0, errors.New("a number is too large")
			}
			continue
		}
		if b[0]&0x40 != 0 {
			v -= 1 << shift
		}
		return int32(v), nil
	}
}

// vector takes a number and as many bytes.
func (r *reader) vector() ([]byte, error) {
	n, err := r.number()
	if err != nil {
		return nil, err
	}
	if uint64(n) > uint64(len(r.rest)) {
		return nil, errCut
	}
	return r.take(int(n))
}
