// Package zstd packs and unpacks filters of the kind bloom.zst, by
// github.com/klauspost/compress. It is apart from package snapshot, which is handed
// its functions, so that the engine of browsers does not carry it.
package zstd

import (
	"fmt"

	"github.com/klauspost/compress/zstd"
)

// MaxSize is the size of what Decompress returns at most, in bytes: the largest
// filter's.
const MaxSize = 256<<20 + 24

// Compress makes one zstd frame (RFC 8878), with the content's size.
func Compress(filter []byte) ([]byte, error) {
	e, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(1<<20),
		zstd.WithEncoderLevel(zstd.SpeedBetterCompression))
	if err != nil {
		return nil, err
	}
	defer e.Close()
	return e.EncodeAll(filter, nil), nil
}

// Decompress returns the size bytes, MaxSize at most, that a zstd stream holds, and
// an error if it holds fewer or more, or asks for a window of more than 8 MiB. It
// allocates a constant times size, whatever the stream says. (The smallest filters
// have 8 KiB; of the library's frames some of 1 KiB or less are refused.)
func Decompress(stream []byte, size int) ([]byte, error) {
	if size < 0 || size > MaxSize {
		return nil, fmt.Errorf("decompress to %d bytes, where %d are most", size, MaxSize)
	}
	d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1),
		zstd.WithDecoderMaxMemory(uint64(max(size, zstd.MinWindowSize))), zstd.WithDecoderMaxWindow(8<<20),
		zstd.WithDecodeAllCapLimit(true))
	if err != nil {
		return nil, err
	}
	defer d.Close()
	filter, err := d.DecodeAll(stream, make([]byte, 0, size))
	if err != nil {
		return nil, err
	}
	if len(filter) != size {
		return nil, fmt.Errorf("the filter has %d bytes, not %d", len(filter), size)
	}
	return filter, nil
}
