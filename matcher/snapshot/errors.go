package snapshot

import "fmt"

// A Code names the check that a manifest or snapshot failed.
type Code string

// The checks, in the order in which they are made.
const (
	TooLarge           Code = "too-large"           // over MaxManifest or MaxSnapshot
	Untrusted          Code = "untrusted"           // too few signatures by trusted keys
	UnsupportedVersion Code = "unsupported-version" // a format that this version cannot read
	WrongOrigin        Code = "wrong-origin"        // another list than the pinned one
	WrongPurpose       Code = "wrong-purpose"       // a list for another use
	RolledBack         Code = "rolled-back"         // older than a version already seen
	Conflicting        Code = "conflicting"         // not the same as one of this version already seen
	BrokenChain        Code = "broken-chain"        // not the one after the version already seen
	NotYetValid        Code = "not-yet-valid"       // published in the future
	Expired            Code = "expired"             // past its last day
	Corrupt            Code = "corrupt"             // malformed, or not the file that was signed
	WrongBase          Code = "wrong-base"          // a delta from another snapshot
	Overfull           Code = "overfull"            // more than MaxFill of a filter's bits are set
	Canary             Code = "canary"              // a filter fails the manifest's test keys
)

// An Error is a failed check.
type Error struct {
	Code Code
	Err  error
}

func (e *Error) Error() string { return string(e.Code) + ": " + e.Err.Error() }

// Unwrap returns what is behind the failed check.
func (e *Error) Unwrap() error { return e.Err }

func failed(code Code, format string, args ...any) error {
	return &Error{code, fmt.Errorf(format, args...)}
}
