//go:build js && wasm

// Package bridge carries calls from JavaScript into Go and results back. Both
// WebAssembly files are made with it.
package bridge

import (
	"fmt"
	"io"
	"syscall/js"
)

// Function makes a JavaScript function out of a Go one. It returns {ok: …} or
// {error: {code, message, fatal}}, where code says what an error of f is. Its
// panics, most of which come from arguments of the wrong type, end as fatal
// errors: then the instance is in an unknown state, throw it away. Inlined, it
// would be there once for every function.
//
//go:noinline
func Function(code func(error) string, f func(args []js.Value) (any, error)) js.Func {
	return js.FuncOf(func(_ js.Value, args []js.Value) (result any) {
		defer func() {
			if p := recover(); p != nil {
				result = failure("engine-failed", fmt.Sprint("panic: ", p), true)
			}
		}()
		ok, err := f(args)
		if err != nil {
			return failure(code(err), err.Error(), false)
		}
		return Object("ok", ok)
	})
}

func failure(code, message string, fatal bool) any {
	return Object("error", Object("code", code, "message", message, "fatal", fatal))
}

// Object makes a JavaScript object of names and their values, in turn. Values are
// what js.ValueOf takes. Written out as a map, every name would be a call; an empty
// map is the quickest way to an object.
func Object(namesAndValues ...any) js.Value {
	o := js.ValueOf(map[string]any{})
	for i := 0; i < len(namesAndValues); i += 2 {
		o.Set(namesAndValues[i].(string), namesAndValues[i+1])
	}
	return o
}

// Bytes copies a Uint8Array of most bytes at most, into buf if it is large
// enough.
func Bytes(v js.Value, most int, buf []byte) ([]byte, error) {
	n := v.Get("length").Int()
	if n > most {
		return nil, fmt.Errorf("%d bytes are more than %d", n, most)
	}
	if cap(buf) < n {
		buf = make([]byte, n)
	}
	js.CopyBytesToGo(buf[:n], v)
	return buf[:n], nil
}

// Uint8Array copies bytes to JavaScript.
func Uint8Array(b []byte) js.Value {
	v := js.Global().Get("Uint8Array").New(len(b))
	js.CopyBytesToJS(v, b)
	return v
}

// Source returns what a Uint8Array holds, or what {size, read} reads: read(at,
// length) returns a Uint8Array of that length, at once.
func Source(v js.Value) (io.ReaderAt, int64) {
	if read := v.Get("read"); read.Type() == js.TypeFunction {
		return readerAt{v, "read"}, int64(v.Get("size").Float())
	}
	return readerAt{v, "subarray"}, int64(v.Length())
}

// Caught, deferred, makes an error of what JavaScript throws.
func Caught(err *error) {
	switch p := recover().(type) {
	case nil:
	case js.Error:
		*err = p
	default:
		panic(p)
	}
}

// A readerAt reads pieces of a file without copying the rest.
type readerAt struct {
	file   js.Value
	method string
}

// few bytes are had one by one in less time than by a call that makes an array.
const few = 8

func (r readerAt) ReadAt(p []byte, at int64) (n int, err error) {
	defer Caught(&err)
	second := len(p)
	if r.method == "subarray" {
		if len(p) <= few {
			return r.readFew(p, int(at))
		}
		if at >= int64(r.file.Length()) { // which it takes for the end
			return 0, io.EOF
		}
		second += int(at)
	}
	if n = js.CopyBytesToGo(p, r.file.Call(r.method, int(at), second)); n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (r readerAt) readFew(p []byte, at int) (n int, err error) {
	for ; n < len(p); n++ {
		b := r.file.Index(at + n)
		if b.IsUndefined() {
			return n, io.EOF
		}
		p[n] = byte(b.Int())
	}
	return n, nil
}
