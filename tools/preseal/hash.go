package main

import (
	"encoding/hex"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/preseal/preseal/matcher/phash"
	"github.com/preseal/preseal/tools/internal/output"
	"github.com/preseal/preseal/tools/internal/picture"
)

// hashRecord is one line of preseal hash --json. PHash and PDQ are empty if the file is not a picture that is decoded here.
type hashRecord struct {
	File        string `json:"file"`
	SHA256      string `json:"sha256"`
	MD5         string `json:"md5"`
	PHash       string `json:"phash"`
	PDQ         string `json:"pdq"`
	Quality     int    `json:"quality"`
	Width       int    `json:"width"`
	Height      int    `json:"height"`
	Format      string `json:"format"`
	Orientation int    `json:"orientation"`

	featureless string // why it is, or ""
}

func newHash() *cobra.Command {
	return &cobra.Command{
		Use:   "hash FILE…",
		Short: "Print the hashes of files",
		Long: fmt.Sprintf(`Hash prints the digests of each file and, if it is a picture, its perceptual hashes, its quality (0 to 100), its size in
pixels as stored, its format and its EXIF orientation. A picture has too little structure to be found, or to be listed by
more than its digest, if its quality is below %d, its brightness deviates by less than %d of 255, or more than %d of its 64
lowest PDQ bits are unsure; then the reason follows the quality. Folders are walked through. Pictures: JPEG, PNG, GIF,
WebP and BMP, of an animation the first frame.`, phash.MinQuality, phash.MinDeviation, phash.MaxUnsure),
		Example: `  preseal hash photo.jpg
  preseal hash --json pictures/ | jq -r .pdq`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			p := printer(c)
			return walk(c, p, args, func(path string) error {
				file, err := picture.ReadFile(c.Context(), path)
				if err != nil {
					return err
				}
				r := hashRecord{
					File: path, SHA256: hex.EncodeToString(file.SHA256[:]), MD5: hex.EncodeToString(file.MD5[:]),
					Width: file.Info.Width, Height: file.Info.Height, Format: file.Info.Format, Orientation: file.Info.Orientation,
				}
				if file.Reason == "" {
					im, err := phash.Of(file.Planes[0])
					if err != nil {
						return err
					}
					r.PHash, r.PDQ, r.Quality, r.featureless = im.PHash.String(), im.PDQ.String(), im.Quality, picture.Featureless(im)
				}
				p.Record(r, r.text(file))
				return nil
			})
		},
	}
}

func (r hashRecord) text(file *picture.Picture) string {
	s := fmt.Sprintf("%s\n  sha256   %s\n  md5      %s\n", output.Name(r.File), r.SHA256, r.MD5)
	if file.Reason != "" {
		return s + fmt.Sprintf("  phash    none: %v", file.Detail)
	}
	s += fmt.Sprintf("  phash    %s\n  pdq      %s\n  quality  %d", r.PHash, r.PDQ, r.Quality)
	if r.featureless != "" {
		s += ", " + r.featureless
	}
	s += fmt.Sprintf("\n  picture  %s, %d×%d", r.Format, r.Width, r.Height)
	if r.Orientation != 1 {
		s += fmt.Sprintf(", EXIF orientation %d", r.Orientation)
	}
	return s
}
