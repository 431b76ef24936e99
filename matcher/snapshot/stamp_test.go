package snapshot

import (
	"testing"
	"time"
)

func TestStamp(t *testing.T) {
	east := time.FixedZone("east", 5400)
	for _, at := range []time.Time{
		now, time.Unix(0, 0), time.Date(2024, 2, 29, 23, 59, 59, 999, time.UTC), time.Date(9999, 12, 31, 0, 0, 1, 0, time.UTC),
		time.Date(2026, 1, 1, 0, 30, 0, 0, east), time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC),
	} {
		want := at.UTC().Format(stampForm)
		if got := stamp(at); got != want {
			t.Errorf("stamp of %v is %s, want %s", at, got, want)
		}
		if got, ok := parseStamp(want); !ok || got != at.UTC().Truncate(time.Second) {
			t.Errorf("%s is parsed as %v, %v", want, got, ok)
		}
	}
}

func FuzzStamp(f *testing.F) {
	for _, s := range []string{
		"", stampForm, "2026-11-22T12:00:00Z", "2026-02-29T12:00:00Z", "2026-11-22T24:00:00Z", "2026-11-22T12:00:60Z",
		"2026-11-22t12:00:00z", "2026-11-22T12:00:00+", "+026-11-22T12:00:00Z", "2026--1-22T12:00:00Z", "2026-11-22T1a:00:00Z",
		"0000-01-01T00:00:00Z", "-001-01-01T00:00:00Z", "2026-00-22T12:00:00Z", "2026-11-22T12:00:00.Z",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, ok := parseStamp(s)
		want, err := time.Parse(stampForm, s)
		if exact := err == nil && want.Format(stampForm) == s; ok != exact || ok && got != want {
			t.Errorf("%q is parsed as %v, %v, want %v, %v", s, got, ok, want, exact)
		}
	})
}
