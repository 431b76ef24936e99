package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/preseal/preseal/matcher/snapshot"
	"github.com/preseal/preseal/tools/internal/client"
	"github.com/preseal/preseal/tools/internal/keys"
	"github.com/preseal/preseal/tools/internal/output"
)

// trustFlags say what a client accepts.
type trustFlags struct {
	keys            []string
	threshold       int
	origin, purpose string
	minVersion      uint64
}

func (t *trustFlags) add(c *cobra.Command) {
	f := c.Flags()
	f.StringArrayVar(&t.keys, "trust", nil, "verifier key, or a file that holds one (repeatable)")
	f.IntVar(&t.threshold, "threshold", 1, "how many of the trusted keys must have signed")
	f.StringVar(&t.origin, "origin", "", "the list's name must be this one (default: any)")
	f.StringVar(&t.purpose, "purpose", "", "the list's purpose must be this one (default: any)")
	f.Uint64Var(&t.minVersion, "min-version", 0, "the version must be this one or a later one")
	require(c, "trust")
	complete(c, nil, []string{"trust"}, "pub")
}

func (t *trustFlags) read() (snapshot.Trust, error) {
	out := snapshot.Trust{Threshold: t.threshold, Origin: t.origin, Purpose: t.purpose, MinVersion: t.minVersion}
	for _, s := range t.keys {
		key, err := keys.Trusted(s)
		if err != nil {
			return out, output.Hint(err, "--trust takes a line like name+1234abcd+… or the file verifier.pub that preseal keygen wrote")
		}
		out.Keys = append(out.Keys, key)
	}
	if t.threshold < 1 || t.threshold > len(out.Keys) {
		return out, output.Usage(output.Hint(fmt.Errorf("--threshold %d does not fit %s", t.threshold, things(len(out.Keys), "trusted key", "trusted keys")),
			"give --trust once for each key"))
	}
	return out, nil
}

// advice says what can be done about a snapshot that is refused.
func advice(err error) string {
	var exchange *client.Error
	var s *snapshot.Error
	switch {
	case errors.As(err, &exchange):
		return "check the address and that the server is running"
	case !errors.As(err, &s):
		return "check that this is the folder that preseal build wrote, and that its files can be read"
	}
	switch s.Code {
	case snapshot.Untrusted:
		return "compare --trust with the verifier.pub of the list's operator"
	case snapshot.Expired:
		return "fetch a newer snapshot, or build one: they expire on purpose"
	case snapshot.NotYetValid:
		return "check this computer's clock"
	case snapshot.RolledBack:
		return "this is an older list than was seen before; ask its operator why"
	case snapshot.WrongOrigin, snapshot.WrongPurpose:
		return "this is another list than the one asked for"
	case snapshot.UnsupportedVersion:
		return "a newer preseal may be able to read it"
	}
	return "fetch or copy the snapshot again; if that does not help, do not use it"
}
