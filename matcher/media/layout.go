package media

// A Layout says what the bytes of a Reducer's rows are.
type Layout int

const (
	RGBA      Layout = iota // straight alpha, four bytes a pixel
	BGRA                    // the same with blue first
	BGRX                    // opaque, whatever its fourth bytes are
	Luma                    // opaque luma of 0 to 255, one byte a pixel
	VideoLuma               // opaque luma of 16 to 235, as video has it
)

// Size returns how many bytes a pixel has.
func (l Layout) Size() int {
	if l.isLuma() {
		return 1
	}
	return 4
}

func (l Layout) isLuma() bool { return l == Luma || l == VideoLuma }
