package main

import (
	"errors"
	"fmt"
	"regexp"
	"slices"

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
	f.StringArrayVar(&t.keys, "trust", nil, "verifier key, or a file that holds one, as ROLE=KEY if need be; the first is the authority's,\n"+
		"the second the auditor's, and both must have signed (repeatable)")
	f.IntVar(&t.threshold, "threshold", 0, "how many of the roles must have signed (default: all)")
	f.StringVar(&t.origin, "origin", "", "the list's name must be this one (default: any)")
	f.StringVar(&t.purpose, "purpose", "", "the list's purpose must be this one (default: any)")
	f.Uint64Var(&t.minVersion, "min-version", 0, "the version must be this one or a later one")
	require(c, "trust")
	complete(c, nil, []string{"trust"}, "pub")
}

// namedRole is a key with a role before it.
var namedRole = regexp.MustCompile(`^([a-z]+)=(.*)$`)

func (t *trustFlags) read() (snapshot.Trust, error) {
	out := snapshot.Trust{Threshold: t.threshold, Origin: t.origin, Purpose: t.purpose, MinVersion: t.minVersion}
	var plain []string
	for _, s := range t.keys {
		role := ""
		if f := namedRole.FindStringSubmatch(s); f != nil {
			role, s = f[1], f[2]
		}
		key, err := keys.Trusted(s)
		if err != nil {
			return out, output.Hint(err, "--trust takes a line like name+1234abcd+… or the file verifier.pub that preseal keygen wrote")
		}
		if role == "" {
			plain = append(plain, key)
			continue
		}
		i := slices.IndexFunc(out.Roles, func(r snapshot.Role) bool { return r.Name == role })
		if i < 0 {
			i = len(out.Roles)
			out.Roles = append(out.Roles, snapshot.Role{Name: role})
		}
		out.Roles[i].Keys = append(out.Roles[i].Keys, key)
	}
	if len(plain) > 0 {
		if len(plain) > 2 || len(out.Roles) > 0 {
			return out, output.Usage(output.Hint(errors.New("more than two trusted keys, or some with a role and some without"),
				"give each its role, as in --trust authority=KEY --trust auditor=KEY"))
		}
		out.Roles = snapshot.Trusted(plain...)
	}
	if t.threshold < 0 || t.threshold > len(out.Roles) {
		return out, output.Usage(output.Hint(fmt.Errorf("--threshold %d does not fit %s", t.threshold, things(len(out.Roles), "role", "roles")),
			"give --trust once for each key"))
	}
	return out, nil
}

// signerNames lists who signed, with their roles if they are known.
func signerNames(m *snapshot.Manifest) []string {
	var names []string
	for _, s := range m.Signers {
		if s.Role != "" {
			s.Name += " (" + s.Role + ")"
		}
		names = append(names, s.Name)
	}
	return names
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
	case snapshot.Conflicting, snapshot.BrokenChain:
		return "this is not what was published before; keep both manifests and ask the list's operator why"
	case snapshot.WrongOrigin, snapshot.WrongPurpose:
		return "this is another list than the one asked for"
	case snapshot.UnsupportedVersion:
		return "a newer preseal may be able to read it"
	}
	return "fetch or copy the snapshot again; if that does not help, do not use it"
}
