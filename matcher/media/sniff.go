package media

import (
	"bytes"
	"encoding/binary"
	"io"
)

// An Info is what a file tells about itself without being decoded.
type Info struct {
	// Format is "jpeg", "png", "gif", "webp", "bmp", "avif", "heic", "tiff",
	// "svg", "pdf", or that of a film: "mp4", "webm" or "avi".
	Format string
	// Width and Height are in pixels, as stored: before any rotation. They are
	// 0 for formats behind avif, whose headers are not read.
	Width, Height int
	// Orientation is the EXIF orientation of a JPEG or PNG, 1 to 8, and 1 otherwise.
	Orientation int
	// Progressive says of a JPEG that its first scans are a picture already.
	Progressive bool
}

// What is walked through at most. Encoders cut PNG data into chunks of 8 KB or so.
const (
	maxParts  = 4096 // segments and boxes
	maxChunks = 1 << 17
	headBytes = 64 << 10 // read at once: most of what there is to see lies there
)

// Sniff recognises the format of a file of size bytes by its content, never by
// its name, and reads the picture's dimensions. It reads the first 64 KiB of r,
// and small pieces of what lies behind. Errors are *Error, but for those of r
// itself; with TooLarge, TooComplex and Undecodable the format is still filled
// in.
func Sniff(r io.ReaderAt, size int64) (Info, error) {
	if size <= 0 {
		return Info{Orientation: 1}, fail(Empty, "the file has no bytes")
	}
	if size > MaxBytes {
		return Info{Orientation: 1}, tooManyBytes(size)
	}
	f := &file{r: r, size: size}
	head := make([]byte, min(size, headBytes))
	if err := f.read(0, head); err != nil {
		return Info{Orientation: 1}, err
	}
	f.head = head
	info := Info{Format: format(head[:min(len(head), 1024)]), Orientation: 1}
	var err error
	switch info.Format {
	case "":
		return info, fail(NotAnImage, "the content is of no picture format")
	case "jpeg":
		err = f.jpeg(&info)
	case "png":
		err = f.png(&info)
	case "gif":
		err = f.gif(&info)
	case "bmp":
		err = f.bmp(&info)
	case "webp":
		err = f.webp(&info)
	case "avif":
		err = f.avif(&info, 0, size, "meta", new(int))
	default:
		return info, nil
	}
	if err == nil {
		err = checkSize(info.Width, info.Height)
	}
	return info, err
}

// format knows the signatures; head is the file's first kilobyte at most.
func format(head []byte) string {
	starts := func(s string) bool { return bytes.HasPrefix(head, []byte(s)) }
	switch {
	case starts("\xff\xd8\xff"):
		return "jpeg"
	case starts("\x89PNG\r\n\x1a\n"):
		return "png"
	case starts("GIF87a"), starts("GIF89a"):
		return "gif"
	case starts("RIFF") && len(head) >= 16 && string(head[8:12]) == "WEBP":
		return "webp"
	case starts("BM") && len(head) >= 26 && head[14] >= 12 && head[15] == 0 && head[16] == 0 && head[17] == 0:
		return "bmp"
	case starts("II*\x00"), starts("MM\x00*"):
		return "tiff"
	case starts("%PDF-"):
		return "pdf"
	case starts("\x1a\x45\xdf\xa3"): // EBML (RFC 8794): Matroska and WebM
		return "webm"
	case starts("RIFF") && len(head) >= 12 && string(head[8:12]) == "AVI ":
		return "avi"
	case len(head) >= 16 && string(head[4:8]) == "ftyp":
		return brand(head)
	case isSVG(head):
		return "svg"
	}
	return ""
}

// brand looks for the still-picture brands of an ISO base media file
// (ISO/IEC 14496-12, "ftyp"): the major one, then the compatible ones. Without
// one it is a film, or sound.
func brand(head []byte) string {
	end := min(int(binary.BigEndian.Uint32(head)), len(head))
	kind := "mp4"
	for at := 8; at+4 <= end; at += 4 {
		switch string(head[at : at+4]) {
		case "avif", "avis":
			return "avif"
		case "heic", "heix", "heim", "heis", "hevc", "hevx", "mif1", "msf1":
			kind = "heic"
		}
	}
	return kind
}

func isSVG(head []byte) bool {
	text := bytes.TrimLeft(bytes.TrimPrefix(head, []byte("\xef\xbb\xbf")), " \t\r\n")
	return bytes.HasPrefix(text, []byte("<svg")) ||
		(bytes.HasPrefix(text, []byte("<?xml")) || bytes.HasPrefix(text, []byte("<!"))) && bytes.Contains(text, []byte("<svg"))
}

// A file reads small pieces, each wholly or not at all.
type file struct {
	r    io.ReaderAt
	size int64
	head []byte // what has been read already
}

func (f *file) read(at int64, p []byte) error {
	if at < 0 || at > f.size-int64(len(p)) {
		return fail(Undecodable, "the file ends within its header")
	}
	if at+int64(len(p)) <= int64(len(f.head)) {
		copy(p, f.head[at:])
		return nil
	}
	n, err := f.r.ReadAt(p, at)
	if n == len(p) {
		return nil
	}
	if err == nil || err == io.EOF {
		return fail(Undecodable, "the file ends within its header")
	}
	return err
}

