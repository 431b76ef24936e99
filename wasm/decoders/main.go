//go:build js && wasm

// Command decoders decodes what preseal's engine seldom has to: the pictures that a
// browser would, for browsers whose canvas falsifies what is read back, and filters
// of the kind bloom.zst. js/src/decoders.ts is the other side.
//
// At start it hands an object of functions to globalThis.presealReady, as
// preseal's engine does.
package main

import (
	"encoding/binary"
	"errors"
	"syscall/js"

	"github.com/preseal/preseal/matcher/media"
	"github.com/preseal/preseal/matcher/media/stills"
	"github.com/preseal/preseal/matcher/phash"
	"github.com/preseal/preseal/matcher/snapshot/zstd"
	"github.com/preseal/preseal/wasm/internal/bridge"
)

// version is the npm package's, set by the linker.
var version = "devel"

func main() {
	js.Global().Call("presealReady", bridge.Object(
		"version", version,
		"decode", bridge.Function(code, decode),
		"decompress", bridge.Function(code, decompress),
	))
	select {}
}

func code(err error) string {
	var unfit *media.Error
	if errors.As(err, &unfit) {
		return unfit.Reason
	}
	return "invalid"
}

// decode(source): the planes of the picture, over white, and over black if it
// is transparent. Samples are 16 bits, little-endian.
func decode(args []js.Value) (any, error) {
	r, size := bridge.Source(args[0])
	info, err := media.Sniff(r, size)
	if err != nil {
		return nil, err
	}
	white, black, err := stills.Decode(r, size, info)
	if err != nil {
		return nil, err
	}
	planes := []any{plane(white)}
	if black != nil {
		planes = append(planes, plane(*black))
	}
	return bridge.Object("planes", planes), nil
}

// decompress(stream: Uint8Array, size): the filter of so many bytes that a zstd
// stream holds.
func decompress(args []js.Value) (any, error) {
	stream, err := bridge.Bytes(args[0], zstd.MaxSize, nil)
	if err != nil {
		return nil, err
	}
	filter, err := zstd.Decompress(stream, args[1].Int())
	if err != nil {
		return nil, err
	}
	return bridge.Object("filter", bridge.Uint8Array(filter)), nil
}

func plane(l phash.Luma) any {
	samples := make([]byte, 0, 2*len(l.Pix))
	for _, v := range l.Pix {
		samples = binary.LittleEndian.AppendUint16(samples, v)
	}
	return bridge.Object("width", l.W, "height", l.H, "samples", bridge.Uint8Array(samples))
}
