package snapshot

import (
	"fmt"
	"strconv"
	"time"
)

// A stamp is how manifests and messages write a moment (RFC 3339): UTC, whole
// seconds. time.Format and time.Parse know every other form as well, and would
// be 3 percent of the engine.
const stampForm = "2006-01-02T15:04:05Z"

func stamp(t time.Time) string {
	t = t.UTC()
	return fmt.Sprintf("%04d-%02d-%02dT%02d:%02d:%02dZ", t.Year(), int(t.Month()), t.Day(), t.Hour(), t.Minute(), t.Second())
}

// parseStamp reads what stamp writes, and nothing else.
func parseStamp(s string) (t time.Time, ok bool) {
	if len(s) != len(stampForm) {
		return t, false
	}
	number := func(from, to int) int {
		n, _ := strconv.Atoi(s[from:to]) // what is no number is not written like that again
		return n
	}
	t = time.Date(number(0, 4), time.Month(number(5, 7)), number(8, 10), number(11, 13), number(14, 16), number(17, 19), 0, time.UTC)
	return t, t.Year() >= 0 && stamp(t) == s
}
