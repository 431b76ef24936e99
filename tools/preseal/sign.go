package main

import (
	"cmp"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/preseal/preseal/matcher/snapshot"
	"github.com/preseal/preseal/tools/internal/keys"
	"github.com/preseal/preseal/tools/internal/output"
	"github.com/preseal/preseal/tools/internal/publish"
)

func newSign() *cobra.Command {
	var trust trustFlags
	var keyDir, previous string
	c := &cobra.Command{
		Use:   "sign DIR --key DIR --trust KEY…",
		Short: "Add a signature to a snapshot's manifest",
		Long: `Sign makes every check that a client makes, as preseal verify does, and adds the signature of another key to the
manifest. It refuses a manifest that the trusted keys have not signed, and one with any fault. With --previous it also
refuses a manifest that does not follow that one. What is signed stays as it is, so that clients that trust the first
signer alone accept it as before, and the server goes on.

The key folder needs signer.key only. Clients ask for both signatures if they trust two roles: the list's authority and
its auditor.`,
		Example: `  preseal sign site/lists --key auditor --trust authority.pub
  preseal sign site/lists --key auditor --trust authority.pub --previous archive/manifest-41`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if info, err := os.Stat(args[0]); err != nil || !info.IsDir() {
				return output.Hint(cmp.Or(err, fmt.Errorf("%s is not a folder", output.Name(args[0]))), "sign needs the folder that is published, and writes to it")
			}
			k, err := keys.ReadSigner(keyDir)
			if err != nil {
				return output.Hint(err, "--key names the folder that preseal keygen wrote")
			}
			release, err := lockList(args[0])
			if err != nil {
				return err
			}
			defer release()
			v, err := newVerification(c, args[0], &trust, previous)
			if err != nil {
				return err
			}
			if err := v.run(c.Context()); err != nil {
				return err
			}
			if seen := v.trust.Seen; seen != (snapshot.Mark{}) && v.m.Previous != seen.Hash {
				return output.Hint(fmt.Errorf("version %d does not follow version %d of --previous", v.m.Version, seen.Version),
					"give the manifest that was published before this one; if this is it, the list was changed in between")
			}
			return sign(v, args[0], k)
		},
	}
	trust.add(c)
	c.Flags().StringVar(&keyDir, "key", "", "folder with signer.key")
	c.Flags().StringVar(&previous, "previous", "", "manifest that was published before this one")
	require(c, "key")
	complete(c, []string{"key"}, nil)
	return c
}

func sign(v *verification, dir string, k *keys.Set) error {
	record := map[string]any{"signer": k.Name, "version": v.m.Version, "added": true}
	signed, err := publish.Countersign(v.manifest, k)
	switch {
	case errors.Is(err, publish.ErrSigned):
		record["added"] = false
		v.p.Record(record, fmt.Sprintf("%s has signed version %d already.", k.Name, v.m.Version))
		return v.p.Err()
	case err != nil:
		return err
	}
	if err := publish.ReplaceManifest(dir, v.manifest, signed); err != nil {
		return output.Hint(err, "sign needs a folder that it can write to; nothing was changed")
	}
	v.p.Record(record, fmt.Sprintf("%s has signed version %d.", k.Name, v.m.Version))
	return v.p.Err()
}
