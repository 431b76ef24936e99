package output

import (
	"bytes"
	"errors"
	"fmt"
	"testing"
)

func TestStatusAndReport(t *testing.T) {
	broken := errors.New("it broke")
	for _, tc := range []struct {
		err    error
		status int
		report string
	}{
		{nil, 0, ""},
		{broken, 1, "preseal: it broke\n"},
		{Hint(nil, "nothing"), 0, ""},
		{fmt.Errorf("build: %w", Hint(broken, "mend %s", "it")), 1, "preseal: build: it broke\npreseal: hint: mend it\n"},
		{Usage(Hint(broken, "read")), 2, "preseal: it broke\npreseal: hint: read\n"},
		{Hint(Usage(broken), "read"), 2, "preseal: it broke\npreseal: hint: read\n"},
		{Exit(3), 3, ""},
	} {
		var b bytes.Buffer
		Report(&b, tc.err)
		if got := Status(tc.err); got != tc.status || b.String() != tc.report {
			t.Errorf("%v: status %d, report %q, want %d, %q", tc.err, got, &b, tc.status, tc.report)
		}
	}
}

func TestCount(t *testing.T) {
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567", -1000: "-1,000", -100: "-100"} {
		if got := Count(n); got != want {
			t.Errorf("Count(%d) = %s, want %s", n, got, want)
		}
	}
}

func TestName(t *testing.T) {
	for in, want := range map[string]string{"é a.jpg": "é a.jpg", "a\nmatch b": `"a\nmatch b"`, "\x1b[2J": `"\x1b[2J"`} {
		if got := Name(in); got != want {
			t.Errorf("Name(%q) = %s, want %s", in, got, want)
		}
	}
}