// fixed reads width and height as two 32-bit numbers.
func (f *file) fixed(info *Info, at int64, order binary.ByteOrder) error {
	var b [8]byte
	if err := f.read(at, b[:]); err != nil {
		return err
	}
	w, h := order.Uint32(b[:]), order.Uint32(b[4:])
	if w > 1<<31-1 || h > 1<<31-1 {
		return fail(Undecodable, "the picture is %d×%d pixels", w, h)
	}
	info.Width, info.Height = int(w), int(h)
	return nil
}

// png reads the header and walks through the chunks to the last one (PNG, third
// edition, 5.3): browsers differ in what they make of a truncated file.
func (f *file) png(info *Info) error {
	if err := f.fixed(info, 16, binary.BigEndian); err != nil {
		return err
	}
	if err := checkSize(info.Width, info.Height); err != nil {
		return err // before the walk, which needs more of the file
	}
	at, seen := int64(8), false
	for range maxChunks {
		var b [8]byte
		if err := f.read(at, b[:]); err != nil {
			return err
		}
		length := int64(binary.BigEndian.Uint32(b[:]))
		if at+12+length > f.size {
			break
		}
		switch string(b[4:]) {
		case "IEND":
			return nil
		case "IDAT":
			seen = true
		case "eXIf":
			if !seen { // browsers ignore one behind the picture
				info.Orientation = f.tiffOrientation(at+8, at+8+length)
			}
		}
		at += 12 + length
	}
	return fail(Undecodable, "the file ends within the image")
}

func (f *file) gif(info *Info) error {
	var b [4]byte
	if err := f.read(6, b[:]); err != nil {
		return err
	}
	info.Width, info.Height = int(binary.LittleEndian.Uint16(b[:])), int(binary.LittleEndian.Uint16(b[2:]))
	return nil
}

func (f *file) bmp(info *Info) error {
	var b [12]byte
	if err := f.read(14, b[:]); err != nil {
		return err
	}
	if b[0] == 12 { // the header of OS/2 has 16-bit fields
		info.Width, info.Height = int(binary.LittleEndian.Uint16(b[4:])), int(binary.LittleEndian.Uint16(b[6:]))
		return nil
	}
	w, h := int(int32(binary.LittleEndian.Uint32(b[4:]))), int(int32(binary.LittleEndian.Uint32(b[8:])))
	info.Width, info.Height = w, max(h, -h) // a negative height means rows from the top
	return nil
}

// webp reads the first chunk (RFC 9649, section 2).
func (f *file) webp(info *Info) error {
	b := make([]byte, 26)
	if err := f.read(4, b); err != nil {
		return err
	}
	if whole := 8 + int64(binary.LittleEndian.Uint32(b)); whole > f.size {
		return fail(Undecodable, "the file ends within the image")
	}
	b = b[8:]
	le24 := func(b []byte) int { return int(b[0]) | int(b[1])<<8 | int(b[2])<<16 }
	switch data := b[8:]; string(b[:4]) {
	case "VP8X":
		info.Width, info.Height = 1+le24(data[4:]), 1+le24(data[7:])
	case "VP8L":
		bits := binary.LittleEndian.Uint32(data[1:])
		if data[0] != 0x2f {
			return fail(Undecodable, "the lossless picture has no signature")
		}
		info.Width, info.Height = 1+int(bits&0x3fff), 1+int(bits>>14&0x3fff)
	case "VP8 ":
		if data[0]&1 != 0 || data[3] != 0x9d || data[4] != 0x01 || data[5] != 0x2a {
			return fail(Undecodable, "the picture begins with no key frame")
		}
		info.Width = int(binary.LittleEndian.Uint16(data[6:]) & 0x3fff)
		info.Height = int(binary.LittleEndian.Uint16(data[8:]) & 0x3fff)
	default:
		return fail(Undecodable, "the first chunk is %q", b[:4])
	}
	return nil
}

// avif descends meta / iprp / ipco and takes the largest picture that an ispe
// box describes (ISO/IEC 23008-12, 6.5.3).
func (f *file) avif(info *Info, at, end int64, want string, parts *int) error {
	for at+8 <= end {
		if *parts++; *parts > maxParts {
			return fail(TooComplex, "more than %d boxes", maxParts)
		}
		var b [16]byte
		if err := f.read(at, b[:8]); err != nil {
			return err
		}
		length, header := int64(binary.BigEndian.Uint32(b[:])), int64(8)
		switch {
		case length == 0:
			length = end - at
		case length == 1:
			if err := f.read(at, b[:]); err != nil {
				return err
			}
			if length = int64(binary.BigEndian.Uint64(b[8:])); length < 0 {
				return fail(Undecodable, "a box is too long")
			}
			header = 16
		}
		if length < header || length > end-at {
			return fail(Undecodable, "a box of %d bytes does not fit", length)
		}
		if string(b[4:8]) == want {
			inside := at + header
			switch want {
			case "meta":
				return f.avif(info, inside+4, at+length, "iprp", parts)
			case "iprp":
				return f.avif(info, inside, at+length, "ipco", parts)
			case "ipco":
				return f.avif(info, inside, at+length, "ispe", parts)
			}
			var one Info
			if err := f.fixed(&one, inside+4, binary.BigEndian); err != nil {
				return err
			}
			info.Width, info.Height = max(info.Width, one.Width), max(info.Height, one.Height)
		}
		at += length
	}
	if want == "ispe" && info.Width > 0 {
		return nil
	}
	return fail(Undecodable, "the file has no %s box", want)
}
