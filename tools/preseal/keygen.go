package main

import (
	"errors"
	"io/fs"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/preseal/preseal/tools/internal/keys"
	"github.com/preseal/preseal/tools/internal/output"
)

func newKeygen() *cobra.Command {
	var name, out string
	c := &cobra.Command{
		Use:   "keygen --out DIR",
		Short: "Make the keys of a list: for signing, for confirming, for trusting",
		Long: `Keygen writes three files to the folder DIR:

  signer.key    secret: signs snapshots; the builder needs it, the server does not
  oprf.key      secret: the confirmation server's key; builder and server need it
  verifier.pub  public: what clients trust; also printed

It never overwrites a key.`,
		Example: `  preseal keygen --out keys
  preseal keygen --name lists.example.org --out keys`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if !keys.ValidName(name) {
				return output.Usage(output.Hint(errors.New("the name of a key must be 1 to 200 printable ASCII characters without spaces and plus signs"),
					"a domain name is a good name: --name lists.example.org"))
			}
			if err := needOut(out); err != nil {
				return err
			}
			set, err := keys.Generate(name)
			if err != nil {
				return err
			}
			err = set.Write(out)
			if errors.Is(err, fs.ErrExist) {
				return output.Hint(err, "choose another folder, or move the old keys away; clients that trust them will not trust new ones")
			}
			if err != nil {
				return err
			}
			p := printer(c)
			p.Record(struct {
				Name     string `json:"name"`
				Verifier string `json:"verifier"`
				File     string `json:"file"`
			}{name, set.Verifier, filepath.Join(out, keys.VerifierFile)}, set.Verifier)
			return p.Err()
		},
	}
	c.Flags().StringVar(&name, "name", "preseal", "name of the signer, such as a domain")
	c.Flags().StringVar(&out, "out", "", "folder to write the keys to")
	require(c, "out")
	complete(c, []string{"out"}, nil)
	return c
}
