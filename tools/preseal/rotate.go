package main

import (
	"encoding/hex"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/preseal/preseal/matcher/confirm/voprf"
	"github.com/preseal/preseal/tools/internal/keys"
	"github.com/preseal/preseal/tools/internal/output"
)

func newRotate() *cobra.Command {
	var keyDir string
	c := &cobra.Command{
		Use:   "rotate --key DIR",
		Short: "Replace the OPRF key by a new one",
		Long: `Rotate replaces oprf.key by a new key and puts the one before first in oprf.key.old, and prints the new key's id. Do it
when the key may have leaked, when the list has outgrown its outputs, or once in a while. Then, in this order:

  1. copy both files to the servers and restart them: with the older key they go on to answer clients of today's list;
  2. build the list: all outputs are computed, and clients download the next version once as a whole;
  3. when the version before has expired, 30 days later at most, take the older key off the servers, and run preseal gc:
     the entries of the older key stay until then.

Clients that still have the list of a key that the servers no longer have are told so. They look for the next version,
and go on.`,
		Example: `  preseal rotate --key keys`,
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			secret, err := keys.Rotate(keyDir)
			if err != nil {
				return output.Hint(err, "--key names the folder that preseal keygen wrote")
			}
			key, err := voprf.DeriveKey(secret)
			if err != nil {
				return err
			}
			id := key.Public().ID()
			name := hex.EncodeToString(id[:])
			p := printer(c)
			p.Record(struct {
				KeyID string `json:"keyId"`
				File  string `json:"file"`
				Old   string `json:"old"`
			}{name, filepath.Join(keyDir, keys.OPRFFile), filepath.Join(keyDir, keys.OldOPRFFile)}, name)
			return p.Err()
		},
	}
	c.Flags().StringVar(&keyDir, "key", "", "folder with oprf.key")
	require(c, "key")
	complete(c, []string{"key"}, nil)
	return c
}
